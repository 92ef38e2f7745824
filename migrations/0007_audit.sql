-- Who changed what, when (ORG-7). Append-only; names are kept as they were,
-- so that an entry outlives what it is about.
CREATE TABLE audit_entries (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    user_id TEXT,
    user_email TEXT NOT NULL,
    org_id TEXT,
    app_id TEXT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_entries_newest ON audit_entries (at, id);
CREATE INDEX audit_entries_by_app ON audit_entries (app_id, at, id);
