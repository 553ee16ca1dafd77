//! Two servers.

/// Where the tables lie: the front and one shard on one server, another shard on another one, where no table of the front is.
pub fn servers() -> logmill_config::ClickHouse {
    let [front, other] = logmill_stack::shared::two_clickhouses();
    logmill_config::ClickHouse {
        url: front.url.clone(),
        shards: vec![front.url.clone(), other.url.clone()],
        user: front.admin.user.clone(),
        password: Some(front.admin.password.clone()),
        ..logmill_config::ClickHouse::default()
    }
}
