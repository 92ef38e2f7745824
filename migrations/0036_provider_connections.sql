-- Accounts of an organisation at those who keep its repositories (ACC-4,
-- APP-7). `account` is the name that the last good check found there.
CREATE TABLE provider_connections (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,
    token_sealed TEXT NOT NULL,
    token_set_at BIGINT NOT NULL,
    account TEXT NOT NULL DEFAULT '',
    checked_at BIGINT,
    check_error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, name)
);
