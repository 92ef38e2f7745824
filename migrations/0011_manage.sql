-- Named tokens beside the one personal token of ACC-2, which has no name.
ALTER TABLE tokens ADD COLUMN name TEXT;
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE tokens ADD COLUMN expires_at BIGINT;
-- Written at most once a minute.
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT;

-- Two calls at once could have issued two personal tokens; the newest stays.
UPDATE tokens SET revoked_at = created_at
WHERE revoked_at IS NULL AND EXISTS (
    SELECT 1 FROM tokens newer
    WHERE newer.user_id = tokens.user_id AND newer.revoked_at IS NULL AND newer.id > tokens.id
);
CREATE UNIQUE INDEX tokens_personal ON tokens (user_id)
    WHERE name IS NULL AND revoked_at IS NULL;
CREATE UNIQUE INDEX tokens_named ON tokens (user_id, name)
    WHERE name IS NOT NULL AND revoked_at IS NULL;

-- Build pages and the latest-build redirect are open to everybody (STA-3).
ALTER TABLE apps ADD COLUMN is_public BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX audit_entries_by_org ON audit_entries (org_id, at, id);
