-- The analysts' account: reads, and nothing else. Run after the migrations, by a server that keeps its accounts by SQL;
-- where accounts stand in the server's files, it has to be made there. Without a password it may only come from the
-- server's own machine: ALTER USER analyst IDENTIFIED BY '...' HOST ANY opens it.
CREATE ROLE IF NOT EXISTS logmill_analyst SETTINGS readonly = 2;
GRANT SELECT ON {database}.* TO logmill_analyst;
CREATE USER IF NOT EXISTS analyst IDENTIFIED WITH no_password HOST LOCAL DEFAULT ROLE logmill_analyst;
GRANT logmill_analyst TO analyst;
