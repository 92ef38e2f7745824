-- What was asked to be built beyond a branch: JSON of model::origin::Origin,
-- NULL for the plain tip of a branch.
ALTER TABLE builds ADD COLUMN origin TEXT;
-- What a pull request was merged into: JSON of model::origin::Base.
ALTER TABLE builds ADD COLUMN base TEXT;
-- Builds of one lane replace each other (EVL-5): `branch:main`, `tag:v1`, `pull:12`.
ALTER TABLE builds ADD COLUMN lane TEXT NOT NULL DEFAULT '';
CREATE INDEX builds_unfinished_by_lane ON builds (app_id, lane)
    WHERE status = 'queued' OR status = 'running';
