INSERT INTO packages (artifact_id, facts, error, icon_key, created_at) VALUES
    ('65ec8300f00000000f000001', '{"format":"ipa","name":"Shop","identifier":"org.example.shop","version_name":"1.4.2","version_code":"57"}', NULL, NULL, 1710000081000);
