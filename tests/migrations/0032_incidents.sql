INSERT INTO incidents (id, title, impact, state, started_at, resolved_at) VALUES
    ('65ec8300f20000000f000001', 'Builds wait', 'major', 'resolved', 1710000000000, 1710003600000),
    ('65ec8300f20000000f000002', 'Mail is late', 'minor', 'investigating', 1710007200000, NULL);

INSERT INTO incident_updates (id, incident_id, at, state, text) VALUES
    ('65ec8300f21000000f000001', '65ec8300f20000000f000001', 1710000000000, 'investigating', 'We are looking.'),
    ('65ec8300f21000000f000002', '65ec8300f20000000f000001', 1710003600000, 'resolved', 'Done.'),
    ('65ec8300f21000000f000003', '65ec8300f20000000f000002', 1710007200000, 'investigating', 'The mail server is away.');
