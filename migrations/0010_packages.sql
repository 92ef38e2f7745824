-- What an agent read in an app package. A package that could not be read has
-- no facts but an error; other artifacts have no row.
CREATE TABLE packages (
    artifact_id TEXT PRIMARY KEY REFERENCES artifacts (id) ON DELETE CASCADE,
    -- JSON of model::package::PackageFacts.
    facts TEXT,
    error TEXT,
    -- A PNG in the blobs.
    icon_key TEXT,
    created_at BIGINT NOT NULL
);
