-- The rows of all shards. No sharding key: the loader writes to the shards itself, by a look-up at the shard alone, and nothing comes
-- in this way.
CREATE TABLE IF NOT EXISTS rows
(
    file_id   FixedString(16)              COMMENT 'Hash of cluster, path, length and modification time',
    load      UInt32                       COMMENT 'Loading of the file: 0 at first, a new number for each repetition',
    line      UInt64                       COMMENT 'Number of the line, from 1',
    part      UInt32                       COMMENT 'Part of a line over the length limit, from 0',
    lines     UInt32 DEFAULT 1             COMMENT 'Lines, or parts of lines, that the row holds: more than 1 for a record of several lines, such as a stack trace',
    cluster   LowCardinality(String)       COMMENT 'Cluster that holds the file',
    path      LowCardinality(String)       COMMENT 'Path of the file',
    app       LowCardinality(String)       COMMENT 'Application that wrote it; empty when no rule names one',
    channel   LowCardinality(String)       COMMENT 'Channel that carried it',
    level     LowCardinality(String)       COMMENT 'Level of the line; empty when none is found',
    file_time DateTime64(3, 'UTC')         COMMENT 'Modification time of the file',
    load_time DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row was inserted',
    time      Nullable(DateTime64(3, 'UTC')) COMMENT 'Time in the line, where one is found',
    text      String                       COMMENT 'The line, in UTF-8, without its end; of a record its lines, with an LF between two',
    fields    Map(LowCardinality(String), String) COMMENT 'What a pattern found in the line'
)
ENGINE = Distributed('{cluster}', '{shard_database}', 'rows');
