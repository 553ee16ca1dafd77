//! Rows are read and written without an allocation for each.

#[path = "../../../common/patterns/tests/counting/mod.rs"]
mod counting;

use bytes::Bytes;
use logmill_core::{Chunk, FileId, FileMeta, LineSpan, Out, Plan, Progress, Seq, Stage};
use logmill_patterns::PatternSpec;
use logmill_splitter::Splitter;
use std::hint::black_box;
use std::sync::Arc;

/// Allocations of a chunk in which the lines stand so often.
fn of_a_chunk(plan: &Plan, lines: &str, times: usize) -> usize {
    let payload = Bytes::from(lines.repeat(times));
    let rows = (lines.lines().count() * times) as u64;
    let span = Some(LineSpan { first_line: 1, first_part: 0, rows });
    let mut chunk = Chunk { seq: Seq(0), payload, packed: false, span, channel: Some("c0".into()), header: None };
    let file = Arc::new(FileMeta::new(FileId(1), "north", "/logs/a", plan.clone()));
    let (stage, mut out) = (Splitter::new(), Out::new(Splitter::NAME, 1 << 30));
    let mut state = stage.open(&file);
    let allocations = counting::allocations(|| {
        assert_eq!(stage.process(&mut state, &mut chunk, &mut out).expect("text"), Progress::Done);
    });
    black_box(out.drain().count());
    allocations
}

#[test]
fn none_a_row() {
    let lines = "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"\n\
        2026-11-22 10:00:00,123 [main] INFO a.B - x\r\n\
        {\"level\":\"info\",\"a\":{\"b\":\"c\\n\"},\"msg\":\"m\"}\n\
        nothing that any of them knows\n";
    let mut own = PatternSpec::own("own", r"(?<first>\w+) that (?<second>\w+)");
    own.time_format = Some("%d.%m.".into());
    let tried: Vec<PatternSpec> = PatternSpec::all().into_iter().chain([own]).collect();
    for patterns in [Vec::new(), tried] {
        for record_start in [None, Some(r"\S".to_owned())] {
            let plan = Plan { patterns: patterns.clone(), record_start, ..Plan::default() };
            of_a_chunk(&plan, lines, 10); // what a thread keeps
            let (few, many) = (of_a_chunk(&plan, lines, 250), of_a_chunk(&plan, lines, 2_000));
            // Buffers grow by doubling, and each stream has its own.
            assert!(many < few + 700, "{few} allocations for 1,000 rows, {many} for 8,000");
        }
    }
}
