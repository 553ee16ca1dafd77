-- Of which rows each (application, day) consists: a fingerprint for each load, which is written with the part that holds the
-- rows, and so can neither fail nor lag by itself. By it the analyses know what has to be computed anew, without reading rows.
ALTER TABLE rows MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';
ALTER TABLE rows ADD PROJECTION IF NOT EXISTS days
(
    SELECT
        app, toDate32(ifNull(time, file_time)) AS day, file_id, load,
        count(), sum(cityHash64(file_id, load, line, part)), min(file_time)
    GROUP BY app, day, file_id, load
);
ALTER TABLE rows MATERIALIZE PROJECTION days;
-- Where rows are kept for a time only (clickhouse.keep), a part goes as a whole.
ALTER TABLE rows MODIFY SETTING ttl_only_drop_parts = 1;
