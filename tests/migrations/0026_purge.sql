INSERT INTO secure_files (id, owner_id, name, bytes, blob_key, key_sealed, created_at) VALUES
    ('65ec8300e00000000e000002', '65ec8300a99999999a000001', 'app.jks', 12, 'secure-files/65ec8300e00000000e000002', 'k1.sealed', 1710000000000);

INSERT INTO artifacts (id, build_id, upload_id, kind, name, path, bytes, sha256, blob_key, created_at) VALUES
    ('65ec8300f00000000f000026', '65ec8300b00000000b000001', 'upload-26', 'product', 'Two.ipa', 'build/Two.ipa', 3, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'artifacts/65ec8300f00000000f000026', 1710000090000);

INSERT INTO packages (artifact_id, facts, error, icon_key, created_at) VALUES
    ('65ec8300f00000000f000026', NULL, 'truncated', 'icons/65ec8300f00000000f000026', 1710000090000);
