-- What analysts query: every row whose load is not hidden.
CREATE VIEW IF NOT EXISTS logs AS
SELECT
    lower(hex(file_id)) AS file,
    load, line, part, cluster, path, app, channel, level, file_time, load_time, time, text, fields, file_id
FROM rows
WHERE (file_id, load) NOT IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1);
