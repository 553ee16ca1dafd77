//! The short form of `make crash`: one run.

use logmill_crash::Campaign;

#[test]
fn every_line_is_in_the_table_once_whatever_befalls_the_chain_and_its_servers() {
    let (tally, failure) = Campaign { runs: 1, seed: 4, brokers: 1 }.run();
    println!("{tally}");
    assert_eq!(failure, None);
    assert_eq!((tally.compared, tally.lost, tally.doubled), (1, 0, 0));
}
