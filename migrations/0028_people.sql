-- What mails of links need until they are sent, and a copy of the personal
-- token for its owner (ACC-2).

-- The key of the link, sealed; NULL once the mail is out.
ALTER TABLE invitations ADD COLUMN key_sealed TEXT;
ALTER TABLE invitations ADD COLUMN sent_at BIGINT;
-- Why the mail was not taken, for a person.
ALTER TABLE invitations ADD COLUMN send_error TEXT;
CREATE INDEX invitations_by_org ON invitations (org_id);
CREATE INDEX invitations_by_app ON invitations (app_id);

ALTER TABLE tokens ADD COLUMN copy_sealed TEXT;
