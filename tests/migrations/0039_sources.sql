INSERT INTO test_results (build_id, ordinal, run, target, suite, name, passed, duration_ms, message, file, line, snippet) VALUES
    ('65ec8300b00000000b000001', 2, 'iPhone 6s', 'ShopTests', 'Login', 'testTwice()', FALSE, NULL, 'expected 1, got 2', NULL, NULL, '{"path":"Shop/Login.swift","line":2,"first":1,"text":"a\nb"}');

INSERT INTO build_sources (build_id, attempt, blob_key, bytes, created_at) VALUES
    ('65ec8300b00000000b000001', 1, 'sources/65ec8300b00000000b000001/1', 12, 1710000080000);
