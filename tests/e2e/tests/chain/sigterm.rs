//! SIGTERM: a stage ends well within its grace period, and its successor has nothing to do again.

use logmill_config::Layout;
use logmill_demo::faults::Watch;
use logmill_e2e::{PATIENCE, Running, fixture, start};
use std::time::{Duration, Instant};

/// What a Kubernetes pod gets by default, less a little.
const GRACE: Duration = Duration::from_secs(25);

/// Waits until a stage has put something out.
fn await_output(running: &Running, stage: &str) {
    let watch = Watch::new(&running.chain).expect("a client that watches");
    let begun = Instant::now();
    while watch.output(stage).expect("the stage's output") == 0 {
        assert!(begun.elapsed() < PATIENCE, "no output of {stage} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn terminate_every_stage(name: &str, layout: Layout) {
    let (fixture, _turn) = fixture();
    // One process of each: where there are more, the others' transactions end with the rebalance.
    let running = start(fixture, name, layout, 1);
    for stage in running.chain.stages() {
        await_output(&running, stage);
        let process = format!("{stage}-0");
        let ended = running.processes.terminate(&process, GRACE).expect("it ends within the grace period");
        println!("{process} ended with {} after {:.1} s", ended.status, ended.took.as_secs_f64());
        assert!(ended.status.success(), "{process} ended with {}", ended.status);
        running.processes.start(running.chain.spec(stage, 0)).expect("its successor starts");
    }
    running.block_on(running.through());
    running.assert_exactly_once(&fixture.logs);
    let watch = Watch::new(&running.chain).expect("a client that watches");
    for stage in running.chain.stages() {
        assert_eq!(watch.aborted(stage).expect("the stage's output"), 0, "{stage} did something again");
    }
    let deaths: u32 = running.processes.list().iter().map(|process| process.deaths).sum();
    assert_eq!(deaths, 0, "no process died by itself");
}

#[test]
fn every_separate_stage_ends_well() {
    terminate_every_stage("termseparate", Layout::Separate);
}

#[test]
fn every_fused_stage_ends_well() {
    terminate_every_stage("termfused", Layout::Fused);
}

#[test]
fn every_stage_of_the_direct_layout_ends_well() {
    terminate_every_stage("termdirect", Layout::Direct);
}
