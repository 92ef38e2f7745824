-- Single sign-on (SSO): who vouches for people, whom they vouch for, and how a
-- session began.

CREATE TABLE identity_providers (
    id TEXT PRIMARY KEY,
    -- `oidc`, `gitlab` or `github`.
    kind TEXT NOT NULL,
    -- On the button.
    name TEXT NOT NULL,
    -- The issuer of OIDC; where the pages of GitHub and GitLab are.
    base_url TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret_sealed TEXT NOT NULL,
    -- People of its domains sign in here and nowhere else.
    require_sso BOOLEAN NOT NULL DEFAULT FALSE,
    -- An address of which it does not say whether it is verified counts as such.
    trusts_emails BOOLEAN NOT NULL DEFAULT FALSE,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL
);

-- The mail domains whose people it may vouch for, lowercased.
CREATE TABLE identity_domains (
    provider_id TEXT NOT NULL REFERENCES identity_providers (id),
    domain TEXT NOT NULL,
    PRIMARY KEY (provider_id, domain)
);
CREATE INDEX identity_domains_by_domain ON identity_domains (domain);

-- Accounts at providers. Found by subject, because addresses change.
CREATE TABLE identities (
    id TEXT PRIMARY KEY,
    provider_id TEXT NOT NULL REFERENCES identity_providers (id),
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- Address or name at the provider when it was last used, for people.
    label TEXT NOT NULL,
    -- Linked by its signed-in owner, not by the address.
    by_hand BOOLEAN NOT NULL DEFAULT FALSE,
    linked_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    UNIQUE (provider_id, subject)
);
CREATE INDEX identities_by_user ON identities (user_id);

-- Sign-ins between leaving for the provider and coming back. The browser holds
-- the secret whose hash this is; each is taken once.
CREATE TABLE sign_in_flows (
    hash TEXT PRIMARY KEY,
    provider_id TEXT NOT NULL REFERENCES identity_providers (id),
    -- Whose account it shall be linked to; NULL: signs in.
    user_id TEXT REFERENCES users (id),
    next TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_flows_by_expiry ON sign_in_flows (expires_at);
CREATE INDEX sign_in_flows_by_provider ON sign_in_flows (provider_id);

-- `password`, `token`, `link` or `provider`; `unknown` before this was noted.
ALTER TABLE sessions ADD COLUMN began TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE sessions ADD COLUMN provider_id TEXT REFERENCES identity_providers (id);
CREATE INDEX sessions_by_provider ON sessions (provider_id);
