-- One row for each (file, load) that has come to its end. Derived from file_events by the loader, again and again if
-- need be: the same rows come out.
CREATE TABLE IF NOT EXISTS loads
(
    file_id   FixedString(16),
    load      UInt32,
    cluster   LowCardinality(String),
    path      String,
    app       LowCardinality(String),
    length    UInt64,
    modified  DateTime64(3, 'UTC'),
    state     LowCardinality(String) COMMENT 'complete, partial or quarantined',
    lines     UInt64,
    rows      UInt64,
    malformed UInt64,
    encoding  LowCardinality(String),
    detail    String                 COMMENT 'Why it is quarantined',
    closed    DateTime64(3, 'UTC'),
    version   UInt64                 COMMENT 'Milliseconds since 1970; the highest counts',
    INDEX path_bloom path TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (file_id, load)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Which (file, load) analysts do not see: one row switches a whole load, at once. The highest version counts.
CREATE TABLE IF NOT EXISTS hidden
(
    file_id FixedString(16),
    load    UInt32,
    hidden  UInt8                  COMMENT '1: hidden; 0: shown again',
    reason  String,
    version UInt64                 COMMENT 'Milliseconds since 1970'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (file_id, load)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What a file's reconciliation proved; kept when the rows themselves have passed their time.
CREATE TABLE IF NOT EXISTS reconciled
(
    file_id  FixedString(16),
    load     UInt32,
    cluster  LowCardinality(String),
    path     String,
    modified DateTime64(3, 'UTC'),
    lines    UInt64,
    rows     UInt64                COMMENT 'Distinct rows counted in the table',
    rejected UInt64                COMMENT 'Rows among the rejects',
    bytes    UInt64                COMMENT 'Bytes fetched',
    crc32    LowCardinality(String),
    proven   DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(proven)
ORDER BY (file_id, load)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
