-- Replaced by `variables` (0014), which took over its rows.
DROP TABLE app_variables;

-- Apps that were deleted before there was a job for it are purged as well,
-- 30 days and an hour after their deletion.
INSERT INTO jobs (id, kind, subject, run_at)
    SELECT id, 'purge_app', id, deleted_at + 2595600000 FROM apps WHERE deleted_at IS NOT NULL;
