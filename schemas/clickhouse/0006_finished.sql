-- What became of files in their clusters after they were proven: `logmill finish` writes it, and asks for none of them again.
CREATE TABLE IF NOT EXISTS finished
(
    file_id FixedString(16),
    cluster LowCardinality(String),
    path    String,
    became  LowCardinality(String) COMMENT 'moved, deleted, replaced (another file lies there, and was left) or gone',
    place   String                 COMMENT 'moved: where it lies now',
    at      DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY file_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
