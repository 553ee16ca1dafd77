//! logmill-clickhouse
