-- Half of the bytes of a line, by measurement (docs/table.md): numbers of lines and times of one file follow each other, and texts
-- repeat themselves farther back than LZ4 looks. What lies there already is written so when it is merged next.
ALTER TABLE rows
    MODIFY COLUMN line UInt64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN time Nullable(DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN text String CODEC(ZSTD(1)),
    MODIFY COLUMN fields Map(LowCardinality(String), String) CODEC(ZSTD(1));
