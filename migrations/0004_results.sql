CREATE TABLE test_results (
    build_id TEXT NOT NULL REFERENCES builds (id),
    ordinal BIGINT NOT NULL,
    run TEXT NOT NULL,
    target TEXT NOT NULL,
    suite TEXT NOT NULL,
    name TEXT NOT NULL,
    passed BOOLEAN NOT NULL,
    duration_ms BIGINT,
    message TEXT,
    file TEXT,
    line BIGINT,
    PRIMARY KEY (build_id, ordinal)
);

-- `files` is JSON of model::report::FileCoverage.
CREATE TABLE coverage_targets (
    build_id TEXT NOT NULL REFERENCES builds (id),
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    coverage DOUBLE PRECISION NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (build_id, ordinal)
);

CREATE TABLE artifacts (
    id TEXT PRIMARY KEY,
    build_id TEXT NOT NULL REFERENCES builds (id),
    upload_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (build_id, upload_id)
);
