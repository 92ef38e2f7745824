-- What an administrator says on the public status page (OPS-1).
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    impact TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    resolved_at BIGINT
);
CREATE INDEX incidents_open ON incidents (started_at) WHERE resolved_at IS NULL;

-- Each says how things stood then; `state` of the incident is the newest one's.
CREATE TABLE incident_updates (
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX incident_updates_by_incident ON incident_updates (incident_id, at, id);
