-- A pull request from a fork, merged and built, and a tag that waits.
INSERT INTO builds (id, app_id, number, status, phase, scheme, repo_url, branch, commit_sha, commit_author, commit_message, triggered_by, created_at, started_at, finished_at, attempt, origin, base, lane) VALUES
    ('65ec8300b00000000b000006', '65ec8300a99999999a000001', 6, 'success', 'done', '', 'git@git.example.org:o/shop.git', 'add', 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 'Ben', 'Add', 'webhook_pull_request_open', 1710000500000, 1710000501000, 1710000590000, 1,
     '{"pull_request":{"number":12,"title":"Add","head_branch":"add","head_sha":"d9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e","base_branch":"main","fork":{"name":"ben/shop","url":"https://git.example.org/ben/shop.git"}}}',
     '{"branch":"main","sha":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","author":"Ann","message":"Begin","merge_status":"mergeable"}', 'pull:12'),
    ('65ec8300b00000000b000007', '65ec8300a99999999a000001', 7, 'queued', 'waiting', '', 'git@git.example.org:o/shop.git', '', '', '', '', 'webhook', 1710000600000, NULL, NULL, 0, '{"tag":"v1"}', NULL, 'tag:v1');
