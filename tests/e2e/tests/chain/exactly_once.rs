//! The whole chain on real servers, two processes of every stage, one of each killed while it works: every line is in the
//! table exactly once, in each layout.

use logmill_config::Layout;
use logmill_demo::faults::{Watch, kill_each};
use logmill_e2e::{PATIENCE, fixture, start};

fn one_kill_of_each_stage(name: &str, layout: Layout) {
    let (fixture, _turn) = fixture();
    let running = start(fixture, name, layout, 2);
    let killed = async { kill_each(&running.chain, &running.processes, PATIENCE).await };
    let (_, kills) = running.block_on(async { tokio::try_join!(running.through(), killed) });
    running.assert_exactly_once(&fixture.logs);
    let watch = Watch::new(&running.chain).expect("a client that watches");
    for (kill, stage) in kills.iter().zip(kills.iter().map(|kill| kill.process.split('-').next().unwrap_or_default())) {
        let output = watch.output(stage).expect("the stage's output");
        println!("{} was killed after {} of {output} records", kill.process, kill.output);
        assert!(kill.output < output, "{} was killed when its stage had finished: that shows nothing", kill.process);
    }
    assert_eq!(kills.len(), running.chain.stages().len());
    let dated = "SELECT countIf(at < now() - INTERVAL 1 DAY OR at > now() + INTERVAL 1 DAY) FROM file_events";
    assert_eq!(running.chain.sql(dated).expect("SQL").trim(), "0", "events are dated by the time of day");
    let deaths: u32 = running.processes.list().iter().map(|process| process.deaths).sum();
    assert_eq!(deaths as usize, kills.len(), "a process died by itself: {:?}", running.processes.list());
}

#[test]
fn separate_stages_with_one_kill_of_each() {
    one_kill_of_each_stage("separate", Layout::Separate);
}

#[test]
fn fused_stages_with_one_kill_of_each() {
    one_kill_of_each_stage("fused", Layout::Fused);
}

#[test]
fn compact_stages_with_one_kill_of_each() {
    one_kill_of_each_stage("compact", Layout::Compact);
}

#[test]
fn direct_stages_with_one_kill_of_each() {
    one_kill_of_each_stage("direct", Layout::Direct);
}

#[test]
fn reconcile_names_a_deleted_and_a_doubled_row() {
    let (fixture, _turn) = fixture();
    let running = start(fixture, "planted", Layout::Fused, 2);
    running.block_on(running.through());
    running.assert_exactly_once(&fixture.logs);
    let mut whole = fixture.logs.entries.iter().filter(|entry| entry.damage.is_none());
    let (deleted, doubled) = (whole.next().expect("a whole file"), whole.next().expect("another whole file"));
    let row = |entry: &logmill_demo::logs::manifest::Entry, line| {
        format!("cluster = '{}' AND path = '{}' AND line = {line}", entry.cluster, entry.path)
    };
    let sql = |text: String| running.chain.sql(&text).expect("SQL");
    sql(format!("ALTER TABLE rows DELETE WHERE {} SETTINGS mutations_sync = 2", row(deleted, 3)));
    sql(format!("INSERT INTO rows SELECT * FROM rows WHERE {}", row(doubled, 5)));

    let (proven, report) = running.reconcile();
    assert!(!proven, "{report}");
    assert!(report.contains(&deleted.path), "the file with the deleted row is not named: {report}");
    assert!(report.contains(&doubled.path), "the file with the doubled row is not named: {report}");
    let (equal, report) = running.compare(&fixture.logs);
    assert!(!equal);
    assert!(report.contains(&format!("missing: {}:{} line 3", deleted.cluster, deleted.path)), "{report}");
    assert!(report.contains(&format!("doubled: {}:{} line 5", doubled.cluster, doubled.path)), "{report}");
}
