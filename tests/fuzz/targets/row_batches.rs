//! Records of a topic of rows, as the loader reads them: rejected, or a body with the rows that the headers name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{Chunk, LineSpan, Offset, Out, Output, Seq, Stage as _};
use logmill_loader::Table;
use logmill_protocol::load::{Content, Insert, Item};
use logmill_protocol::{Incoming, Partition};
use logmill_splitter::Splitter;
use std::sync::{Arc, LazyLock};

static SOUND: LazyLock<Record> = LazyLock::new(|| {
    let file = logmill_fuzz::file();
    let text = logmill_fuzz::text();
    let span = LineSpan { first_line: 1, first_part: 0, rows: text.lines().count() as u64 };
    let chunk = Chunk { seq: Seq(0), payload: text.into(), packed: false, span: Some(span), channel: Some("c0".into()), header: None };
    let (splitter, mut out) = (Splitter::default(), Out::new("splitter", usize::MAX));
    let (mut state, mut chunk) = (splitter.open(&Arc::new(file.clone())), chunk);
    splitter.process(&mut state, &mut chunk, &mut out).expect("sound text");
    let batch = out.drain().find_map(|output| match output {
        Output::Product(product) => Some(product),
        _ => None,
    });
    let batch = batch.expect("a batch");
    WireChunk {
        file_id: file.file_id,
        load: file.load,
        seq: Seq(0),
        kind: Kind::Data,
        silent: false,
        plan: file.plan.version(),
        file: Some(Box::new(file)),
        span: batch.span,
        header: None,
        notes: Vec::new(),
        packed: false,
        payload: batch.payload,
    }
    .encode()
});

// The loader rejects what its library panics at; the fuzzer's own hook would end the process before it could.
fuzz_target!(init: drop(std::panic::take_hook()), |data: &[u8]| {
    let mut record = SOUND.clone();
    record.payload = logmill_fuzz::changed(&record.payload, data).into();
    let partition = Partition::new("chain.rows.c0", 0);
    let incoming = Incoming { partition: partition.clone(), offset: Offset(5), timestamp_ms: 0, record };
    let items = vec![Item::new(incoming, Content::Rows)];
    let insert = Insert { ticket: 0, partition, content: Content::Rows, from: Offset(5), to: Offset(6), cut: None, items };
    let prepared = Table::Rows.prepare(&insert, 0);
    assert_eq!(prepared.bodies.len() + prepared.rejected.len(), 1, "it is rejected or it is sent");
});
