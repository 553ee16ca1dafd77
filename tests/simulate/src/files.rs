//! What the simulated chain is fed with: files of all kinds, as records of its first topic.

use crate::net::Net;
use bytes::Bytes;
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{End, FileId, FileMeta, Plan, Seq};
use logmill_protocol::Partition;
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

/// Writes files of all kinds to the first topic, one among the other, and now and then what is no chunk.
///
/// # Panics
/// Never: a file's records are chunks.
pub fn write(net: &mut Net, files: u32, partitions: i32, mut each: impl FnMut(&WireChunk)) {
    let mut files: Vec<_> = (0..files).map(|n| file(&mut net.rng, u128::from(n) + 1).into_iter()).collect();
    while !files.is_empty() {
        let i = net.rng.random_range(0..files.len());
        match files[i].next() {
            Some(record) => {
                let chunk = WireChunk::decode(&record).expect("a file's records are chunks");
                each(&chunk);
                let partition = Partition::new("in", chunk.file_id.partition(partitions));
                if net.rng.random_ratio(1, 10) {
                    net.broker.gap(&partition);
                }
                net.broker.write(&partition, record);
            }
            None => drop(files.remove(i)),
        }
    }
    if net.rng.random_ratio(1, 5) {
        net.broker.write(&Partition::new("in", 0), Record::default());
    }
    for index in 0..partitions {
        if net.rng.random_ratio(1, 3) {
            net.broker.gap(&Partition::new("in", index));
        }
    }
}

/// One file's records, in order.
#[must_use]
pub fn file(rng: &mut StdRng, number: u128) -> Vec<Record> {
    let file_id = FileId(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let plan = Plan { plain_bytes: rng.random_range(1..3), ..Plan::default() };
    let meta = FileMeta { length: number as u64, ..FileMeta::new(file_id, "a", format!("/{number}"), plan) };
    let plan = meta.plan.version();
    let chunk = |seq: u64, kind, silent, payload: &[u8]| WireChunk {
        file_id: meta.file_id,
        load: meta.load,
        seq: Seq(seq),
        kind,
        silent,
        plan: plan.clone(),
        file: (seq == 0).then(|| Box::new(meta.clone())),
        span: None,
        header: None,
        notes: Vec::new(),
        packed: false,
        payload: Bytes::copy_from_slice(payload),
    };
    let count = rng.random_range(0..6_u64);
    let payloads: Vec<Vec<u8>> = (0..count).map(|_| vec![op(rng), 9, rng.random()]).collect();
    let data = |range: std::ops::Range<u64>, silent| {
        range.map(|seq| chunk(seq, Kind::Data, silent, &payloads[seq as usize])).collect::<Vec<_>>()
    };
    let end = match rng.next_u32() % 8 {
        0 => End::Abort,
        1 => End::Partial,
        _ => End::Complete,
    };
    let mut records = match rng.next_u32() % 12 {
        // Retention ate its beginning.
        0 if count > 1 => data(1..count, false),
        // Its cluster did not answer for a while.
        1..4 if count > 0 => {
            let parked = rng.random_range(1..=count);
            // Of some, retention ate all before the park.
            let mut records = if rng.random_ratio(1, 8) { Vec::new() } else { data(0..parked, false) };
            records.push(chunk(parked, Kind::Park, false, &[]));
            records.extend(data(0..parked, true));
            records.extend(data(parked..count, false));
            records
        }
        _ => data(0..count, false),
    };
    records.push(chunk(count, Kind::End(end), false, &[]));
    // Aborted by one process, and again by the next, which does not know of it.
    if end == End::Abort && rng.random_ratio(1, 3) {
        records.push(chunk(count.max(1), Kind::End(end), false, &[]));
    }
    records.into_iter().map(WireChunk::encode).collect()
}

fn op(rng: &mut StdRng) -> u8 {
    match rng.next_u32() % 40 {
        0 => b'X',
        1 => b"D2"[usize::from(rng.random_ratio(3, 4))],
        2 => b'R',
        3..8 => b'B',
        n => b'0' + (n % 4) as u8,
    }
}
