-- Follow-up work, written in the transaction of the change that caused it.
-- A job may run twice; `lease_until` keeps two servers off the same one.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_due ON jobs (run_at);
