UPDATE crash_reports SET symbols = '{"found":[],"wanted":["mapping.txt"],"trouble":[]}', wants_symbols = TRUE;
