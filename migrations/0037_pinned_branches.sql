-- Branches that somebody wants first on the page of builds (APP-12).
CREATE TABLE pinned_branches (
    user_id TEXT NOT NULL REFERENCES users (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    branch TEXT NOT NULL,
    pinned_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, app_id, branch)
);

-- What an app's provider was told last.
CREATE INDEX commit_statuses_by_app ON commit_statuses (app_id, id);
