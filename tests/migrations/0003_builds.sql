-- One build in each of the five states; the failed one lost its agent once.
INSERT INTO builds (id, app_id, number, status, phase, failure_kind, failure_message, scheme, repo_url, branch, wanted_commit, commit_sha, commit_author, commit_message, triggered_by, triggered_by_user, created_at, started_at, finished_at, attempt, agent_id, claim_id, lease_until, tests_count, tests_passed, coverage, disabled, downloads) VALUES
    ('65ec8300b00000000b000001', '65ec8300a99999999a000001', 1, 'success', 'done', NULL, NULL, '', 'git@git.example.org:o/shop.git', 'main', NULL, 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 'Ann Author', 'Begin
with two lines', 'api_triggered', '65ec8300aaaaaaaaaa000001', 1710000000000, 1710000001000, 1710000090000, 1, '65ec8300eeeeeeeeee000001', 'claim-1', NULL, 2, 1, 0.75, FALSE, '[]'),
    ('65ec8300b00000000b000002', '65ec8300a99999999a000001', 2, 'failed', 'building', 'agent_lost', 'The agent was lost twice.', 'Shop - Release', 'git@git.example.org:o/shop.git', 'main', NULL, 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 'Ann Author', 'Begin', 'webhook', NULL, 1710000100000, 1710000101000, 1710000190000, 2, '65ec8300eeeeeeeeee000001', 'claim-2', NULL, NULL, NULL, NULL, TRUE, '[]'),
    ('65ec8300b00000000b000003', '65ec8300a99999999a000001', 3, 'cancelled', 'waiting', NULL, NULL, '', 'git@git.example.org:o/shop.git', 'main', NULL, '', '', '', 'ui_triggered', '65ec8300aaaaaaaaaa000002', 1710000200000, 1710000201000, 1710000201000, 0, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, '[]'),
    ('65ec8300b00000000b000004', '65ec8300a99999999a000001', 4, 'running', 'building', NULL, NULL, '', 'git@git.example.org:o/shop.git', 'main', NULL, 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', 'Ann Author', 'Begin', 'rebuild_of_commit', NULL, 1710000300000, 1710000301000, NULL, 1, '65ec8300eeeeeeeeee000001', 'claim-4', 1710000361000, NULL, NULL, NULL, FALSE, '[]'),
    ('65ec8300b00000000b000005', '65ec8300a99999999a000001', 5, 'queued', 'waiting', NULL, NULL, '', 'git@git.example.org:o/shop.git', '', 'd9d0a2b1f0c5d1e0a3b4c5d6e7f8091a2b3c4d5e', '', '', '', 'api_triggered', NULL, 1710000400000, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, '[]');

-- One log that was folded into a file and one that still grows.
INSERT INTO build_logs (build_id, state, attempt, next_seq, chunks, bytes, lines, complete, blob_key, blob_bytes, sha256) VALUES
    ('65ec8300b00000000b000001', 'folded', 1, 1, 1, 12, 1, TRUE, 'logs/65ec8300b00000000b000001', 25, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'),
    ('65ec8300b00000000b000004', 'live', 1, 1, 1, 12, 1, TRUE, NULL, NULL, NULL);

INSERT INTO log_chunks (build_id, ordinal, attempt, seq, first_byte, first_line, bytes, lines, meta, data, blob_offset, blob_bytes) VALUES
    ('65ec8300b00000000b000001', 0, 1, 0, 0, 0, 12, 1, '{"bytes":12,"lines":1,"steps":["build"],"runs":[{"n":1,"t":1710000001000,"s":"stdout","k":0}]}', NULL, 0, 25),
    ('65ec8300b00000000b000004', 0, 1, 0, 0, 0, 12, 1, '{"bytes":12,"lines":1,"steps":["build"],"runs":[{"n":1,"t":1710000301000,"s":"stdout","k":0}]}', 'a zstd frame', NULL, 12);
