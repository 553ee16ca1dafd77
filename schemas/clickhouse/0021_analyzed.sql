-- What users of applications did, counted per (application, day). A partition is computed in a table of its own and put in place
-- in one step, by `logmill analyze --refresh`; it carries the fingerprint of what it was computed of.
CREATE TABLE IF NOT EXISTS analyzed
(
    app  LowCardinality(String),
    day  Date32                 COMMENT 'Day of the line, UTC; of a line without a time, the day of its file',
    kind LowCardinality(String) COMMENT 'start, call, popup, user or topic; source and by say of what it was computed',
    key  String                 COMMENT 'call: process; popup: id; user: user; topic: word; by: fingerprint of the mapping',
    n    UInt64                 COMMENT 'Events; topic: of which it is a word; source: rows',
    whom UInt64                 COMMENT 'Different ones: call and start: starts; popup: users; source: hash of the rows',
    file_time DateTime64(3, 'UTC') COMMENT 'source: time of the oldest file'
)
ENGINE = MergeTree
PARTITION BY (app, day)
ORDER BY (kind, key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
