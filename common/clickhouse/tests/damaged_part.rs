//! A part of the table that is damaged on the server's disk.

use logmill_clickhouse::{Database, Fault};
use logmill_config::ClickHouse;
use logmill_stack::shared;
use serde::Deserialize;

#[derive(Deserialize)]
struct Text {
    v: String,
}

/// An INSERT looks its rows up in the table: what it meets there is not its own rows' fault.
#[tokio::test]
async fn a_damaged_part_is_waited_for() {
    let server = shared::clickhouse();
    let database = Database::new(&ClickHouse {
        url: server.url.clone(),
        database: "default".into(),
        user: server.admin.user.clone(),
        password: Some(server.admin.password.clone()),
        ..ClickHouse::default()
    });
    let database = database.unwrap();
    for sql in [
        "CREATE TABLE damaged (n UInt64, t String) ENGINE = MergeTree ORDER BY n",
        "INSERT INTO damaged SELECT number, hex(sipHash128(number)) FROM numbers(100000)",
    ] {
        database.execute(sql).await.unwrap();
    }
    let part: Vec<Text> =
        database.select("SELECT path AS v FROM system.parts WHERE table = 'damaged' AND active").await.unwrap();
    let part = std::path::Path::new(&part[0].v);
    let data = ["t.bin", "data.bin"].map(|name| part.join(name)).into_iter().find(|file| file.exists());
    let data = std::fs::File::options().write(true).open(data.expect("a part has its data in a file")).unwrap();
    data.set_len(data.metadata().unwrap().len() / 2).unwrap();
    let met = database.execute("CREATE TABLE copy ENGINE = Memory AS SELECT * FROM damaged").await.unwrap_err();
    assert_eq!(met.fault(), Fault::Wait, "{met}");
}
