-- Which words a granule may hold: so `hasToken(text, '…')` for an id, a name, a number reads next to nothing. An eighth of the
-- bytes of a line, and no CPU of an INSERT that could be seen; a text index costs more than five times as much (docs/table.md).
-- What lies there already is indexed when it is merged next.
ALTER TABLE rows ADD INDEX IF NOT EXISTS words text TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1;
