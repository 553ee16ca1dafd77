-- Dead letters that somebody has seen and is done with: `logmill dlq drop` writes it, and `logmill dlq list` shows them no more.
-- The letters themselves stay in `rejects`, and count in the reconciliation of their file.
CREATE TABLE IF NOT EXISTS dropped_letters
(
    topic     LowCardinality(String),
    partition Int32,
    offset    Int64,
    who       String COMMENT 'Who dropped it',
    why       String,
    at        DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
