-- What a log is made of, so that a viewer can fold and jump without reading
-- it: JSON of model::outline::Outline. Logs from before have none.
CREATE TABLE log_outlines (
    build_id TEXT PRIMARY KEY REFERENCES builds (id),
    outline TEXT NOT NULL
);

-- A window of lines is found by its first line.
CREATE INDEX log_chunks_by_line ON log_chunks (build_id, first_line, ordinal);
