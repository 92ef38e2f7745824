CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    repo_url TEXT NOT NULL,
    repo_credential_sealed TEXT,
    default_branch TEXT,
    branches_read_at BIGINT,
    next_build_number BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX apps_by_org ON apps (org_id);

CREATE TABLE app_members (
    app_id TEXT NOT NULL REFERENCES apps (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    access TEXT NOT NULL,
    PRIMARY KEY (app_id, user_id)
);
CREATE INDEX app_members_by_user ON app_members (user_id);

CREATE TABLE branches (
    app_id TEXT NOT NULL REFERENCES apps (id),
    name TEXT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (app_id, name)
);

CREATE TABLE app_variables (
    app_id TEXT NOT NULL REFERENCES apps (id),
    name TEXT NOT NULL,
    value_sealed TEXT NOT NULL,
    secret BOOLEAN NOT NULL,
    PRIMARY KEY (app_id, name)
);
