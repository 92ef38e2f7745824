INSERT INTO webhook_secrets (app_id, secret_sealed, set_at) VALUES
    ('65ec8300a99999999a000002', 'sealed text', 1710000000000);

INSERT INTO deliveries (id, app_id, provider, event, repeat_id, received_at, headers, body_bytes, events, state, verdict, built, evaluated_at) VALUES
    ('65ec8300dd0000000d000001', '65ec8300a99999999a000001', 'github', 'push', '72d3162e-cc78-11e3-81ab-4c9367dc0958', 1710000100000, '[["x-github-event","push"]]', 9000000, '[{"event":"push","name":"main","new":"d9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e"}]', 'done', 'built #2', TRUE, 1710000100100),
    ('65ec8300dd0000000d000002', '65ec8300a99999999a000001', 'kiln', '', NULL, 1710000300000, '[]', 10, '[]', 'pending', '', FALSE, NULL),
    ('65ec8300dd0000000d000003', '65ec8300a99999999a000001', 'kiln', '', NULL, 1710000300000, '[]', 10, '[]', 'pending', '', FALSE, NULL);

INSERT INTO delivery_bodies (delivery_id, data) VALUES
    ('65ec8300dd0000000d000002', 'a zstd frame');

INSERT INTO pull_requests (app_id, number, open, title, head_branch, head_sha, base_branch, fork_name, fork_url, updated_at) VALUES
    ('65ec8300a99999999a000001', 7, TRUE, 'Add "quotes"', 'feature/find&replace', 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 'main', NULL, NULL, 1710000100000),
    ('65ec8300a99999999a000001', 8, FALSE, '', 'main', 'd9d0a2b1f0c5', 'main', 'bob/shop', 'https://git.example.org/bob/shop.git', 1710000100000);

INSERT INTO built_commits (app_id, lane, sha, number, delivery_id) VALUES
    ('65ec8300a99999999a000001', 'branch:main', 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 2, '65ec8300dd0000000d000001');

INSERT INTO remote_refs (app_id, name, sha) VALUES
    ('65ec8300a99999999a000001', 'refs/heads/main', 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e');

INSERT INTO remote_listings (app_id, next_at, listed_at, failures, last_error) VALUES
    ('65ec8300a99999999a000001', 1710000600000, 1710000300000, 0, ''),
    ('65ec8300a99999999a000002', 1710000600000, NULL, 3, 'git ls-remote failed');
