-- What analysts query: every row whose load is not hidden. Which are is known to the front alone, and sent to every shard.
CREATE VIEW IF NOT EXISTS logs AS
SELECT
    lower(hex(file_id)) AS file,
    load, line, part, lines, cluster, path, app, channel, level, file_time, load_time, time, text, fields, file_id
FROM rows
WHERE (file_id, load) GLOBAL NOT IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1);
