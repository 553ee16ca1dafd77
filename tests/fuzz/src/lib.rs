//! What the targets share: something sound, and what the fuzzer's bytes make of it. A fuzzer that has to find a checksum, or an
//! Arrow schema, by itself gets no further than the first check.

use bytes::Bytes;
use logmill_core::memory::Run;
use logmill_core::{End, FileId, FileMeta, Output, Plan, Stage};
use logmill_decompressor::Decompressor;
use std::io::Write as _;
use std::sync::Arc;

/// The bytes that one run of the fuzzer means: its own, or `sound` with changes at places that it names.
#[must_use]
pub fn changed(sound: &[u8], data: &[u8]) -> Vec<u8> {
    let Some((&way, rest)) = data.split_first() else { return sound.to_vec() };
    if way % 4 == 0 {
        return rest.to_vec();
    }
    let mut bytes = sound.to_vec();
    for edit in rest.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]]));
        let at = if bytes.is_empty() { 0 } else { at % bytes.len() };
        match edit[0] % 5 {
            0 if at < bytes.len() => bytes[at] = edit[3],
            1 => bytes.truncate(at),
            2 => bytes.insert(at, edit[3]),
            3 => bytes.extend_from_within(at..),
            _ if at < bytes.len() => bytes[at] ^= 1 << (edit[3] % 8),
            _ => {}
        }
        bytes.truncate(1 << 16);
    }
    bytes
}

/// A file as its chunks describe it.
#[must_use]
pub fn file() -> FileMeta {
    let plan = Plan { raw_bytes: 64, plain_bytes: 256, max_ratio: 100, ratio_after_bytes: 1 << 16, ..Plan::default() };
    FileMeta {
        length: 1_000,
        modified_ms: 1_793_491_200_000,
        app: "demo".into(),
        ..FileMeta::new(FileId(7), "a", "/logs/a.gz", plan)
    }
}

/// Some lines.
#[must_use]
pub fn text() -> String {
    (0..40).map(|n| format!("2026-11-01 12:00:00,{n:03} INFO line {n} of a log, {}\n", n * n * 7919)).collect()
}

/// What a stage makes of a file that comes in one piece. It comes in many, too: both are the same, and neither panics.
///
/// # Panics
/// When the two differ: the first law of every stage is broken.
pub fn staged<S: Stage>(stage: &S, file: FileMeta, bytes: Vec<u8>, piece: usize) -> Vec<Output> {
    let file = Arc::new(file);
    let all = Bytes::from(bytes);
    let run = |pieces: &[Bytes], budget| {
        let mut outputs: Vec<Output> = Vec::new();
        let mut run = Run::with_budget(stage, &file, budget);
        pieces.iter().for_each(|piece| run.push(piece.clone(), |output| outputs.push(output)));
        let outcome = run.end(End::Complete, |output| outputs.push(output));
        (outputs, outcome)
    };
    let pieces: Vec<Bytes> = all.chunks(piece.max(1)).map(|piece| all.slice_ref(piece)).collect();
    let whole = run(std::slice::from_ref(&all), usize::MAX);
    assert_eq!(whole, run(&pieces, 1), "cut into pieces of {piece}");
    whole.0
}

/// One run of the fuzzer on a codec: its first byte says into how many bytes a piece the file is cut, the rest changes `sound`.
///
/// # Panics
/// As [`staged`].
pub fn damaged(sound: &[u8], data: &[u8]) {
    damaged_named("/logs/a.gz", sound, data);
}

/// The same of a codec that a name suggests.
///
/// # Panics
/// As [`staged`].
pub fn damaged_named(path: &str, sound: &[u8], data: &[u8]) {
    let (piece, data) = data.split_first().map_or((1, data), |(piece, data)| (usize::from(*piece), data));
    staged(&Decompressor, FileMeta { path: path.into(), ..file() }, changed(sound, data), piece);
}

/// A tar of these members.
///
/// # Panics
/// Never: it is in memory.
#[must_use]
pub fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).expect("writing to memory does not fail");
    }
    builder.into_inner().expect("writing to memory does not fail")
}

/// A member of a zip: stored (0) or deflated (8), its checksum and lengths before or behind it.
///
/// # Panics
/// Never: it is in memory.
#[must_use]
pub fn zipped(name: &str, bytes: &[u8], method: u16, behind: bool) -> Vec<u8> {
    let mut packed = bytes.to_vec();
    if method == 8 {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("writing to memory does not fail");
        packed = encoder.finish().expect("writing to memory does not fail");
    }
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let sums = [crc.sum(), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
    let mut member = b"PK\x03\x04\x14\0".to_vec();
    member.extend([if behind { 8u16 } else { 0 }, method].map(u16::to_le_bytes).concat());
    member.extend([0; 4]);
    member.extend(if behind { &[0; 12] } else { &sums[..] });
    member.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
    member.extend(name.as_bytes());
    member.extend(packed);
    if behind {
        member.extend(b"PK\x07\x08");
        member.extend(sums);
    }
    member
}
