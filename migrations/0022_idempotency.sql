-- Calls that may be repeated, by token and the caller's key; for 24 hours.
-- `status` is NULL while the first call runs.
CREATE TABLE idempotency_keys (
    token_id TEXT NOT NULL REFERENCES tokens (id),
    idempotency_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    status BIGINT,
    media_type TEXT NOT NULL DEFAULT '',
    body_sealed TEXT,
    PRIMARY KEY (token_id, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (taken_at);
