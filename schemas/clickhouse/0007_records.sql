-- Records of several lines: a row that holds the lines of one, from the one that `line` names on. Every line of a file is in
-- exactly one row, so the rows of a load are proven by the sum of `lines`.
ALTER TABLE rows ADD COLUMN IF NOT EXISTS lines UInt32 DEFAULT 1
    COMMENT 'Lines, or parts of lines, that the row holds: more than 1 for a record of several lines, such as a stack trace' AFTER part;
ALTER TABLE rows COMMENT COLUMN text 'The line, in UTF-8, without its end; of a record its lines, with an LF between two';
CREATE OR REPLACE VIEW logs AS
SELECT
    lower(hex(file_id)) AS file,
    load, line, part, lines, cluster, path, app, channel, level, file_time, load_time, time, text, fields, file_id
FROM rows
WHERE (file_id, load) NOT IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1);
