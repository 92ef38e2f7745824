-- Settings are JSON of model::settings::Settings: only what is set there.
-- `inherited` is what the app took from its organisation.
CREATE TABLE app_settings (
    app_id TEXT PRIMARY KEY REFERENCES apps (id),
    inherited TEXT NOT NULL DEFAULT '{}',
    own TEXT NOT NULL DEFAULT '{}'
);

-- `kind` is `branch` or `prefix`.
CREATE TABLE app_setting_overrides (
    app_id TEXT NOT NULL REFERENCES apps (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (app_id, kind, name)
);

-- `max_running` replaces the server's limit of builds per organisation.
CREATE TABLE org_settings (
    org_id TEXT PRIMARY KEY REFERENCES organisations (id),
    defaults TEXT NOT NULL DEFAULT '{}',
    max_running BIGINT
);

-- What the build is built with: JSON of model::settings::Resolved, as it was
-- when the build was queued (CFG-3). NULL for builds from before.
ALTER TABLE builds ADD COLUMN settings TEXT;

-- Labels that an agent must have to be given the build.
CREATE TABLE build_labels (
    build_id TEXT NOT NULL REFERENCES builds (id),
    label TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (build_id, label, value)
);
