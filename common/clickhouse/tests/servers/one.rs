//! One server.

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
