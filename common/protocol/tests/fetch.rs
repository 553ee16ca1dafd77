//! The fetcher's worker by examples, without anything going wrong. What happens when something does is shown by
//! tests/simulate, on a simulated log.

use bytes::Bytes;
use logmill_core::event::{Event as Happening, LedgerRecord};
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{End, FileId, FileMeta, Offset, Outcome, Plan, Seq};
use logmill_protocol::fetch::{Answer, Ask, Fetch, Fetched, Item, Lane, Options, Order, Position, Resume, Task};
use logmill_protocol::{Action, Committed, Event, Incoming, Machine, Partition};
use std::collections::{BTreeMap, BTreeSet};

/// The broker's limit on an offset's metadata.
const METADATA_BYTES: usize = 200;

fn file(n: u64, bytes: &str) -> FileMeta {
    let path = format!("/logs/{n}");
    let length = bytes.len() as u64;
    let file_id = FileId::of("a", path.as_bytes(), length, n);
    let plan = Plan { raw_bytes: 4, ..Plan::default() };
    FileMeta { length, modified_ms: n, ..FileMeta::new(file_id, "a", path, plan) }
}

/// Stands in for CRC-32: the machine only carries the sums.
fn sum(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |s, b| s.wrapping_mul(31) + u32::from(*b))
}

/// One tasks partition, one fetcher, and files with their bytes.
struct World {
    tasks: Vec<Record>,
    files: BTreeMap<FileId, String>,
    /// What becomes of a file at a chunk, instead of what its bytes say.
    befalls: BTreeMap<(FileId, Seq), Fetched>,
    written: BTreeMap<String, Vec<Record>>,
    committed: Option<Committed>,
    most_open: usize,
    /// Milliseconds that a commit takes, and how many there were. Each other action takes one.
    commit_ms: u64,
    commits: usize,
    batch_bytes: usize,
}

impl World {
    fn new(files: &[(FileMeta, &str)]) -> Self {
        let tasks = files.iter().map(|(file, _)| Task::new(file.clone()).encode()).collect();
        let files = files.iter().map(|(file, bytes)| (file.file_id, (*bytes).to_owned())).collect();
        let (befalls, written) = (BTreeMap::new(), BTreeMap::new());
        let set_up = Committed { offset: Offset(0), metadata: String::new() };
        let (committed, most_open) = (Some(set_up), 0);
        let (commit_ms, commits, batch_bytes) = (0, 0, 12);
        Self { tasks, files, befalls, written, committed, most_open, commit_ms, commits, batch_bytes }
    }

    /// What comes of an order next.
    fn read(&mut self, order: &mut Order) -> Item {
        let (at, bytes) = (order.from, self.files[&order.file.file_id].as_bytes());
        let from = at.0 as usize * 4;
        let what = match self.befalls.remove(&(order.file.file_id, at)) {
            Some(what) => what,
            None if from >= bytes.len() => Fetched::End,
            None => {
                let chunk = &bytes[from..bytes.len().min(from + 4)];
                (order.from, order.crc32) = (at.next(), sum(order.crc32, chunk));
                Fetched::Chunk(Bytes::copy_from_slice(chunk), order.crc32)
            }
        };
        Item { ticket: order.ticket, what }
    }

    /// Runs a fetcher until all tasks are done.
    fn run(mut self) -> Self {
        let partition = Partition::new("tasks.a", 0);
        let mut machine = Fetch::new(Options {
            raw: Lane::new("raw", 1),
            file_events: Lane::new("file-events", 1),
            dead_letters: Lane::new("dead-letters", 1),
            open_files: 1000,
            backfill: ["backfill.a".into()].into(),
            backfill_files: 2,
            batch_bytes: self.batch_bytes,
            metadata_bytes: METADATA_BYTES,
        });
        let (mut orders, mut sent): (Vec<Order>, Vec<_>) = (Vec::new(), Vec::new());
        let (mut at, mut is_assigned, mut event, mut now_ms) = (0, false, Event::Start, 0);
        while !self.is_done() {
            now_ms += 1;
            event = match machine.step(now_ms, event) {
                Action::Poll if !is_assigned => {
                    is_assigned = true;
                    Event::Assigned(vec![partition.clone()])
                }
                Action::Poll if at < self.tasks.len() => {
                    let (offset, record) = (Offset(at as i64), self.tasks[at].clone());
                    at += 1;
                    Event::Record(Incoming { partition: partition.clone(), offset, timestamp_ms: 0, record })
                }
                Action::Poll => Event::Idle,
                Action::Read(_) => Event::Positions(vec![(partition.clone(), self.committed.clone())]),
                Action::Assign(_) | Action::Begin => Event::Done,
                Action::Send(outgoing) => {
                    sent.push(outgoing);
                    Event::Done
                }
                Action::Commit(mut positions) => {
                    for outgoing in sent.drain(..) {
                        match &*outgoing.partition.topic {
                            "tasks.a" => self.tasks.push(outgoing.record),
                            topic => self.written.entry(topic.to_owned()).or_default().push(outgoing.record),
                        }
                    }
                    let (_, committed) = positions.pop().expect("what is sent has a task");
                    assert!(committed.metadata.len() <= METADATA_BYTES, "{}", committed.metadata);
                    self.most_open = self.most_open.max(Position::decode(&committed).unwrap().open.len());
                    self.committed = Some(committed);
                    self.commits += 1;
                    now_ms += self.commit_ms;
                    Event::Done
                }
                Action::Other(Ask::Open(order)) => {
                    orders.push(order);
                    Event::Other(Answer::Done)
                }
                Action::Other(Ask::Discard) => Event::Other(Answer::Done),
                Action::Other(Ask::Next { .. }) => {
                    let items: Vec<Item> = orders.iter_mut().map(|order| self.read(order)).collect();
                    let is_over = |item: &Item| !matches!(item.what, Fetched::Chunk(..));
                    let over: Vec<u64> = items.iter().filter(|i| is_over(i)).map(|i| i.ticket).collect();
                    orders.retain(|order| !over.contains(&order.ticket));
                    Event::Other(Answer::Items(items))
                }
                other => panic!("nothing goes wrong here: {other:?}"),
            };
        }
        self
    }

