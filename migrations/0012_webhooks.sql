-- What a provider signs its deliveries with; no row = nothing is verified.
CREATE TABLE webhook_secrets (
    app_id TEXT PRIMARY KEY REFERENCES apps (id),
    secret_sealed TEXT NOT NULL,
    set_at BIGINT NOT NULL
);

-- One row per delivery and app, also for what the server found by itself.
-- `headers` is JSON of [name, value] pairs, `events` of model::git_event.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    -- The provider's own name of this delivery, the same when it repeats it.
    repeat_id TEXT,
    received_at BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body_bytes BIGINT NOT NULL,
    events TEXT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    -- A build came of it.
    built BOOLEAN NOT NULL DEFAULT FALSE,
    evaluated_at BIGINT
);
CREATE UNIQUE INDEX deliveries_by_repeat ON deliveries (app_id, repeat_id)
    WHERE repeat_id IS NOT NULL;
CREATE INDEX deliveries_newest ON deliveries (app_id, received_at, id);
CREATE INDEX deliveries_pending ON deliveries (app_id, received_at, id)
    WHERE state = 'pending';
CREATE INDEX deliveries_waiting ON deliveries (received_at) WHERE state = 'pending';

-- One zstd frame of the raw bytes; no row where they were too many.
CREATE TABLE delivery_bodies (
    delivery_id TEXT PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    data BYTEA NOT NULL
);

CREATE TABLE pull_requests (
    app_id TEXT NOT NULL REFERENCES apps (id),
    number BIGINT NOT NULL,
    open BOOLEAN NOT NULL,
    title TEXT NOT NULL,
    head_branch TEXT NOT NULL,
    head_sha TEXT NOT NULL,
    base_branch TEXT NOT NULL,
    -- NULL: the head is in the app's own repository.
    fork_name TEXT,
    fork_url TEXT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, number)
);
CREATE INDEX pull_requests_by_head ON pull_requests (app_id, head_branch) WHERE open;

-- What webhooks have built, so that no commit of a lane is built twice (TRG-5).
-- Of a tag both its object and its commit are kept.
CREATE TABLE built_commits (
    app_id TEXT NOT NULL REFERENCES apps (id),
    lane TEXT NOT NULL,
    sha TEXT NOT NULL,
    number BIGINT NOT NULL DEFAULT 0,
    -- The delivery that it was built for, which may be deleted by now.
    delivery_id TEXT,
    PRIMARY KEY (app_id, lane, sha)
);

-- The remote's references as they were last heard of.
CREATE TABLE remote_refs (
    app_id TEXT NOT NULL REFERENCES apps (id),
    name TEXT NOT NULL,
    sha TEXT NOT NULL,
    PRIMARY KEY (app_id, name)
);

-- When the server looks at each remote by itself.
CREATE TABLE remote_listings (
    app_id TEXT PRIMARY KEY REFERENCES apps (id),
    next_at BIGINT NOT NULL,
    -- NULL: not listed yet; the first listing only records.
    listed_at BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX remote_listings_due ON remote_listings (next_at);
