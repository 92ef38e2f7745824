INSERT INTO variables (owner_id, branch, kind, name, value_sealed, hidden, changed_at) VALUES
    ('65ec8300cccccccccc000001', '', 'environment', 'NPM_TOKEN', 'k1.sealed', TRUE, 1710000000000),
    ('65ec8300a99999999a000001', 'release', 'environment', 'API_KEY', 'k1.sealed', FALSE, 1710000000000),
    ('65ec8300a99999999a000001', '', 'device', 'MAPS', 'k1.sealed', TRUE, 1710000000000);

INSERT INTO secure_files (id, owner_id, name, bytes, blob_key, key_sealed, created_at) VALUES
    ('65ec8300e00000000e000001', '65ec8300cccccccccc000001', 'play.json', 12, 'secure-files/65ec8300e00000000e000001', 'k1.sealed', 1710000000000);

INSERT INTO ssh_keys (org_id, public_key, private_sealed, created_at) VALUES
    ('65ec8300cccccccccc000001', 'ssh-ed25519 AAAA', 'k1.sealed', 1710000000000);

INSERT INTO ssh_hosts (org_id, host, keys, recorded_at) VALUES
    ('65ec8300cccccccccc000001', 'git.example.org:22', 'ssh-ed25519 AAAA', 1710000000000);