    fn is_done(&self) -> bool {
        let position = self.committed.as_ref().map(|c| Position::decode(c).unwrap());
        position.is_some_and(|p| p.open.is_empty() && p.next == Offset(self.tasks.len() as i64))
    }

    fn on(&self, topic: &str) -> &[Record] {
        self.written.get(topic).map_or(&[], Vec::as_slice)
    }

    /// The chunks of a file: number, bytes or marker, `~` before what is silent.
    fn raw(&self, file: &FileMeta) -> String {
        let of_file = self.on("raw").iter().filter(|r| r.file_id() == Ok(file.file_id));
        let tell = |chunk: WireChunk| {
            assert_eq!(chunk.file.is_some(), chunk.seq == Seq(0), "the first chunk describes the file");
            let silent = if chunk.silent { "~" } else { "" };
            let what = match chunk.kind {
                Kind::Data => String::from_utf8(chunk.payload.to_vec()).unwrap(),
                Kind::Park => "park".into(),
                Kind::End(End::Complete) => "end".into(),
                Kind::End(_) => "abort".into(),
            };
            format!("{silent}{} {what}", chunk.seq)
        };
        of_file.map(|r| tell(WireChunk::decode(r).unwrap())).collect::<Vec<_>>().join(", ")
    }

    fn events(&self) -> Vec<Happening> {
        let event = |r: &Record| serde_json::from_slice::<LedgerRecord>(&r.payload).unwrap().event;
        self.on("file-events").iter().map(event).collect()
    }

    /// Outcome, bytes and sum of the last event.
    fn closed(&self) -> (Outcome, u64, Option<String>) {
        match self.events().pop() {
            Some(Happening::Closed { outcome, bytes_out, crc32, .. }) => (outcome, bytes_out, crc32),
            other => panic!("the last event is not the end: {other:?}"),
        }
    }
}

#[test]
fn many_small_files_share_a_transaction() {
    let files: Vec<_> = (0..600).map(|n| (file(n, "abc"), "abc")).collect();
    let world = World { batch_bytes: 1 << 20, commit_ms: 10, ..World::new(&files) }.run();
    assert!(world.commits < 20, "{} transactions", world.commits);
    for (file, _) in &files {
        assert_eq!(world.raw(file), "0 abc, 1 end");
    }
}

#[test]
fn a_file_is_cut_at_multiples_of_its_plans_size_and_ends_with_its_sum() {
    let long = file(1, "abcdefghij");
    let world = World::new(&[(long.clone(), "abcdefghij")]).run();
    assert_eq!(world.raw(&long), "0 abcd, 1 efgh, 2 ij, 3 end");
    assert_eq!(world.events()[0], Happening::Opened);
    assert_eq!(world.closed(), (Outcome::Complete, 10, Some(format!("{:08x}", sum(0, b"abcdefghij")))));
    assert_eq!(world.committed.unwrap().metadata, "f2;1;4;");
}

#[test]
fn an_empty_file_is_an_end_alone() {
    let empty = file(1, "");
    let world = World::new(&[(empty.clone(), "")]).run();
    assert_eq!(world.raw(&empty), "0 end");
    assert_eq!(world.closed(), (Outcome::Complete, 0, Some("00000000".into())));
}

#[test]
fn a_parked_file_comes_again_silently_up_to_where_it_was_parked() {
    let parked = file(1, "abcdefghij");
    let mut world = World::new(&[(parked.clone(), "abcdefghij")]);
    world.befalls.insert((parked.file_id, Seq(2)), Fetched::Unreachable("no answer".into()));
    let world = world.run();
    assert_eq!(world.raw(&parked), "0 abcd, 1 efgh, 2 park, ~0 abcd, ~1 efgh, 2 ij, 3 end");
    let resume = Resume { seq: Seq(2), crc32: sum(0, b"abcdefgh") };
    assert_eq!(Task::decode(&world.tasks[1]), Ok(Task { file: parked, resume: Some(resume) }));
    let between = [Happening::Parked { at: 8 }, Happening::Resumed { at: 8 }];
    assert_eq!(world.events()[1..3], between);
    assert_eq!(world.closed().1, 10);
}

