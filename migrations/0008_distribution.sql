-- Whether the app was given its group `The Team` (DEP-1); a team that
-- somebody deleted does not come back.
ALTER TABLE apps ADD COLUMN has_team BOOLEAN NOT NULL DEFAULT FALSE;

-- `rules` is JSON of model::distribution::Rules, `schedule` of
-- model::schedule::Weekly.
CREATE TABLE deployment_groups (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    name TEXT NOT NULL,
    frequency TEXT NOT NULL,
    rules TEXT NOT NULL DEFAULT '{}',
    schedule TEXT,
    next_run_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX deployment_groups_by_app ON deployment_groups (app_id, created_at, id);
CREATE INDEX deployment_groups_due ON deployment_groups (next_run_at) WHERE next_run_at IS NOT NULL;

-- `email` is lowercased, `address` as it was typed. Who unsubscribed stays,
-- so that it can be seen that they did.
CREATE TABLE group_testers (
    group_id TEXT NOT NULL REFERENCES deployment_groups (id),
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    unsubscribed_at BIGINT,
    PRIMARY KEY (group_id, email)
);

-- The group's name is kept as it was, and its id is no reference, so that a
-- deployment outlives its group.
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    build_id TEXT NOT NULL REFERENCES builds (id),
    group_id TEXT,
    group_name TEXT NOT NULL DEFAULT '',
    cause TEXT NOT NULL,
    by_itself BOOLEAN NOT NULL,
    notes TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX deployments_by_build ON deployments (build_id, created_at, id);
CREATE INDEX deployments_by_group ON deployments (group_id, created_at, id);
-- A build goes to a group at most once without being asked (DEP-3).
CREATE UNIQUE INDEX deployments_once ON deployments (build_id, group_id) WHERE by_itself;

CREATE TABLE deployment_recipients (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployments (id),
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    sent_at BIGINT,
    opened_at BIGINT,
    downloaded_at BIGINT,
    launched_at BIGINT,
    failed_at BIGINT,
    failure TEXT,
    refused_at BIGINT,
    error TEXT,
    UNIQUE (deployment_id, email)
);
CREATE INDEX deployment_recipients_by_email ON deployment_recipients (email, deployment_id);

-- What `buddybuild_release_notes.txt` said (DEP-8).
CREATE TABLE build_notes (
    build_id TEXT PRIMARY KEY REFERENCES builds (id),
    notes TEXT NOT NULL
);
