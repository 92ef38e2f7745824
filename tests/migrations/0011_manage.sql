INSERT INTO tokens (id, user_id, hash, created_at, revoked_at, name, scope, expires_at, last_used_at) VALUES
    ('65ec8300bbbbbbbbbb000003', '65ec8300aaaaaaaaaa000001', 'hash of a named token', 1710000200000, NULL, 'ci', 'trigger', 1720000000000, 1710000260000),
    ('65ec8300bbbbbbbbbb000004', '65ec8300aaaaaaaaaa000002', 'hash of a personal token', 1710000200000, NULL, NULL, 'admin', NULL, NULL);

INSERT INTO apps (id, org_id, name, platform, repo_url, is_public, created_at) VALUES
    ('65ec8300a99999999a000004', '65ec8300cccccccccc000001', 'Open', 'android', 'https://git.example.org/o/open.git', TRUE, 1710000600000);
