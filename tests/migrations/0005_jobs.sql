INSERT INTO jobs (id, kind, subject, run_at, tries, last_error) VALUES
    ('65ec8300e00000000e000001', 'fold_log', '65ec8300b00000000b000001', 1710000090000, 0, NULL),
    ('65ec8300e00000000e000002', 'fold_log', '65ec8300b00000000b000002', 1710000200000, 3, 'the disk is full');
