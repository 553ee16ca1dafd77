//! What the ledger says of files, from the events, the rejects and the rows in the tables of a real engine. The tests of
//! `ledger_of_shards` are the same.

mod forgotten;
mod shown;
mod tables;
mod verdicts;

/// Where the tables lie: one server.
pub fn servers() -> logmill_config::ClickHouse {
    let server = logmill_stack::shared::clickhouse();
    logmill_config::ClickHouse {
        url: server.url.clone(),
        user: server.admin.user.clone(),
        password: Some(server.admin.password.clone()),
        ..logmill_config::ClickHouse::default()
    }
}
