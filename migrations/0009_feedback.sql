-- What testers and crashed apps send (SDK-1, SDK-2). `build_id` refers to no
-- row: imported items may name a build that was not exported.
CREATE TABLE feedbacks (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    build_id TEXT NOT NULL,
    build_number BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    description TEXT NOT NULL,
    email TEXT,
    bundle_id TEXT NOT NULL,
    short_version TEXT NOT NULL,
    version TEXT NOT NULL,
    metadata TEXT NOT NULL,
    system TEXT NOT NULL
);
CREATE INDEX feedbacks_newest ON feedbacks (app_id, created_at, id);
CREATE INDEX feedbacks_by_build ON feedbacks (build_id);

-- Reports that look alike. `id` is made of what they share, so that the same
-- crash has the same group after an import.
CREATE TABLE crash_groups (
    app_id TEXT NOT NULL REFERENCES apps (id),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    exception_type TEXT NOT NULL,
    title TEXT NOT NULL,
    reports BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    last_build_number BIGINT NOT NULL,
    PRIMARY KEY (app_id, id)
);

CREATE TABLE crash_reports (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    build_id TEXT NOT NULL,
    build_number BIGINT NOT NULL,
    group_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    scheme TEXT NOT NULL,
    tester_email TEXT,
    identifier_for_vendor TEXT NOT NULL,
    bundle_id TEXT NOT NULL,
    short_version TEXT NOT NULL,
    version TEXT NOT NULL,
    metadata TEXT NOT NULL,
    system TEXT NOT NULL,
    resolved TEXT NOT NULL,
    resolved_text TEXT NOT NULL,
    FOREIGN KEY (app_id, group_id) REFERENCES crash_groups (app_id, id)
);
CREATE INDEX crash_reports_newest ON crash_reports (app_id, created_at, id);
CREATE INDEX crash_reports_by_build ON crash_reports (build_id);
CREATE INDEX crash_reports_by_group ON crash_reports (app_id, group_id, created_at, id);

-- Pictures, videos and device logs of both; the bytes are blobs. `token` is
-- the unguessable part of a public path; logs have none.
CREATE TABLE media (
    id TEXT PRIMARY KEY,
    item_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    token TEXT UNIQUE,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (item_id, kind)
);
