//! The lister against a listing and a topic of known files in memory.

use logmill_core::{FileId, Plan};
use logmill_protocol::fetch::{
    First, Lane, Listed, Lister, ListerAnswer, ListerAsk, ListerOptions, Rank, Task, Waiting,
};
use logmill_protocol::{Action, Event, Failure, Machine, Outgoing};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A cluster's topics, and one lister after the other.
#[derive(Default)]
struct World {
    tasks: Vec<Task>,
    known: BTreeSet<FileId>,
    now_ms: u64,
}

fn file(path: &str, length: u64) -> Listed {
    Listed { path: path.into(), length, modified_ms: 7 }
}

fn lister(settle: u8) -> Lister {
    Lister::new(ListerOptions {
        cluster: "a".into(),
        tasks: Lane::new("tasks.a", 3),
        backfill: Lane::new("backfill.a", 3),
        rank_for: Box::new(|file, _| Rank::new(false, 0, First::Oldest, file.modified_ms)),
        withheld: Box::new(|_| false),
        ahead: 1000,
        held: 1000,
        known: Lane::new("known.a", 1),
        plan_for: Box::new(|path| (path[1..2].to_owned(), Plan::default())),
        settle,
        forget_ms: 1000,
        batch: 2,
    })
}

impl World {
    fn commit(&mut self, sent: Vec<Outgoing>) {
        for Outgoing { partition, record } in sent {
            if &*partition.topic == "tasks.a" {
                let task = Task::decode(&record).unwrap();
                assert_eq!(partition.index, task.file.file_id.partition(3));
                self.tasks.push(task);
            } else if record.payload.is_empty() {
                self.known.remove(&record.file_id().unwrap());
            } else {
                self.known.insert(record.file_id().unwrap());
            }
        }
    }

    /// Runs a lister over scans, each its files and whether it saw all there is; commit number `fails` fails.
    fn run(&mut self, mut lister: Lister, scans: &[(&[Listed], bool)], fails: Option<usize>) -> Result<(), String> {
        let mut answers: Vec<ListerAnswer> = vec![ListerAnswer::Stop];
        for (files, whole) in scans.iter().rev() {
            answers.push(if *whole { ListerAnswer::ScanEnd } else { ListerAnswer::ScanFailed });
            answers.push(ListerAnswer::Files(files.to_vec()));
        }
        let (mut sent, mut commits) = (Vec::new(), 0);
        let mut event = Event::Start;
        loop {
            event = match lister.step(self.now_ms, event) {
                Action::Other(ListerAsk::Known) => {
                    Event::Other(ListerAnswer::Known(self.known.iter().copied().collect()))
                }
                Action::Other(ListerAsk::List { .. }) => Event::Other(answers.pop().expect("it ends after Stop")),
                Action::Other(ListerAsk::Waiting) => Event::Other(ListerAnswer::Waiting(Waiting::default())),
                Action::Begin => Event::Done,
                Action::Send(outgoing) => {
                    sent.push(outgoing);
                    Event::Done
                }
                Action::Commit(positions) => {
                    assert!(positions.is_empty(), "a lister has no positions");
                    commits += 1;
                    if fails == Some(commits) {
                        Event::Failed(Failure::Fenced("another lister".into()))
                    } else {
                        self.commit(std::mem::take(&mut sent));
                        Event::Done
                    }
                }
                Action::Exit(why) => return why,
                other => panic!("a lister does not ask for {other:?}"),
            };
        }
    }

    fn paths(&self) -> Vec<(&str, u64)> {
        self.tasks.iter().map(|t| (t.file.path.as_str(), t.file.length)).collect()
    }
}

#[test]
fn a_file_is_taken_when_two_scans_see_the_same_and_never_again() {
    let mut world = World::default();
    let (growing, grown) = ([file("/a", 5), file("/b", 1)], [file("/a", 5), file("/b", 2)]);
    world.run(lister(2), &[(&growing, true), (&grown, true)], None).unwrap();
    assert_eq!(world.paths(), [("/a", 5)], "/b has changed between the scans");
    assert_eq!(world.tasks[0].file.app, "a");
    world.run(lister(2), &[(&grown, true), (&grown, true), (&grown, true)], None).unwrap();
    assert_eq!(world.paths(), [("/a", 5), ("/b", 2)]);
}

#[test]
fn seeing_a_file_twice_in_one_scan_or_in_a_broken_one_does_not_settle_it() {
    let mut world = World::default();
    let twice = [file("/a", 5), file("/a", 5)];
    world.run(lister(2), &[(&twice, false), (&twice, true)], None).unwrap();
    assert_eq!(world.paths(), []);
    world.run(lister(1), &[(&twice, true)], None).unwrap();
    assert_eq!(world.paths(), [("/a", 5)]);
}

