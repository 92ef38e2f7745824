UPDATE users SET password_hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA', totp_sealed = 'sealed text',
    totp_confirmed_at = 1710000000000, totp_step = 57000000 WHERE id = '65ec8300aaaaaaaaaa000001';

INSERT INTO recovery_codes (user_id, hash) VALUES
    ('65ec8300aaaaaaaaaa000001', 'hash of a recovery code');

INSERT INTO sessions (id, user_id, hash, created_at, seen_at, expires_at, browser, address) VALUES
    ('65ec830050ee000000000001', '65ec8300aaaaaaaaaa000001', 'hash of a session', 1710000000000, 1710000060000, 1712592060000, 'Firefox', '192.0.2.1');

INSERT INTO sign_in_failures (subject, at) VALUES ('email:ben@example.org', 1710000000000);

INSERT INTO invitations (id, kind, email, org_id, app_id, access, hash, invited_by, created_at, expires_at, used_at) VALUES
    ('65ec830011aa000000000001', 'invite', 'eve@example.org', '65ec8300cccccccccc000001', NULL, 'read', 'hash of a link', '65ec8300aaaaaaaaaa000001', 1710000000000, 1711209600000, NULL),
    ('65ec830011aa000000000002', 'reset', 'ben@example.org', NULL, NULL, '', 'hash of a used link', NULL, 1710000000000, 1710003600000, 1710000100000);
