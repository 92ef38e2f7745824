CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    number BIGINT NOT NULL,
    status TEXT NOT NULL,
    phase TEXT NOT NULL,
    failure_kind TEXT,
    failure_message TEXT,
    scheme TEXT NOT NULL,
    repo_url TEXT NOT NULL,
    branch TEXT NOT NULL,
    wanted_commit TEXT,
    commit_sha TEXT NOT NULL DEFAULT '',
    commit_author TEXT NOT NULL DEFAULT '',
    commit_message TEXT NOT NULL DEFAULT '',
    triggered_by TEXT NOT NULL,
    triggered_by_user TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    attempt BIGINT NOT NULL DEFAULT 0,
    agent_id TEXT,
    claim_id TEXT,
    lease_until BIGINT,
    tests_count BIGINT,
    tests_passed BIGINT,
    coverage DOUBLE PRECISION,
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    downloads TEXT NOT NULL DEFAULT '[]',
    UNIQUE (app_id, number, scheme)
);
CREATE INDEX builds_newest ON builds (app_id, created_at, id);
CREATE INDEX builds_queued ON builds (created_at, id) WHERE status = 'queued';
CREATE INDEX builds_leased ON builds (lease_until) WHERE lease_until IS NOT NULL;
CREATE UNIQUE INDEX builds_by_claim ON builds (claim_id) WHERE claim_id IS NOT NULL;

-- One log per build; `next_seq` counts the chunks of the current attempt.
CREATE TABLE build_logs (
    build_id TEXT PRIMARY KEY REFERENCES builds (id),
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,
    chunks BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    complete BOOLEAN NOT NULL DEFAULT TRUE,
    blob_key TEXT,
    blob_bytes BIGINT,
    sha256 TEXT
);

-- `data` is one zstd frame of plain text, or NULL once it is folded into the
-- blob, where it stands at `blob_offset`.
CREATE TABLE log_chunks (
    build_id TEXT NOT NULL REFERENCES builds (id),
    ordinal BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    first_byte BIGINT NOT NULL,
    first_line BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    meta TEXT NOT NULL,
    data BYTEA,
    blob_offset BIGINT,
    blob_bytes BIGINT NOT NULL,
    PRIMARY KEY (build_id, ordinal)
);
