//! A stage's input topic: files as records.

use crate::files::{File, cut};
use bytes::Bytes;
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{End, Seq};
use logmill_protocol::Incoming;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// The partitions of every topic.
pub const PARTITIONS: i32 = 2;

/// What stands in the topic, in order, each record with its partition.
#[derive(Clone, Debug, Default)]
pub struct Input(pub Vec<(i32, Record)>);

impl Input {
    /// The files' chunks, cut anywhere, file between file.
    #[must_use]
    pub fn of_files(rng: &mut StdRng, files: &[File]) -> Self {
        let mut open: Vec<_> = files.iter().map(|file| (file, records(rng, file).into_iter())).collect();
        let mut all = Vec::new();
        while !open.is_empty() {
            let i = rng.random_range(0..open.len());
            match open[i].1.next() {
                Some(record) => all.push((open[i].0.meta.file_id.partition(PARTITIONS), record)),
                None => drop(open.remove(i)),
            }
        }
        Self(all)
    }

    /// What another stage put out.
    #[must_use]
    pub fn of_output(visible: Vec<Incoming>) -> Self {
        Self(visible.into_iter().map(|incoming| (incoming.partition.index, incoming.record)).collect())
    }
}

/// A file's records: all of it once; or parked, sent again silently, and then the rest; or cut off.
fn records(rng: &mut StdRng, file: &File) -> Vec<Record> {
    let pieces = rng.random_range(1..30);
    let pieces = cut(rng, &file.bytes, pieces);
    let count = pieces.len() as u64;
    let plan = file.meta.plan.version();
    let chunk = |seq: u64, kind, silent, payload: Bytes| WireChunk {
        file_id: file.meta.file_id,
        load: file.meta.load,
        seq: Seq(seq),
        kind,
        silent,
        plan: plan.clone(),
        file: (seq == 0).then(|| Box::new((*file.meta).clone())),
        span: None,
        header: None,
        notes: Vec::new(),
        packed: false,
        payload,
    };
    let data = |seq, silent| chunk(seq, Kind::Data, silent, pieces[seq as usize].clone());
    let mut records = Vec::new();
    let mut from = 0;
    if rng.random_ratio(1, 5) {
        from = rng.random_range(1..=count);
        records.extend((0..from).map(|seq| data(seq, false)));
        records.push(chunk(from, Kind::Park, false, Bytes::new()));
        records.extend((0..from).map(|seq| data(seq, true)));
    }
    records.extend((from..count).map(|seq| data(seq, false)));
    let end = match rng.next_u32() % 8 {
        0 => End::Abort,
        1 => End::Partial,
        _ => End::Complete,
    };
    records.push(chunk(count, Kind::End(end), false, Bytes::new()));
    records.into_iter().map(WireChunk::encode).collect()
}