#[test]
fn a_file_that_changes_is_aborted_and_a_dead_letter_says_where() {
    let changed = file(1, "abcdefghij");
    let mut world = World::new(&[(changed.clone(), "abcdefghij")]);
    world.befalls.insert((changed.file_id, Seq(1)), Fetched::Changed("another length".into()));
    let world = world.run();
    assert_eq!(world.raw(&changed), "0 abcd, 1 abort");
    assert_eq!(world.closed(), (Outcome::Partial, 4, None));
    let letter = &world.on("dead-letters")[0];
    let header = |name| String::from_utf8_lossy(letter.header(name).unwrap()).into_owned();
    assert_eq!(["reason", "at-byte", "origin"].map(header), ["changed", "4", "tasks.a/0/0"]);
}

#[test]
fn no_more_files_are_open_than_their_positions_fit() {
    let files: Vec<(FileMeta, &str)> = (0..600).map(|n| (file(n, "abcdefgh"), "abcdefgh")).collect();
    let world = World::new(&files).run();
    assert!((2..50).contains(&world.most_open), "{} were open at a time", world.most_open);
    for (file, _) in &files {
        assert_eq!(world.raw(file), "0 abcd, 1 efgh, 2 end");
    }
}

#[test]
fn what_is_no_task_is_a_dead_letter_and_the_others_go_on() {
    let files = [(file(1, "abc"), "abc"), (file(2, "def"), "def")];
    let mut world = World::new(&files);
    world.tasks.insert(1, Record { payload: Bytes::from_static(b"{"), ..Record::default() });
    let world = world.run();
    assert_eq!(world.raw(&files[1].0), "0 def, 1 end");
    let [letter] = world.on("dead-letters") else { panic!("one dead letter") };
    assert_eq!(letter.header("origin").unwrap(), "tasks.a/0/1");
    assert_eq!(&letter.payload[..], b"{");
}

#[test]
fn a_position_goes_past_markers_alone_so_that_they_do_not_look_like_tasks() {
    let partition = Partition::new("tasks.a", 0);
    let mut machine = Fetch::new(Options {
        raw: Lane::new("raw", 1),
        file_events: Lane::new("file-events", 1),
        dead_letters: Lane::new("dead-letters", 1),
        open_files: 1,
        backfill: BTreeSet::new(),
        backfill_files: 1,
        batch_bytes: 12,
        metadata_bytes: METADATA_BYTES,
    });
    let start = Committed { offset: Offset(3), metadata: String::new() };
    let events = [
        Event::Start,
        Event::Assigned(vec![partition.clone()]),
        Event::Other(Answer::Done),
        Event::Positions(vec![(partition.clone(), Some(start))]),
        Event::Done,
        Event::Nothing { partition: partition.clone(), from: Offset(3), to: Offset(5) },
        Event::Done,
    ];
    let last = events.into_iter().map(|event| machine.step(0, event)).last();
    let past = Committed { offset: Offset(5), metadata: "f2;5;0;".into() };
    assert_eq!(last, Some(Action::Commit(vec![(partition, past)])));
}

#[test]
fn of_backfill_fewer_files_are_open_and_their_orders_say_so() {
    let (live, backfill) = (Partition::new("tasks.a", 0), Partition::new("backfill.a", 0));
    let mut machine = Fetch::new(Options {
        raw: Lane::new("raw", 1),
        file_events: Lane::new("file-events", 1),
        dead_letters: Lane::new("dead-letters", 1),
        open_files: 3,
        backfill: [backfill.topic.clone()].into(),
        backfill_files: 2,
        batch_bytes: 12,
        metadata_bytes: METADATA_BYTES,
    });
    let start = Some(Committed { offset: Offset(0), metadata: String::new() });
    let mut tasks: Vec<Incoming> = [&live, &backfill]
        .into_iter()
        .flat_map(|partition| {
            (0..5).map(|n| {
                let record = Task::new(file(n, "abc")).encode();
                Incoming { partition: partition.clone(), offset: Offset(n as i64), timestamp_ms: 0, record }
            })
        })
        .collect();
    let (mut event, mut assigned, mut orders) = (Event::Start, false, Vec::new());
    while !(tasks.is_empty() && matches!(event, Event::Idle)) {
        event = match machine.step(0, event) {
            Action::Poll if !std::mem::replace(&mut assigned, true) => {
                Event::Assigned(vec![live.clone(), backfill.clone()])
            }
            Action::Poll if tasks.is_empty() => Event::Idle,
            Action::Poll => Event::Record(tasks.remove(0)),
            Action::Read(partitions) => Event::Positions(partitions.into_iter().map(|p| (p, start.clone())).collect()),
            Action::Other(Ask::Open(order)) => {
                orders.push(order.backfill);
                Event::Other(Answer::Done)
            }
            Action::Other(Ask::Next { .. }) => Event::Other(Answer::Items(Vec::new())),
            Action::Other(Ask::Discard) => Event::Other(Answer::Done),
            _ => Event::Done,
        };
    }
    assert_eq!(orders, [false, false, false, true, true]);
}
