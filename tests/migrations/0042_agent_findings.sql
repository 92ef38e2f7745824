INSERT INTO agent_findings (token_id, agent_name, findings, examined_at) VALUES
    ('65ec8300dddddddddd000001', 'mac-mini', '[{"subject":"git","state":"good","says":"git version 2.47.3"},{"subject":"java","state":"absent","says":"not found"}]', 1710000000000),
    ('65ec8300dddddddddd000002', 'not yet an agent', '[]', 1710000100000);
