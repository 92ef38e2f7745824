-- A report as it came, once symbols have been looked up in it.
ALTER TABLE crash_reports ADD COLUMN original TEXT;
ALTER TABLE crash_reports ADD COLUMN original_text TEXT;
-- JSON of model::symbols::Symbols: what was found, what is wanted.
ALTER TABLE crash_reports ADD COLUMN symbols TEXT;
-- Symbols that arrive later would help.
ALTER TABLE crash_reports ADD COLUMN wants_symbols BOOLEAN NOT NULL DEFAULT FALSE;
