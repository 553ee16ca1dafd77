//! What must hold when all is done: of the outputs, and of every position that was ever committed.

use crate::broker::Broker;
use crate::spread::{self, CHANNELS};
use crate::stage::{Cut, Death, Seen, reference};
use crate::world::{HOPS, Setup, TOPICS, Weaker};
use bytes::Bytes;
use logmill_core::wire::{Kind, WireChunk};
use logmill_core::{FileId, Offset};
use logmill_protocol::Partition;
use logmill_protocol::worker::Position;
use std::collections::{BTreeMap, BTreeSet};

/// How the outputs of a file may be cut: as its plan says, or, with that rule switched off, in one way or the other, but
/// not in both.
pub const PLANNED: &[Cut] = &[Cut::Plan];
const CONFIGURED: &[Cut] = &[Cut::Configured(0), Cut::Configured(1)];

/// Checks all that is in the log.
///
/// # Errors
/// What is not as it has to be.
pub fn check(broker: &Broker, setup: &Setup) -> Result<(), String> {
    let cuts = if setup.weaker == Some(Weaker::CutByConfiguration) { CONFIGURED } else { PLANNED };
    let positions = positions(broker)?;
    outputs(broker, 0, |input, seen| is_of_stream::<false>(input, seen, cuts))?;
    outputs(broker, 1, |input, seen| is_of_stream::<true>(input, seen, cuts))?;
    outputs(broker, 2, is_spread)?;
    if setup.strict {
        none_goes_back(&positions)?;
        each_is_what_its_input_asks_for(broker, &positions)?;
    }
    Ok(())
}

/// A committed position, and of which group and partition.
type Of<'a> = ((&'a str, &'a Partition), Position);

fn positions(broker: &Broker) -> Result<Vec<Of<'_>>, String> {
    let decode = |(group, partition, committed): &'_ (String, Partition, _)| {
        Position::decode(committed).map_err(|e| format!("{group} at {partition}: {e}"))
    };
    broker.history.iter().map(|of| Ok(((of.0.as_str(), &of.1), decode(of)?))).collect()
}

