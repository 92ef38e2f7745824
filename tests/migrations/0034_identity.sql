INSERT INTO identity_providers (id, kind, name, base_url, client_id, client_secret_sealed, require_sso, trusts_emails, enabled, created_at) VALUES
    ('65ec830034aa000000000001', 'oidc', 'Example ''ID'' – 建', 'https://id.example.org', 'shipmate', 'sealed client secret', TRUE, FALSE, TRUE, 1710000000000);
INSERT INTO identity_domains (provider_id, domain) VALUES
    ('65ec830034aa000000000001', 'example.org'),
    ('65ec830034aa000000000001', 'bücher.example');
INSERT INTO identities (id, provider_id, subject, user_id, label, by_hand, linked_at, seen_at) VALUES
    ('65ec830034bb000000000001', '65ec830034aa000000000001', '248289761001', '65ec8300aaaaaaaaaa000001', 'ann@example.org', FALSE, 1710000000000, 1710000100000);
INSERT INTO sign_in_flows (hash, provider_id, user_id, next, expires_at) VALUES
    ('hash of a flow', '65ec830034aa000000000001', NULL, '/apps?page=2', 1710000600000),
    ('hash of a linking flow', '65ec830034aa000000000001', '65ec8300aaaaaaaaaa000001', '/account', 1710000600000);
UPDATE sessions SET began = 'provider', provider_id = '65ec830034aa000000000001' WHERE id = '65ec830050ee000000000001';
