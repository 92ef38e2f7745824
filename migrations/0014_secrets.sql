-- Variables of every scope and kind (SEC-2, SEC-4). `owner_id` is an app or an
-- organisation; `branch` is empty where every branch is meant.
CREATE TABLE variables (
    owner_id TEXT NOT NULL,
    branch TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT 'environment',
    name TEXT NOT NULL,
    value_sealed TEXT NOT NULL,
    hidden BOOLEAN NOT NULL DEFAULT TRUE,
    changed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (owner_id, branch, kind, name)
);
INSERT INTO variables (owner_id, name, value_sealed, hidden)
    SELECT app_id, name, value_sealed, secret FROM app_variables;
-- `app_variables` stays as it is for servers that do not know this table yet; a
-- later release drops it.

-- Secure files (SEC-3). The blob is encrypted under a key of its own, which is
-- sealed here.
CREATE TABLE secure_files (
    id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    blob_key TEXT NOT NULL,
    key_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (owner_id, name)
);

-- The key pair of an organisation (APP-4), in OpenSSH's formats.
CREATE TABLE ssh_keys (
    org_id TEXT PRIMARY KEY REFERENCES organisations (id),
    public_key TEXT NOT NULL,
    private_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Host keys that were seen first, or entered by a person: one `type base64` a
-- line. `host` is `name:port`.
CREATE TABLE ssh_hosts (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    host TEXT NOT NULL,
    keys TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, host)
);
