INSERT INTO provider_connections (id, org_id, name, provider, base_url, token_sealed, token_set_at, account,
    checked_at, check_error, created_at) VALUES
    ('65ec83010000000000000036', '65ec8300cccccccccc000001', 'Our GitHub', 'github', 'https://api.github.com',
     'k1.sealed', 1710000090000, 'octo-bot', 1710000090001, NULL, 1710000090000),
    ('65ec83010000000000000037', '65ec8300cccccccccc000001', 'Gitea in the cellar', 'gitea',
     'https://git.example.org', 'k1.sealed', 1710000090000, '', 1710000090001,
     'The provider does not take the token', 1710000090000);
