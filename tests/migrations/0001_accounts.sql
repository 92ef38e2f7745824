INSERT INTO users (id, email, name, is_admin, created_at) VALUES
    ('65ec8300aaaaaaaaaa000001', 'ann@example.org', 'Ann', TRUE, 1710000000000),
    ('65ec8300aaaaaaaaaa000002', 'ben@example.org', 'Ben ''The'' Builder – 建', FALSE, 1710000000001);

INSERT INTO tokens (id, user_id, hash, created_at, revoked_at) VALUES
    ('65ec8300bbbbbbbbbb000001', '65ec8300aaaaaaaaaa000001', 'hash of a revoked token', 1710000000000, 1710000100000),
    ('65ec8300bbbbbbbbbb000002', '65ec8300aaaaaaaaaa000001', 'hash of a valid token', 1710000100000, NULL);

INSERT INTO organisations (id, name, created_at) VALUES
    ('65ec8300cccccccccc000001', 'Ann', 1710000000000);

INSERT INTO org_members (org_id, user_id, role) VALUES
    ('65ec8300cccccccccc000001', '65ec8300aaaaaaaaaa000001', 'owner'),
    ('65ec8300cccccccccc000001', '65ec8300aaaaaaaaaa000002', 'read');

INSERT INTO agent_tokens (id, name, hash, created_at, revoked_at) VALUES
    ('65ec8300dddddddddd000001', 'mac-mini', 'hash of an agent token', 1710000000000, NULL),
    ('65ec8300dddddddddd000002', 'retired', 'hash of a revoked agent token', 1710000000000, 1710000200000);

INSERT INTO agents (id, token_id, name, version, slots, first_seen_at, seen_at) VALUES
    ('65ec8300eeeeeeeeee000001', '65ec8300dddddddddd000001', 'mac-mini', '0.1.0', 2, 1710000000000, 1710000300000);

INSERT INTO agent_labels (agent_id, label, value) VALUES
    ('65ec8300eeeeeeeeee000001', 'os', 'macos'),
    ('65ec8300eeeeeeeeee000001', 'xcode', '15.3');
