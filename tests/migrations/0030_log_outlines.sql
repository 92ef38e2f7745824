INSERT INTO log_outlines (build_id, outline) VALUES
    ('65ec8300b00000000b000001', '{"steps":[{"name":"build","first":0,"began":1710000001000,"ended":1710000001000,"errors":0}],"errors":0,"error_lines":[]}');
