//! The headers and the key of a chunk: what is read is written again as it was meant.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{FileId, LineSpan, Load, Seq};
use std::sync::LazyLock;

static SOUND: LazyLock<Record> = LazyLock::new(|| {
    let file = logmill_fuzz::file();
    WireChunk {
        file_id: FileId(7),
        load: Load(0),
        seq: Seq(3),
        kind: Kind::Data,
        silent: true,
        plan: file.plan.version(),
        file: Some(Box::new(file)),
        span: Some(LineSpan { first_line: 1, first_part: 0, rows: 2 }),
        header: Some("a,b".into()),
        notes: vec![("channel".into(), "c0".into())],
        packed: false,
        payload: Bytes::from_static(b"a\nb\n"),
    }
    .encode()
});

/// Headers are named by a byte each, so that the fuzzer meets those that mean something.
const NAMES: [&str; 13] =
    ["seq", "kind", "load", "plan", "silent", "file", "line", "part", "rows", "channel", "traceparent", "packed", ""];

fuzz_target!(|data: &[u8]| {
    let Some((&count, mut rest)) = data.split_first() else { return };
    let mut record = SOUND.clone();
    for _ in 0..count % 6 {
        let [name, way, length, tail @ ..] = rest else { break };
        let (value, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let name = NAMES[usize::from(*name) % NAMES.len()];
        match way % 4 {
            0 => record.headers.retain(|(header, _)| header != name),
            1 => record.headers.push((name.into(), Bytes::copy_from_slice(value))),
            2 => record.key = logmill_fuzz::changed(&record.key, value).into(),
            _ => {
                for (_, old) in record.headers.iter_mut().filter(|(header, _)| header == name) {
                    *old = logmill_fuzz::changed(old, value).into();
                }
            }
        }
    }
    // What is left of the input, as what a header may say is packed.
    record.payload = Bytes::copy_from_slice(rest);
    record.unpack();
    if let Ok(chunk) = WireChunk::decode(&record) {
        assert_eq!(WireChunk::decode(&chunk.clone().encode()), Ok(chunk));
    }
});
