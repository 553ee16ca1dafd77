//! Chunks of text: the first byte changes what they say of their lines. Rejected, or rows that give the text back, line after
//! line, however little room there is for a batch, however many of them a row holds, and whatever patterns find in them.
#![no_main]

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_ipc::reader::StreamReader;
use libfuzzer_sys::fuzz_target;
use logmill_core::{Chunk, FileMeta, Header, LineSpan, Out, Plan, Output, Progress, Reject, Seq, Stage as _};
use logmill_patterns::PatternSpec;
use logmill_splitter::Splitter;
use std::sync::{Arc, LazyLock};

static SPLITTER: LazyLock<Splitter> = LazyLock::new(Splitter::default);
static SOUND: LazyLock<String> =
    LazyLock::new(|| format!("{}\r\n\n\r\r\n2026-11-01T12:00:00Z ERROR 作业失败\n\tat a.B", logmill_fuzz::text()));

fn split(plan: &Plan, mut chunk: Chunk, budget: usize) -> Result<Vec<Output>, Reject> {
    let file = FileMeta { plan: plan.clone(), ..logmill_fuzz::file() };
    let mut state = SPLITTER.open(&Arc::new(file));
    let (mut out, mut outputs) = (Out::new("splitter", budget), Vec::new());
    loop {
        let step = SPLITTER.process(&mut state, &mut chunk, &mut out);
        outputs.extend(out.drain());
        if step? == Progress::Done {
            return Ok(outputs);
        }
    }
}

/// Line, part and text of each line that the rows hold.
fn rows(stream: &[u8]) -> Vec<(u64, u32, String)> {
    let batches = StreamReader::try_new(stream, None).expect("an Arrow stream");
    let row = |batch: &RecordBatch, i: usize| {
        let line = batch.column(2).as_primitive::<UInt64Type>().value(i);
        let part = batch.column(3).as_primitive::<UInt32Type>().value(i);
        let text = batch.column(12).as_string::<i32>().value(i);
        let texts: Vec<String> = text.split('\n').map(str::to_owned).collect();
        assert_eq!(batch.column(4).as_primitive::<UInt32Type>().value(i) as usize, texts.len(), "a row says what it holds");
        let parts = std::iter::once(part).chain(std::iter::repeat(0));
        (line..).zip(parts).zip(texts).map(|((line, part), text)| (line, part, text)).collect::<Vec<_>>()
    };
    let of = |batch: RecordBatch| (0..batch.num_rows()).flat_map(|i| row(&batch, i)).collect::<Vec<_>>();
    batches.flat_map(|batch| of(batch.expect("a batch"))).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((&says, data)) = data.split_first() else { return };
    let text = logmill_fuzz::changed(SOUND.as_bytes(), data);
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let told = if says % 8 == 0 { u64::from(says) } else { lines.len() as u64 };
    let span = LineSpan { first_line: 1 + u64::from(says), first_part: u32::from(says % 3), rows: told };
    let chunk = Chunk { seq: Seq(0), payload: text.clone().into(), packed: false, span: Some(span), channel: Some("c0".into()), header: None };
    let record_start = (says % 2 == 1).then(|| r"\S".to_owned());
    let patterns = if says % 4 >= 2 { PatternSpec::all() } else { Vec::new() };
    let header = [None, Some(Header::Csv), Some(Header::W3c)][usize::from(says % 3)];
    let plan = Plan { record_start, patterns, header, line_bytes: 4 + 8 * u32::from(says), ..Plan::default() };
    let outputs = split(&plan, chunk.clone(), usize::MAX);
    assert_eq!(outputs, split(&plan, chunk, 1), "it depends on the room that there is");
    let sound = told == lines.len() as u64 && std::str::from_utf8(&text).is_ok();
    assert_eq!(outputs.is_ok(), sound, "what is no text, or does not hold what it says, is rejected; nothing else is");
    let Ok(outputs) = outputs else { return };
    let mut line = span.first_line;
    let mut got = Vec::new();
    for output in outputs {
        let Output::Product(product) = output else { continue };
        let rows = rows(&product.payload);
        let first_part = if line == span.first_line { span.first_part } else { 0 };
        let expected = LineSpan { first_line: line, first_part, rows: rows.len() as u64 };
        assert_eq!(product.span, Some(expected), "the batches follow each other");
        line += expected.rows;
        got.extend(rows);
    }
    let without_end = |line: &[u8]| match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text.to_vec(),
        text => text.to_vec(),
    };
    let numbers = span.first_line..;
    let parts = std::iter::once(span.first_part).chain(std::iter::repeat(0));
    let texts = lines.iter().map(|line| String::from_utf8(without_end(line)).expect("whole lines of UTF-8"));
    let expected: Vec<_> = numbers.zip(parts).zip(texts).map(|((line, part), text)| (line, part, text)).collect();
    assert_eq!(got, expected, "every line is in a row, and no other");
});
