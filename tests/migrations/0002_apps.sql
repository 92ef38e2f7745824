INSERT INTO apps (id, org_id, name, platform, repo_url, repo_credential_sealed, default_branch, branches_read_at, next_build_number, created_at, deleted_at) VALUES
    ('65ec8300a99999999a000001', '65ec8300cccccccccc000001', 'Shop', 'ios', 'git@git.example.org:o/shop.git', NULL, 'main', 1710000000000, 6, 1710000000000, NULL),
    ('65ec8300a99999999a000002', '65ec8300cccccccccc000001', 'Möbel & Co', 'android', 'https://git.example.org/o/moebel.git', 'sealed text', NULL, NULL, 1, 1710000000001, NULL),
    ('65ec8300a99999999a000003', '65ec8300cccccccccc000001', 'Gone', 'ios', 'https://git.example.org/o/gone.git', NULL, NULL, NULL, 1, 1710000000002, 1710000500000);

INSERT INTO app_members (app_id, user_id, access) VALUES
    ('65ec8300a99999999a000001', '65ec8300aaaaaaaaaa000002', 'read'),
    ('65ec8300a99999999a000002', '65ec8300aaaaaaaaaa000002', 'full');

INSERT INTO branches (app_id, name, deleted_at) VALUES
    ('65ec8300a99999999a000001', 'main', NULL),
    ('65ec8300a99999999a000001', 'feature/find&replace', 1710000400000);

INSERT INTO app_variables (app_id, name, value_sealed, secret) VALUES
    ('65ec8300a99999999a000001', 'API_KEY', 'sealed text', TRUE),
    ('65ec8300a99999999a000001', 'FLAVOUR', 'sealed text', FALSE);
