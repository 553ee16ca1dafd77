//! A whole stage on a real broker: its workers in processes of their own, one of them killed.

mod place;
mod processes;
mod running;
mod shout;

use logmill_runner::{run_stage, stop_on_signals};
use logmill_telemetry::LogFormat;
use place::Place;
use running::CHILD;
use shout::Shout;
use std::time::Duration;

/// Not a test by itself: a process of the stage, as the tests below start it.
#[test]
fn process() {
    let Ok(arguments) = std::env::var(CHILD) else { return };
    let [brokers, name, slot] = arguments.split(' ').collect::<Vec<_>>().try_into().expect("three arguments");
    logmill_telemetry::init_logs("warn", LogFormat::Text).expect("logs");
    let stop = stop_on_signals(Duration::from_secs(30)).expect("signals");
    run_stage(&Place::at(brokers, name).settings(slot, &stop), || Ok(Shout)).expect("it stops as asked");
}
