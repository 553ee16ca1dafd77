-- Files that were erased: no INSERT lets anything of them in. Who asked for it and why stands in the table of this name on the
-- front.
CREATE TABLE IF NOT EXISTS forgotten
(
    file_id FixedString(16),
    at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (file_id, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Which shard this is, of how many; the newest row counts. An INSERT says which one it means, and is refused where it is another:
-- by another number of shards a file is another one's.
CREATE TABLE IF NOT EXISTS place
(
    number UInt32               COMMENT 'From 0, in the order of the configuration',
    shards UInt32               COMMENT 'Of how many',
    at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
