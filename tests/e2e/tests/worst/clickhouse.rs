//! ClickHouse: gone, silent, without memory, with too many parts, read-only.

use crate::PORTION;
use logmill_config::Layout;
use logmill_e2e::{Portions, fixture_alone};
use logmill_stack::ServerId;
use std::time::Duration;

/// What one attempt of an INSERT may take here.
const ATTEMPT: Duration = Duration::from_secs(2);
const WAITING: &str = "logmill_loader_waiting_partitions";
const MEMORY: &str = "<max_memory_usage>3221225472</max_memory_usage>";
/// What the chain's account may do.
const ACCOUNT: &str = "<profile>default</profile>\n      <quota>default</quota>";

/// Whether a trouble is waited for until it is said again, after 10 s.
const LONG: bool = true;
const SHORT: bool = false;

/// One trouble: brought about, seen in what the loader says and shows, ended; then the files come through.
fn trouble(
    chain: &mut Portions,
    (words, long): (&str, bool),
    begin: impl FnOnce(&Portions),
    end: impl FnOnce(&Portions),
) {
    println!("---- {words}");
    let mark = chain.mark("loader");
    begin(chain);
    chain.put(PORTION);
    chain.await_words("loader", mark, &["waiting for ClickHouse", "rows.", words], 1);
    if long {
        chain.await_words("loader", mark, &["waiting for ClickHouse", "seconds=1"], 1);
    }
    chain.await_metric("loader", WAITING, true);
    end(chain);
    chain.through();
    chain.await_metric("loader", WAITING, false);
}

#[test]
fn whatever_clickhouse_does_its_loader_waits_says_so_and_goes_on() {
    let (fixture, _turn) = fixture_alone(1);
    let stack = &fixture.stack;
    let change = |config: &mut logmill_config::Config| config.clickhouse.insert_timeout = ATTEMPT;
    let mut chain = Portions::start(fixture, "clickhouse", Layout::Fused, &[], change);
    chain.put(PORTION);
    chain.through();
    let set = |from: &'static str, to: &'static str| {
        move |_: &Portions| stack.restart_clickhouse_with(from, to).expect("the engine starts")
    };
    let sql = |text: &'static str| move |chain: &Portions| drop(chain.running.chain.sql(text).expect("SQL"));

    let kill = |_: &Portions| stack.kill(&ServerId::ClickHouse).expect("it runs");
    let start = |_: &Portions| stack.restart(&ServerId::ClickHouse).expect("it starts");
    trouble(&mut chain, ("no answer from ClickHouse", LONG), kill, start);

    let pause = |_: &Portions| stack.pause(&ServerId::ClickHouse).expect("it runs");
    let resume = |_: &Portions| stack.resume(&ServerId::ClickHouse).expect("it is stopped");
    trouble(&mut chain, ("no answer", LONG), pause, resume);

    let little = "<max_memory_usage>100000</max_memory_usage>";
    trouble(&mut chain, ("code 241", SHORT), set(MEMORY, little), set(little, MEMORY));

    let few = "ALTER TABLE rows MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1";
    let many = "ALTER TABLE rows RESET SETTING parts_to_delay_insert, parts_to_throw_insert";
    trouble(&mut chain, ("code 252", SHORT), sql(few), sql(many));

    let readonly = ACCOUNT.replace("default</profile>", "analyst</profile>").leak();
    trouble(&mut chain, ("code 164", SHORT), set(ACCOUNT, readonly), set(readonly, ACCOUNT));

    chain.assert_exactly_once();
}
