-- Files that were erased by `logmill forget`, and by whom: nothing of their content. From the first row on no INSERT of the chain
-- lets anything of the file in, however late it comes and whoever loads it again.
CREATE TABLE IF NOT EXISTS forgotten
(
    file_id FixedString(16),
    state   LowCardinality(String) COMMENT 'begun, then done once nothing of it is left in any table',
    who     String                 COMMENT 'Who asked for it',
    why     String                 COMMENT 'On what ground',
    records UInt64                 COMMENT 'done: rows and other records that were erased, of all tables',
    at      DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (file_id, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
