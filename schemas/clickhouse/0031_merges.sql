-- A merge takes 20 parts of about one size, and not 5: a row is rewritten half as often until its day is done, and merges are what a
-- server spends most on (docs/table.md). A day that is being loaded has up to fifty parts for that; from ten on the server lowers the
-- number by itself.
ALTER TABLE rows MODIFY SETTING merge_selector_base = 20;
