INSERT INTO feedbacks (id, app_id, build_id, build_number, state, created_at, description, email,
    bundle_id, short_version, version, metadata, system)
SELECT '0000000900000000000000f1', id, '0000000900000000000000b1', 7, 'open', 1510000000000,
    'The button is off screen', NULL, 'com.example.shop', '1.2', '113', '{}', '{"battery_level":67}'
FROM apps LIMIT 1;
INSERT INTO crash_groups (app_id, id, state, exception_type, title, reports, first_seen, last_seen,
    last_build_number)
SELECT id, '0000000900000000000000aa', 'closed', 'SIGABRT', 'SIGABRT in main', 1, 1510000000000,
    1510000000000, 7
FROM apps LIMIT 1;
INSERT INTO crash_reports (id, app_id, build_id, build_number, group_id, created_at, scheme,
    tester_email, identifier_for_vendor, bundle_id, short_version, version, metadata, system, resolved,
    resolved_text)
SELECT '0000000900000000000000c1', app_id, '0000000900000000000000b1', 7, id, 1510000000000, 'm2048',
    'ann@example.org', '878E82E9-AFE9-4EAB-987A-970EE9F443D8', 'com.example.shop', '1.2', '113', '{}',
    '{}', '{"exception_type":"SIGABRT"}', 'SIGABRT'
FROM crash_groups LIMIT 1;
INSERT INTO media (id, item_id, kind, token, name, media_type, bytes, sha256, blob_key, created_at)
VALUES ('0000000900000000000000d1', '0000000900000000000000f1', 'image', 'unguessable', 'a.jpg',
    'image/jpeg', 3, '00', 'media/0000000900000000000000d1', 1510000000000);