#[test]
fn a_lister_that_is_fenced_ends_and_the_next_makes_the_missing_tasks_alone() {
    let files: Vec<Listed> = (0..7).map(|n| file("/f", n)).collect();
    for fails in 1..=4 {
        let mut world = World::default();
        let ended = world.run(lister(1), &[(&files, true)], Some(fails));
        assert!(ended.is_err_and(|why| why.contains("another lister")));
        assert_eq!(world.tasks.len(), 2 * (fails - 1), "whole transactions of two files");
        world.run(lister(1), &[(&files, true)], None).unwrap();
        let ids: BTreeSet<FileId> = world.tasks.iter().map(|t| t.file.file_id).collect();
        assert_eq!((world.tasks.len(), ids.len()), (7, 7));
        assert_eq!(ids, world.known);
    }
}

#[test]
fn a_file_is_forgotten_when_it_was_out_of_every_whole_scan_for_long_enough() {
    let mut world = World::default();
    world.run(lister(1), &[(&[file("/a", 5)], true)], None).unwrap();
    // The time is counted from when a lister began to look.
    world.now_ms = 5000;
    world.run(lister(1), &[(&[], true)], None).unwrap();
    assert_eq!(world.known.len(), 1);

    let mut late = lister(1);
    let mut event = Event::Start;
    for now_ms in [5000, 5000, 5900] {
        event = match late.step(now_ms, event) {
            Action::Other(ListerAsk::Known) => Event::Other(ListerAnswer::Known(world.known.iter().copied().collect())),
            Action::Other(ListerAsk::List { .. }) => Event::Other(ListerAnswer::ScanEnd),
            other => panic!("nothing to write yet: {other:?}"),
        };
    }
    assert_eq!(late.step(6001, event), Action::Begin);
    let Action::Send(outgoing) = late.step(6001, Event::Done) else { panic!("it sends what is forgotten") };
    world.commit(vec![outgoing]);
    assert!(world.known.is_empty());
}

#[test]
fn what_a_long_scan_has_seen_is_not_forgotten_at_its_end() {
    let mut world = World::default();
    world.run(lister(1), &[(&[file("/a", 5)], true)], None).unwrap();
    // The second scan takes longer than the time after which a file is forgotten.
    let mut slow = lister(1);
    let mut event = Event::Start;
    for (now_ms, answer) in [
        (0, ListerAnswer::Known(world.known.iter().copied().collect())),
        (1, ListerAnswer::ScanEnd),
        (2, ListerAnswer::Files(vec![file("/a", 5)])),
        (5000, ListerAnswer::ScanEnd),
    ] {
        assert!(matches!(slow.step(now_ms, event), Action::Other(_)), "nothing to write at {now_ms}");
        event = Event::Other(answer);
    }
    assert_eq!(slow.step(5000, event), Action::Other(ListerAsk::List { wait_ms: None }));
}

/// One partition of each lane, of which fetchers take a task from time to time; files of the name /bN are backfill.
struct Lanes {
    lister: Lister,
    /// What the lister asks.
    ask: Action<ListerAsk>,
    now_ms: u64,
    tasks: [Vec<String>; 2],
    taken: [usize; 2],
    /// Where the files of `/full` lead, too much waits.
    withheld: Arc<Mutex<bool>>,
}

impl Lanes {
    fn new(first: First, ahead: u64, held: usize) -> Self {
        let withheld = Arc::new(Mutex::new(false));
        let is_withheld = Arc::clone(&withheld);
        let mut lister = Lister::new(ListerOptions {
            cluster: "a".into(),
            tasks: Lane::new("tasks.a", 1),
            backfill: Lane::new("backfill.a", 1),
            known: Lane::new("known.a", 1),
            plan_for: Box::new(|_| (String::new(), Plan::default())),
            rank_for: Box::new(move |file, _| {
                let urgent = i32::from(file.path.starts_with("/urgent"));
                Rank::new(file.path.starts_with("/b"), urgent, first, file.modified_ms)
            }),
            withheld: Box::new(move |file| *is_withheld.lock().unwrap() && file.path.starts_with("/full")),
            ahead,
            held,
            settle: 1,
            forget_ms: 1000,
            batch: 2,
        });
        assert_eq!(lister.step(0, Event::Start), Action::Other(ListerAsk::Known));
        let ask = lister.step(0, Event::Other(ListerAnswer::Known(Vec::new())));
        Self { lister, ask, now_ms: 0, tasks: Default::default(), taken: [0; 2], withheld }
    }

    /// Answers what it asks; where it lists, with this.
    fn list(&mut self, answer: ListerAnswer) {
        let mut answer = Some(answer);
        let mut sent = Vec::new();
        loop {
            let event = match std::mem::replace(&mut self.ask, Action::Poll) {
                ask @ Action::Other(ListerAsk::List { .. }) => match answer.take() {
                    Some(answer) => Event::Other(answer),
                    None => return self.ask = ask,
                },
                Action::Other(ListerAsk::Waiting) => {
                    let waiting = |lane: usize| vec![(self.tasks[lane].len() - self.taken[lane]) as u64];
                    Event::Other(ListerAnswer::Waiting(Waiting { live: waiting(0), backfill: waiting(1) }))
                }
                Action::Send(outgoing) => {
                    sent.push(outgoing);
                    Event::Done
                }
                Action::Commit(_) => {
                    for Outgoing { partition, record } in sent.drain(..) {
                        let lane = ["tasks.a", "backfill.a"].iter().position(|topic| **topic == *partition.topic);
                        let Some(lane) = lane else { continue };
                        self.tasks[lane].push(Task::decode(&record).unwrap().file.path);
                    }
                    Event::Done
                }
                _ => Event::Done,
            };
            self.ask = self.lister.step(self.now_ms, event);
        }
    }

