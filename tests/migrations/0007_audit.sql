INSERT INTO audit_entries (id, at, user_id, user_email, org_id, app_id, action, subject, detail) VALUES
    ('65ec8300d00000000d000001', 1710000000000, '65ec8300aaaaaaaaaa000001', 'ann@example.org', '65ec8300cccccccccc000001', '65ec8300a99999999a000001', 'app.add', 'Shop', 'git@git.example.org:o/shop.git'),
    ('65ec8300d00000000d000002', 1710000100000, NULL, 'system', NULL, NULL, 'user.add', 'ann@example.org', '');
