INSERT INTO schedules (id, app_id, branch, weekly, next_at, last_at, last_result, last_build_id, created_at) VALUES
    ('65ec8300f10000000f000001', '65ec8300a99999999a000001', 'main', '{"weekdays":["monday","friday"],"minute_of_day":150,"zone":"Europe/Berlin"}', 1710120600000, 1709861400000, 'queued', '65ec8300b00000000b000001', 1710000000000),
    ('65ec8300f10000000f000002', '65ec8300a99999999a000001', 'feature/find&replace', '{"weekdays":["sunday"],"minute_of_day":0,"zone":"UTC"}', 1710028800000, NULL, '', NULL, 1710000000000);

UPDATE queue_gate SET claims = 7 WHERE id = 1;
