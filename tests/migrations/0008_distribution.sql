-- A group of each frequency, and deployments with recipients at several steps.
INSERT INTO deployment_groups (id, app_id, name, frequency, rules, schedule, next_run_at, created_at) VALUES
    ('65ec830099999999d0000001', '65ec8300a99999999a000001', 'The Team', 'each_build', '{"default_branch":true}', NULL, NULL, 1710000000000),
    ('65ec830099999999d0000002', '65ec8300a99999999a000001', 'Möbel & Co', 'scheduled', '{"branches":["main"],"prefixes":[{"name":"release/","branch_only":true,"tag_only":false}],"schemes":["Shop - Release"]}', '{"weekdays":["monday","friday"],"minute_of_day":1050,"zone":"Europe/Berlin"}', 1710500000000, 1710000000001),
    ('65ec830099999999d0000003', '65ec8300a99999999a000002', 'By hand', 'manual', '{}', NULL, NULL, 1710000000002);

INSERT INTO group_testers (group_id, email, address, ordinal, added_at, unsubscribed_at) VALUES
    ('65ec830099999999d0000001', 'ann@example.org', 'Ann@Example.org', 1, 1710000000000, NULL),
    ('65ec830099999999d0000001', 'bob@example.org', 'bob@example.org', 2, 1710000000000, 1710000300000);

INSERT INTO deployments (id, build_id, group_id, group_name, cause, by_itself, notes, user_id, created_at) VALUES
    ('65ec8300de00000000000001', '65ec8300b00000000b000001', '65ec830099999999d0000001', 'The Team', 'each_build', TRUE, '', NULL, 1710000090000),
    ('65ec8300de00000000000002', '65ec8300b00000000b000001', '65ec830099999999d0000009', 'A group that is gone', 'manual', FALSE, 'Try the new basket', '65ec8300aaaaaaaaaa000001', 1710000095000),
    ('65ec8300de00000000000003', '65ec8300b00000000b000001', NULL, '', 'manual', FALSE, '', '65ec8300aaaaaaaaaa000001', 1710000096000);

INSERT INTO deployment_recipients (id, deployment_id, email, address, sent_at, opened_at, downloaded_at, launched_at, failed_at, failure, refused_at, error) VALUES
    ('65ec8300ee00000000000001', '65ec8300de00000000000001', 'ann@example.org', 'Ann@Example.org', 1710000091000, 1710000092000, 1710000093000, 1710000094000, NULL, NULL, NULL, NULL),
    ('65ec8300ee00000000000002', '65ec8300de00000000000002', 'ann@example.org', 'Ann@Example.org', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'connection refused'),
    ('65ec8300ee00000000000003', '65ec8300de00000000000003', 'zoë@example.org', 'zoë@example.org', NULL, NULL, NULL, NULL, NULL, NULL, 1710000099000, '550 no such user');

INSERT INTO build_notes (build_id, notes) VALUES
    ('65ec8300b00000000b000001', 'From the repository
in two lines');
