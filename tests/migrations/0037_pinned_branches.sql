INSERT INTO pinned_branches (user_id, app_id, branch, pinned_at) VALUES
    ('65ec8300aaaaaaaaaa000001', '65ec8300a99999999a000001', 'main', 1710000090000),
    ('65ec8300aaaaaaaaaa000002', '65ec8300a99999999a000001', 'feature/größe', 1710000090001);