/// (H, k) never goes back.
fn none_goes_back(positions: &[Of<'_>]) -> Result<(), String> {
    let mut last: BTreeMap<(&str, &Partition), (Offset, u64)> = BTreeMap::new();
    for (of, position) in positions {
        let now = (position.next, position.k);
        let before = last.insert(*of, now);
        if before.is_some_and(|before| now < before) {
            return Err(format!("{} went back at {}: from {before:?} to {now:?}", of.0, of.1));
        }
    }
    Ok(())
}

/// S = min(H, first offset of every file with its first chunk below H and its end not), and S = H when there is none;
/// the list of open files, where it is there, is exactly these.
fn each_is_what_its_input_asks_for(broker: &Broker, positions: &[Of<'_>]) -> Result<(), String> {
    let mut inputs: BTreeMap<&Partition, Vec<(Offset, Option<WireChunk>)>> = BTreeMap::new();
    for topic in TOPICS {
        for partition in broker.partitions(topic) {
            inputs.insert(partition, Vec::new());
        }
        for incoming in broker.visible(topic) {
            let of = inputs.get_mut(&incoming.partition).expect("a partition of the topic");
            of.push((incoming.offset, WireChunk::decode(&incoming.record).ok()));
        }
    }
    for ((group, partition), position) in positions {
        let alone = *group == HOPS[2];
        let open = if alone { BTreeSet::new() } else { open_in(&inputs[partition], position.next) };
        let first = open.first().copied().unwrap_or(position.next);
        let listed = position.open.as_ref().is_none_or(|listed| *listed == open);
        if position.first != first || !listed || (alone && position.k > 0) {
            return Err(format!(
                "{group} committed {position:?} at {partition}, where {open:?} are open at {}",
                position.next
            ));
        }
    }
    Ok(())
}

/// The first offsets of the files that are open at `next`: a straight reading of the input.
#[must_use]
pub fn open_at(broker: &Broker, partition: &Partition, next: Offset) -> BTreeSet<Offset> {
    let input = broker.visible(&partition.topic).into_iter().filter(|incoming| incoming.partition == *partition);
    let input: Vec<_> = input.map(|i| (i.offset, WireChunk::decode(&i.record).ok())).collect();
    open_in(&input, next)
}

fn open_in(input: &[(Offset, Option<WireChunk>)], next: Offset) -> BTreeSet<Offset> {
    let mut open = BTreeMap::new();
    for (offset, chunk) in input.iter().take_while(|(offset, _)| *offset < next) {
        let Some(chunk) = chunk else { continue };
        let key = (chunk.file_id, chunk.load);
        if chunk.kind == Kind::Data {
            open.entry(key).or_insert(*offset);
        } else {
            open.remove(&key);
        }
    }
    open.into_values().collect()
}

/// What came out of each file at a hop is what its input asks for, by `is_right`, which else says what was wanted.
fn outputs(
    broker: &Broker,
    hop: usize,
    is_right: impl Fn(&[WireChunk], &mut Seen) -> Result<(), Seen>,
) -> Result<(), String> {
    let topics = TOPICS.get(hop + 1).map_or(&CHANNELS[..], std::slice::from_ref);
    let mut chunks = Vec::new();
    for incoming in topics.iter().flat_map(|topic| broker.visible(topic)) {
        let c = WireChunk::decode(&incoming.record).map_err(|e| e.to_string())?;
        chunks.push((c.file_id, (c.seq.0, c.kind, c.silent, c.payload)));
    }
    compare(broker, TOPICS[hop], HOPS[hop], chunks, is_right)
}

/// What came out of each file of `topic` at `stage`, its chunks being `chunks`, is what its input asks for, by `is_right`, which
/// else says what was wanted.
///
/// # Errors
/// What is not as it has to be.
pub fn compare(
    broker: &Broker,
    topic: &str,
    stage: &str,
    chunks: Vec<(FileId, (u64, Kind, bool, Bytes))>,
    is_right: impl Fn(&[WireChunk], &mut Seen) -> Result<(), Seen>,
) -> Result<(), String> {
    let mut input: BTreeMap<FileId, Vec<WireChunk>> = BTreeMap::new();
    let mut foreign = 0;
    for incoming in broker.visible(topic) {
        match WireChunk::decode(&incoming.record) {
            Ok(chunk) => input.entry(chunk.file_id).or_default().push(chunk),
            Err(_) => foreign += 1,
        }
    }
    let mut seen: BTreeMap<FileId, Seen> = input.keys().map(|id| (*id, Seen::default())).collect();
    for (file, chunk) in chunks {
        seen.get_mut(&file).ok_or("output of a file that is not in the input")?.chunks.push(chunk);
    }
    let mut refused = 0;
    for incoming in broker.visible("letters") {
        let text = |name| incoming.record.header(name).map(|v| String::from_utf8_lossy(v).into_owned());
        if text("stage").as_deref() != Some(stage) {
            continue;
        }
        match incoming.record.file_id() {
            Ok(id) => {
                let of = seen.get_mut(&id).ok_or("a dead letter of a file that is not in the input")?;
                of.rejects.push(text("reason").unwrap_or_default());
            }
            Err(_) => refused += 1,
        }
    }
    for incoming in broker.visible("events") {
        let event: serde_json::Value = serde_json::from_slice(&incoming.record.payload).map_err(|e| e.to_string())?;
        if event["stage"] == stage {
            let id = event["file_id"].as_str().and_then(|id| id.parse().ok()).ok_or("an event without a file")?;
            seen.get_mut(&id).ok_or("an event of a file that is not in the input")?.events += 1;
        }
    }
    if refused != foreign {
        return Err(format!("{foreign} records were no chunks, {refused} were rejected as such"));
    }
    for (id, mut seen) in seen {
        seen.rejects.sort();
        if let Err(want) = is_right(&input[&id], &mut seen) {
            return Err(format!("{stage} of file {id}:\n put out {seen:?}\n  wanted {want:?}"));
        }
    }
    Ok(())
}

/// The reference's outputs, in order, whatever was committed of a deadly chunk before it was given up.
///
/// # Errors
/// With what was wanted.
pub fn is_of_stream<const LAST: bool>(input: &[WireChunk], seen: &mut Seen, cuts: &[Cut]) -> Result<(), Seen> {
    if LAST {
        seen.chunks.sort_by_key(|c| c.0);
    }
    let wanted = |cut: &Cut, deaths| reference::<LAST>(input, deaths, *cut);
    let deaths = || Death::all().flat_map(|first| Death::all().map(move |second| [first, second]));
    let is_right = cuts.iter().any(|cut| deaths().any(|deaths| wanted(cut, deaths) == *seen));
    if is_right { Ok(()) } else { Err(wanted(&cuts[0], [Death::Flushed; 2])) }
}

fn is_spread(input: &[WireChunk], seen: &mut Seen) -> Result<(), Seen> {
    for chunk in &mut seen.chunks {
        // By number the parts of a chunk that stands alone are not told apart.
        chunk.0 = 0;
    }
    seen.chunks.sort_by(|a, b| a.3.cmp(&b.3));
    let want = spread::reference(input);
    if want == *seen { Ok(()) } else { Err(want) }
}
