//! Where rows go.

use super::{Found, is_name};
use crate::sections::{ClickHouse, Config};
use crate::size::Size;
use std::collections::BTreeSet;

/// What is wrong with the section.
pub(super) fn problems(config: &Config, found: &mut Found) {
    let clickhouse = &config.clickhouse;
    http("clickhouse.url", &clickhouse.url, found);
    identifier("clickhouse.database", &clickhouse.database, found);
    shards(clickhouse, found);
    if clickhouse.password.is_some() && clickhouse.password_file.is_some() {
        found.add("clickhouse.password", "stands there beside password_file: remove one of the two");
    }
    const DAY: u64 = 86_400;
    if let Some(keep) = clickhouse.keep
        && (keep.as_secs() < DAY || keep.as_secs() % DAY != 0 || keep.subsec_nanos() > 0)
    {
        found.add("clickhouse.keep", "must be whole days, such as \"400days\": rows go with the day of their file");
    }
    if clickhouse.batch_bytes == Size(0) {
        found.add("clickhouse.batch_bytes", "must be more than 0");
    }
    if clickhouse.insert_timeout.is_zero() {
        found.add("clickhouse.insert_timeout", "must be more than 0");
    }
}

fn http(key: &str, url: &str, found: &mut Found) {
    if url.starts_with("https://") {
        found.add(
            key,
            format!(
                "{url:?}: TLS is not spoken here; run a proxy that does (stunnel, envoy, nginx) beside the loader, \
                 and give its address, such as http://127.0.0.1:8123"
            ),
        );
    } else if !url.starts_with("http://") {
        found.add(key, format!("{url:?} is not the address of an HTTP interface, such as http://127.0.0.1:8123"));
    }
}

/// A name that SQL takes as it is.
fn identifier(key: &str, name: &str, found: &mut Found) {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        found.add(key, format!("{name:?} is not a name of letters, digits and '_'"));
    }
}

/// The cluster variant.
fn shards(clickhouse: &ClickHouse, found: &mut Found) {
    const KEY: &str = "clickhouse.shards";
    let mut seen = BTreeSet::new();
    for url in &clickhouse.shards {
        http(KEY, url, found);
        if !seen.insert(url.trim_end_matches('/')) {
            found.add(KEY, format!("{url:?} stands there twice: each shard is a server of its own"));
        }
    }
    if !is_name(&clickhouse.cluster) {
        found.add(
            "clickhouse.cluster",
            format!("{:?} is not a name of letters, digits, '.', '_' and '-'", clickhouse.cluster),
        );
    }
    let database = clickhouse.shard_database();
    identifier("clickhouse.shard_database", &database, found);
    if database == clickhouse.database {
        let why = "is the name of clickhouse.database: a shard may lie on the same server, so it needs another one";
        found.add("clickhouse.shard_database", format!("{database:?} {why}"));
    }
    if clickhouse.replicated && clickhouse.shards.is_empty() {
        found.add("clickhouse.replicated", "is for shards: name them in clickhouse.shards, be it one");
    }
}
