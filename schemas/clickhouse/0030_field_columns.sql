-- Which fields have a column of their own in `rows`: what `logmill migrate` made of [columns] in the configuration, so that it tells
-- its own columns from those that somebody added by hand. A column is written down before it is made.
CREATE TABLE IF NOT EXISTS field_columns
(
    name    String                 COMMENT 'The column',
    field   String                 COMMENT 'Key of the map `fields`',
    kind    LowCardinality(String) COMMENT 'str, int, float, bool, ip, time or size',
    dropped UInt8                  COMMENT '1: it is not there any more',
    version UInt64                 COMMENT 'Twice the milliseconds since 1970, and one more where it was made; the highest counts'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
