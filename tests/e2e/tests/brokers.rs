//! Three brokers, one killed after the other while files come through.

use logmill_config::Layout;
use logmill_e2e::{Portions, fixture_alone};
use logmill_stack::ServerId;

const PORTION: usize = 5;

#[test]
fn three_brokers_killed_one_after_the_other_lose_nothing() {
    let (fixture, _turn) = fixture_alone(3);
    let mut chain = Portions::start(fixture, "brokers", Layout::Separate, &[], |_| ());
    chain.put(PORTION);
    chain.through();
    for broker in (1..=3).map(ServerId::Broker) {
        println!("---- {broker}");
        chain.put_and_meet(2 * PORTION);
        fixture.stack.kill(&broker).expect("it runs");
        // Two of three are enough.
        chain.through();
        fixture.stack.restart(&broker).expect("it starts");
    }
    chain.put(PORTION);
    chain.through();
    chain.assert_exactly_once();
}
