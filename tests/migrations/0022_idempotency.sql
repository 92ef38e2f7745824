INSERT INTO idempotency_keys (token_id, idempotency_key, digest, taken_at, status, media_type, body_sealed) VALUES
    ('65ec8300bbbbbbbbbb000002', 'key-1', 'digest', 1710000000000, 201, 'application/json; charset=utf-8', 'sealed text'),
    ('65ec8300bbbbbbbbbb000002', 'key-2', 'digest', 1710000000001, NULL, '', NULL);
