//! Behind the last record stand markers that nobody sees. Who stays before them cannot go on once retention has deleted
//! them with the record: the position is committed past them.

use logmill_core::{Chunk, End, FileMeta, Flow, Offset, Out, Outcome, Progress, Reject, Stage};
use logmill_protocol::fetch::Lane;
use logmill_protocol::load::{Config, Loader};
use logmill_protocol::worker::{Options, Route, Routes, StageWorker};
use logmill_protocol::{Action, Committed, Event, Machine, Partition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A stage that does nothing.
struct Nothing;

impl Stage for Nothing {
    type State = ();
    const NAME: &'static str = "nothing";
    const INPUT: Flow = Flow::Stream;
    const OUTPUT: Flow = Flow::Stream;

    fn open(&self, _: &Arc<FileMeta>) {}

    fn process(&self, (): &mut (), _: &mut Chunk, _: &mut Out) -> Result<Progress, Reject> {
        Ok(Progress::Done)
    }

    fn finish(&self, (): (), end: End, _: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }
}

fn worker() -> StageWorker<Nothing> {
    let lane = |topic: &str| Lane::new(topic.to_owned(), 1);
    let routes =
        Routes { product: Route::Topic(lane("out")), file_events: lane("events"), dead_letters: lane("letters") };
    let (transaction_bytes, transaction_ms, out_bytes, metadata_bytes, attempts) = (1 << 20, 100, 1 << 20, 4096, 5);
    StageWorker::new(
        Nothing,
        Options { routes, transaction_bytes, transaction_ms, out_bytes, metadata_bytes, attempts },
    )
}

fn loader() -> Loader {
    Loader::new(Config {
        dead_letters: ("letters".into(), 1),
        contents: BTreeMap::new(),
        batch_bytes: 1 << 20,
        batch_records: 100,
        quiet_ms: 10,
        batch_ms: 100,
        budget_bytes: 1 << 20,
        backoff_ms: (10, 100),
        grace_ms: 100,
    })
}

/// Takes the partition, of which `committed` is committed, and polls.
fn start<M: Machine>(machine: &mut M, partition: &Partition, committed: Committed) {
    assert!(matches!(machine.step(0, Event::Start), Action::Poll));
    let assigned = machine.step(0, Event::Assigned(vec![partition.clone()]));
    assert!(matches!(assigned, Action::Read(_)));
    let positioned = machine.step(0, Event::Positions(vec![(partition.clone(), Some(committed))]));
    assert!(matches!(positioned, Action::Assign(_)));
    assert!(matches!(machine.step(0, Event::Done), Action::Poll));
}

/// What it commits when it is told of nothing from `from` to `to`, and nothing comes; `None` when it goes on polling.
fn told<M: Machine>(machine: &mut M, partition: &Partition, from: i64, to: i64) -> Option<Vec<(Partition, Committed)>> {
    let nothing = Event::Nothing { partition: partition.clone(), from: Offset(from), to: Offset(to) };
    let mut action = machine.step(1, nothing);
    if matches!(action, Action::Poll) {
        action = machine.step(1_000, Event::Idle);
    }
    match action {
        Action::Poll => return None,
        Action::Begin => {}
        _ => panic!("nothing but a transaction commits"),
    }
    let Action::Commit(offsets) = machine.step(1_000, Event::Done) else { panic!("there is nothing to send") };
    assert!(matches!(machine.step(1_000, Event::Done), Action::Poll), "it is committed once");
    Some(offsets)
}

fn goes_past<M: Machine>(mut machine: M) {
    let partition = Partition::new("in", 0);
    start(&mut machine, &partition, Committed { offset: Offset(1), metadata: String::new() });
    let offsets = told(&mut machine, &partition, 1, 2).expect("it goes past the marker");
    assert_eq!(offsets.len(), 1);
    assert_eq!((&offsets[0].0, offsets[0].1.offset), (&partition, Offset(2)));
    assert_eq!(told(&mut machine, &partition, 1, 2), None, "it is past it already");
    let offsets = told(&mut machine, &partition, 1, 5).expect("it goes past what was aborted since");
    assert_eq!(offsets[0].1.offset, Offset(5));
    assert_eq!(told(&mut machine, &partition, 7, 9), None, "before that a record may come");
}

#[test]
fn a_worker_goes_past_what_nobody_sees() {
    goes_past(worker());
}

#[test]
fn a_loader_goes_past_what_nobody_sees() {
    goes_past(loader());
}

#[test]
fn a_worker_that_rebuilds_states_goes_past_nothing() {
    let (mut machine, partition) = (worker(), Partition::new("in", 0));
    // S is 1, H is 4.
    start(&mut machine, &partition, Committed { offset: Offset(1), metadata: "s1;4;0.0;0;1;".into() });
    assert_eq!(told(&mut machine, &partition, 1, 2), None);
}

#[test]
fn a_loader_that_reads_a_batch_again_goes_past_nothing() {
    let (mut machine, partition) = (loader(), Partition::new("in", 0));
    start(&mut machine, &partition, Committed { offset: Offset(1), metadata: "to=4".into() });
    assert_eq!(told(&mut machine, &partition, 1, 2), None);
}

#[test]
fn after_a_slow_commit_the_next_one_rests() {
    let (mut machine, partition) = (worker(), Partition::new("in", 0));
    start(&mut machine, &partition, Committed { offset: Offset(1), metadata: String::new() });
    let nothing = |from, to| Event::Nothing { partition: partition.clone(), from: Offset(from), to: Offset(to) };
    assert!(matches!(machine.step(0, nothing(1, 2)), Action::Poll));
    assert!(matches!(machine.step(0, Event::Idle), Action::Begin), "no commit was slow yet");
    assert!(matches!(machine.step(5, Event::Done), Action::Commit(_)));
    assert!(matches!(machine.step(20, Event::Done), Action::Poll));
    assert!(matches!(machine.step(30, nothing(2, 3)), Action::Poll));
    assert!(matches!(machine.step(109, Event::Idle), Action::Poll));
    assert!(matches!(machine.step(110, Event::Idle), Action::Begin), "four times 20 ms");
}
