-- Where commit statuses of an app go (STA-1); the token is sealed.
CREATE TABLE app_providers (
    app_id TEXT PRIMARY KEY REFERENCES apps (id),
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,
    token_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- States to send, in the order of their ids per commit. `outcome` is NULL
-- until one is `sent` or `failed` for good; `sending_until` keeps two servers
-- off the same commit.
CREATE TABLE commit_statuses (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    build_id TEXT NOT NULL REFERENCES builds (id),
    sha TEXT NOT NULL,
    state TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    outcome TEXT,
    tries BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT NOT NULL DEFAULT 0,
    sending_until BIGINT,
    sent_at BIGINT,
    last_error TEXT,
    UNIQUE (build_id, sha, state)
);
CREATE INDEX commit_statuses_waiting ON commit_statuses (app_id, sha, id) WHERE outcome IS NULL;
