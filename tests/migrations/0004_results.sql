INSERT INTO test_results (build_id, ordinal, run, target, suite, name, passed, duration_ms, message, file, line) VALUES
    ('65ec8300b00000000b000001', 0, 'iPhone 6s', 'ShopTests', 'Login', 'testLogin()', TRUE, 12, NULL, NULL, NULL),
    ('65ec8300b00000000b000001', 1, 'iPhone 6s', 'ShopTests', 'Login', 'testLogout()', FALSE, NULL, 'expected 1, got 2', 'Login.swift', 42);

INSERT INTO coverage_targets (build_id, ordinal, name, coverage, files) VALUES
    ('65ec8300b00000000b000001', 0, 'Shop', 0.75, '[{"name":"Login.swift","path":"Shop/Login.swift","coverage":0.5,"functions":[{"name":"login","coverage":0.5}]}]');

INSERT INTO artifacts (id, build_id, upload_id, kind, name, path, bytes, sha256, blob_key, created_at) VALUES
    ('65ec8300f00000000f000001', '65ec8300b00000000b000001', 'upload-1', 'product', 'Shop.ipa', 'build/Shop.ipa', 3, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'artifacts/65ec8300f00000000f000001', 1710000080000);
