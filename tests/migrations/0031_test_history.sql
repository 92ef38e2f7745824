INSERT INTO test_results (build_id, ordinal, run, target, suite, name, passed, duration_ms, message, file, line) VALUES
    ('65ec8300b00000000b000002', 0, 'unit', 'app', 'Login', 'signsIn', FALSE, 12, 'expected 1, got 2', 'src/Login.kt', 7);
