-- Weekly builds of a branch (TRG-13). `weekly` is JSON of
-- model::schedule::Weekly. Whoever moves `next_at` on runs the schedule.
CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    branch TEXT NOT NULL,
    weekly TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    last_at BIGINT,
    last_result TEXT NOT NULL DEFAULT '',
    last_build_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX schedules_by_app ON schedules (app_id);
CREATE INDEX schedules_due ON schedules (next_at);

-- One row. Whoever updates it is alone in counting running builds until its
-- commit, so that two claims cannot both take the last place under a limit.
CREATE TABLE queue_gate (
    id BIGINT PRIMARY KEY,
    claims BIGINT NOT NULL
);
INSERT INTO queue_gate (id, claims) VALUES (1, 0);

CREATE INDEX builds_running ON builds (app_id) WHERE status = 'running';