    fn scan(&mut self, files: &[(&str, u64)]) {
        let listed = |(path, time): &(&str, u64)| Listed { path: (*path).into(), length: 1, modified_ms: *time };
        self.list(ListerAnswer::Files(files.iter().map(listed).collect()));
        self.list(ListerAnswer::ScanEnd);
    }

    /// Fetchers take so many tasks of each lane; the lister finds out.
    fn take(&mut self, count: usize) {
        for lane in 0..2 {
            self.taken[lane] = (self.taken[lane] + count).min(self.tasks[lane].len());
        }
        self.now_ms += 10_000;
        self.list(ListerAnswer::Idle);
    }

    fn live(&self) -> String {
        self.tasks[0].join(" ")
    }
}

#[test]
fn tasks_are_made_by_priority_and_time_and_no_more_than_fetchers_need() {
    let mut lanes = Lanes::new(First::Oldest, 2, 100);
    let mut files = vec![("/3", 3), ("/1", 1), ("/4", 4), ("/urgent", 9), ("/2", 2)];
    lanes.scan(&files);
    assert_eq!(lanes.live(), "/urgent /1");
    lanes.take(1);
    assert_eq!(lanes.live(), "/urgent /1 /2");
    files.extend([("/urgent too", 10), ("/0", 0)]);
    lanes.scan(&files);
    assert_eq!(lanes.live(), "/urgent /1 /2", "two wait");
    lanes.take(2);
    assert_eq!(lanes.live(), "/urgent /1 /2 /urgent too /0", "what came late and is first waits for two alone");
    lanes.take(9);
    assert_eq!((lanes.live(), lanes.lister.held()), ("/urgent /1 /2 /urgent too /0 /3 /4".into(), 0));
}

#[test]
fn the_newest_come_first_where_that_is_asked_for() {
    let mut lanes = Lanes::new(First::Newest, 1, 100);
    let mut files = vec![("/1", 1), ("/3", 3), ("/2", 2)];
    lanes.scan(&files);
    files.push(("/4", 4));
    lanes.scan(&files);
    (0..4).for_each(|_| lanes.take(1));
    assert_eq!(lanes.live(), "/3 /4 /2 /1");
}

#[test]
fn backfill_has_a_lane_of_its_own_and_takes_no_place_from_others() {
    let mut lanes = Lanes::new(First::Oldest, 2, 100);
    lanes.scan(&[("/b1", 1), ("/b2", 2), ("/b3", 3), ("/9", 9), ("/8", 8)]);
    assert_eq!((lanes.live(), lanes.tasks[1].join(" ")), ("/8 /9".into(), "/b1 /b2".into()));
}

#[test]
fn what_finds_no_room_in_memory_is_found_by_a_later_scan_and_what_is_gone_has_no_task() {
    let mut lanes = Lanes::new(First::Oldest, 1, 2);
    let files = [("/1", 1), ("/2", 2), ("/3", 3), ("/4", 4), ("/5", 5)];
    lanes.scan(&files);
    assert_eq!((lanes.live(), lanes.lister.held()), ("/1".into(), 1));
    // The second is gone, the third never was held.
    lanes.scan(&[files[0], files[2], files[3], files[4]]);
    (0..5).for_each(|_| lanes.take(1));
    assert_eq!(lanes.live(), "/1 /3", "the others are out of mind until the next scan");
    lanes.scan(&[files[0], files[2], files[3], files[4]]);
    lanes.take(1);
    assert_eq!(lanes.live(), "/1 /3 /4 /5");
    assert_eq!(lanes.lister.known(), 4);
}

#[test]
fn a_file_that_is_withheld_gets_its_task_when_it_is_not_and_stands_in_no_others_way() {
    let mut lanes = Lanes::new(First::Oldest, 1, 2);
    let files = [("/full/1", 1), ("/full/2", 2), ("/full/3", 3), ("/4", 4), ("/5", 5)];
    lanes.scan(&files[..1]);
    assert_eq!(lanes.live(), "/full/1");
    lanes.scan(&files[..3]);
    *lanes.withheld.lock().unwrap() = true;
    lanes.take(1);
    assert_eq!((lanes.live(), lanes.lister.held()), ("/full/1".into(), 1), "one is held, and gets none");
    // What was held before makes room at the end of a scan that finds it withheld.
    (0..2).for_each(|_| lanes.scan(&files));
    (0..3).for_each(|_| lanes.take(1));
    assert_eq!((lanes.live(), lanes.lister.withheld()), ("/full/1 /4 /5".into(), 2));
    *lanes.withheld.lock().unwrap() = false;
    lanes.scan(&files);
    (0..3).for_each(|_| lanes.take(1));
    assert_eq!((lanes.live(), lanes.lister.withheld()), ("/full/1 /4 /5 /full/2 /full/3".into(), 0));
}
