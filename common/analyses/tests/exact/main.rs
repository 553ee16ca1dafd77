//! The counts are those of the rows that analysts see, whatever happens to loads: against the real engine, and against
//! numbers that were counted line by line without it.

mod bench;
mod example;
mod histories;

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
