-- A shard's rows: whole files, each on the shard that its id names. As `rows` on a single server is after all of its migrations,
-- where every column and setting is explained; a test compares the two. Replicated where the configuration says so.
CREATE TABLE IF NOT EXISTS rows
(
    file_id   FixedString(16)              COMMENT 'Hash of cluster, path, length and modification time',
    load      UInt32                       COMMENT 'Loading of the file: 0 at first, a new number for each repetition',
    line      UInt64                       COMMENT 'Number of the line, from 1' CODEC(Delta, ZSTD(1)),
    part      UInt32                       COMMENT 'Part of a line over the length limit, from 0',
    lines     UInt32 DEFAULT 1             COMMENT 'Lines, or parts of lines, that the row holds: more than 1 for a record of several lines, such as a stack trace',
    cluster   LowCardinality(String)       COMMENT 'Cluster that holds the file',
    path      LowCardinality(String)       COMMENT 'Path of the file',
    app       LowCardinality(String)       COMMENT 'Application that wrote it; empty when no rule names one',
    channel   LowCardinality(String)       COMMENT 'Channel that carried it',
    level     LowCardinality(String)       COMMENT 'Level of the line; empty when none is found',
    file_time DateTime64(3, 'UTC')         COMMENT 'Modification time of the file',
    load_time DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row was inserted',
    time      Nullable(DateTime64(3, 'UTC')) COMMENT 'Time in the line, where one is found' CODEC(Delta, ZSTD(1)),
    text      String                       COMMENT 'The line, in UTF-8, without its end; of a record its lines, with an LF between two' CODEC(ZSTD(1)),
    fields    Map(LowCardinality(String), String) COMMENT 'What a pattern found in the line' CODEC(ZSTD(1)),
    INDEX files (file_id, load) TYPE set(64) GRANULARITY 1,
    INDEX time_range time TYPE minmax GRANULARITY 1,
    INDEX words text TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1,
    PROJECTION days
    (
        SELECT
            app, toDate32(ifNull(time, file_time)) AS day, file_id, load,
            count(), sum(cityHash64(file_id, load, line, part)), min(file_time)
        GROUP BY app, day, file_id, load
    )
)
ENGINE = MergeTree
PARTITION BY toDate(file_time)
ORDER BY (file_id, load, line, part)
SETTINGS min_bytes_for_wide_part = 134217728, fsync_after_insert = 1, fsync_part_directory = 1,
    lightweight_mutation_projection_mode = 'rebuild', ttl_only_drop_parts = 1;
