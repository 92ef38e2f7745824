-- When a group was deleted. For 30 days it can be brought back with its
-- testers; then it goes for good.
ALTER TABLE deployment_groups ADD COLUMN deleted_at BIGINT;
