INSERT INTO app_settings (app_id, inherited, own) VALUES
    ('65ec8300a99999999a000001', '{"archive":true}', '{"build_pushes":false,"schemes":["Shop","Shop Beta"]}'),
    ('65ec8300a99999999a000002', '{}', '{"variants":["debug,release"]}');

INSERT INTO app_setting_overrides (app_id, kind, name, settings) VALUES
    ('65ec8300a99999999a000001', 'branch', 'main', '{"build_pushes":true}'),
    ('65ec8300a99999999a000001', 'prefix', 'release/', '{"archive":true}');

INSERT INTO org_settings (org_id, defaults, max_running) VALUES
    ('65ec8300cccccccccc000001', '{"archive":true}', 2);

UPDATE builds SET settings = '{"archive":true}' WHERE id = '65ec8300b00000000b000005';

INSERT INTO build_labels (build_id, label, value) VALUES
    ('65ec8300b00000000b000005', 'platform', 'ios');
