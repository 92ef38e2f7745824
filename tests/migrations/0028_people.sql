UPDATE invitations SET key_sealed = 'sealed key' WHERE id = '65ec830011aa000000000001';
UPDATE invitations SET sent_at = 1710000001000, send_error = '550 no such user' WHERE id = '65ec830011aa000000000002';
UPDATE tokens SET copy_sealed = 'sealed token' WHERE id = (SELECT MIN(id) FROM tokens);
