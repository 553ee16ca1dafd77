//! All that the ledger says of files on one server it says where rows lie on two shards: the same tests.

#[path = "../ledger/forgotten.rs"]
mod forgotten;
mod growing;
mod schema;
#[path = "../ledger/shown.rs"]
mod shown;
#[path = "../ledger/tables.rs"]
mod tables;
#[path = "../ledger/verdicts.rs"]
mod verdicts;

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
