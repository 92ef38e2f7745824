-- JSON of model::report::Snippet.
ALTER TABLE test_results ADD COLUMN snippet TEXT;

-- Lines that ran and their source, in one blob a build.
CREATE TABLE build_sources (
    build_id TEXT PRIMARY KEY REFERENCES builds (id),
    -- Of which attempt; that of an earlier one is not shown.
    attempt BIGINT NOT NULL,
    blob_key TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
