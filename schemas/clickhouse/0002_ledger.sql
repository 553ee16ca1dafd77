-- What the stages tell of files and chunks. The identity of an event is its place in Kafka.
CREATE TABLE IF NOT EXISTS file_events
(
    topic      LowCardinality(String),
    partition  Int32,
    offset     Int64,
    file_id    FixedString(16),
    load       UInt32,
    cluster    LowCardinality(String),
    path       String,
    app        LowCardinality(String),
    length     UInt64                 COMMENT 'Bytes of the file, as listed',
    modified   DateTime64(3, 'UTC')   COMMENT 'Modification time of the file, as listed',
    stage      LowCardinality(String),
    at         DateTime64(3, 'UTC')   COMMENT 'When the stage sent it',
    event      LowCardinality(String) COMMENT 'opened, closed, passed, parked or resumed',
    outcome    LowCardinality(String) COMMENT 'closed: complete or partial',
    bytes_in   UInt64                 COMMENT 'closed: bytes in; passed: bytes of the chunk',
    bytes_out  UInt64,
    lines      UInt64                 COMMENT 'closed by the re-encoder: lines of the file',
    rows       UInt64                 COMMENT 'closed by the re-encoder: rows cut; passed: rows of the chunk',
    malformed  UInt64                 COMMENT 'Malformed sequences that became U+FFFD',
    crc32      LowCardinality(String) COMMENT 'CRC-32 of the bytes in, 8 hex digits; empty where none is computed',
    found      LowCardinality(String) COMMENT 'Codec or encoding',
    evidence   String                 COMMENT 'Why it is thought to be that',
    quarantine String                 COMMENT 'Why the load has to stay hidden; empty when it need not',
    first_line UInt64                 COMMENT 'passed: first line of the chunk',
    first_part UInt32                 COMMENT 'passed: part of its first row',
    channel    LowCardinality(String) COMMENT 'passed: the channel',
    at_byte    UInt64                 COMMENT 'parked, resumed: position in the file',
    INDEX file_id_bloom file_id TYPE bloom_filter GRANULARITY 1,
    INDEX path_bloom path TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What a stage could not turn into anything: the dead letters. Identity as above.
CREATE TABLE IF NOT EXISTS rejects
(
    topic      LowCardinality(String),
    partition  Int32,
    offset     Int64,
    at         DateTime64(3, 'UTC')   COMMENT 'Time of the record',
    stage      LowCardinality(String),
    reason     LowCardinality(String),
    detail     String                 COMMENT 'What happened, for people',
    origin     String                 COMMENT 'topic/partition/offset of the record concerned',
    file_id    FixedString(16)        COMMENT 'Zero bytes when the file is not known',
    load       UInt32,
    cluster    LowCardinality(String),
    path       String,
    app        LowCardinality(String),
    at_byte    Nullable(UInt64)       COMMENT 'Byte offset in the stage''s input for the file',
    first_line Nullable(UInt64),
    first_part UInt32,
    rows       UInt64                 COMMENT 'Rows that are not in the table because of it',
    bytes      String                 COMMENT 'The bytes concerned, cut to a limit',
    INDEX file_id_bloom file_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
