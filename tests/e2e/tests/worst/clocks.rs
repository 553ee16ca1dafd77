//! Clocks that jump: those of all processes of the stages, two hours ahead, and back by a day and a half.

use crate::PORTION;
use logmill_config::Layout;
use logmill_e2e::{Portions, fixture_alone, folder};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// After it the group takes a member without heartbeats for gone, and a bit.
const SESSION: Duration = Duration::from_secs(8);

/// Sets the clock, that all processes of the file have, to so many seconds beside the true time.
fn set(clock: &Path, seconds: i64) {
    println!("---- the clock is {seconds} s off");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(clock).expect("a file");
    file.write_all(&(seconds * 1_000_000_000).to_ne_bytes()).expect("writing 8 bytes");
}

/// The library that has the clock, beside the programs.
fn library() -> std::path::PathBuf {
    let own = std::env::current_exe().expect("where this program lies");
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("liblogmill_clock.so"));
    found.into_iter().find(|path| path.is_file()).expect("cargo build --release --workspace makes liblogmill_clock.so")
}

#[test]
fn clocks_that_jump_lose_and_double_nothing() {
    let (fixture, _turn) = fixture_alone(1);
    let clock = folder("clock").with_extension("ns");
    set(&clock, 0);
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let environment = [("LD_PRELOAD".to_owned(), text(&library())), ("LOGMILL_CLOCK".to_owned(), text(&clock))];
    let mut chain = Portions::start(fixture, "clocks", Layout::Separate, &environment, |_| ());
    chain.put(PORTION);
    chain.through();
    for hours in [2, -36] {
        // Amid a portion, and before another that meets everybody at rest.
        chain.put_and_meet(2 * PORTION);
        set(&clock, hours * 3_600);
        chain.through();
        chain.put(1);
        chain.through();
    }
    // At rest; set back, heartbeats rest too.
    for hours in [0, -36] {
        set(&clock, hours * 3_600);
        std::thread::sleep(SESSION);
        chain.put(1);
        chain.through();
    }
    chain.assert_exactly_once();
}
