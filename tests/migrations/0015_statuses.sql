INSERT INTO app_providers (app_id, provider, base_url, token_sealed, created_at)
    SELECT id, 'github', 'https://api.github.com', 'k1.sealed', 1710000090000 FROM apps;

INSERT INTO commit_statuses (id, app_id, build_id, sha, state, description, created_at) VALUES
    ('65ec83010000000000000015', (SELECT app_id FROM builds WHERE id = '65ec8300b00000000b000001'),
     '65ec8300b00000000b000001', '0123456789012345678901234567890123456789', 'pending',
     'Build #1 is queued', 1710000090000);
