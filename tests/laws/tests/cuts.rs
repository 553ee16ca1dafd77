//! Law 1 of the real stages.

mod chain;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_ipc::reader::StreamReader;
use chain::{by_lag, distributor};
use logmill_core::{Chunk, End, FileMeta, Header, LineSpan, Output, RejectReason, Seq, Stage};
use logmill_decoder::decoder;
use logmill_decompressor::Decompressor;
use logmill_distributor::Choose;
use logmill_laws::files::{File, packed, plain};
use logmill_laws::{cuts, hold};
use logmill_reencoder::Reencoder;
use logmill_splitter::Splitter;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;

const SEEDS: u64 = 300;

/// How often each reason to reject was given.
fn of_stream<S: Stage>(file: fn(&mut StdRng) -> File, stage: S) -> BTreeMap<&'static str, u64> {
    let (mut products, mut rejects) = (0, BTreeMap::new());
    hold(S::NAME, SEEDS, |rng| {
        let file = file(rng);
        for output in cuts::of_stream(rng, &stage, &file)? {
            match output {
                Output::Product(_) => products += 1,
                Output::Reject(_, reject) => *rejects.entry(reject.reason.name()).or_default() += 1,
                Output::Event(..) | Output::Open(_) | Output::Close(_) => {}
            }
        }
        Ok(())
    });
    assert!(products > 10 * SEEDS, "{products} chunks of {SEEDS} files are few");
    rejects
}

#[test]
fn decompressor() {
    let rejects = of_stream(packed, Decompressor);
    use RejectReason::{Bomb, Corrupt, TrailingGarbage, Truncated};
    for reason in [Bomb, Corrupt, TrailingGarbage, Truncated] {
        assert!(rejects.get(reason.name()).is_some_and(|n| *n >= 5), "hardly any file was {reason:?}: {rejects:?}");
    }
}

#[test]
fn reencoder() {
    of_stream(plain, Reencoder);
}

#[test]
fn decompressor_and_reencoder() {
    of_stream(packed, decoder());
}

/// The chunks of a few files' text.
fn text(rng: &mut StdRng) -> Vec<(Arc<FileMeta>, Chunk)> {
    let mut chunks = Vec::new();
    for _ in 0..3 {
        let file = packed(rng);
        let outputs = cuts::whole(&decoder(), &file, End::Complete).into_iter();
        let products = outputs.filter_map(|output| if let Output::Product(p) = output { Some(p) } else { None });
        chunks.extend(products.zip(0..).map(|(p, seq)| {
            let (seq, channel) = (Seq(seq), Some("c0".into()));
            let chunk = Chunk { seq, payload: p.payload, packed: false, span: p.span, channel, header: p.header };
            (Arc::clone(&file.meta), chunk)
        }));
    }
    chunks
}

fn of_chunks<S: Stage + Clone>(stage: impl Fn(&mut StdRng) -> S) {
    let mut outputs = 0;
    hold(S::NAME, SEEDS / 5, |rng| {
        let chunks = text(rng);
        let stage = stage(rng);
        outputs += cuts::of_chunks(rng, || stage.clone(), &chunks)?;
        Ok(())
    });
    assert!(outputs as u64 > SEEDS, "{outputs} outputs are few");
}

#[test]
fn distributor_by_weight() {
    of_chunks(|_| distributor(Choose::Weight));
}

#[test]
fn distributor_by_lag_as_long_as_the_lags_are_the_same() {
    of_chunks(by_lag);
}

#[test]
fn splitter() {
    of_chunks(|_| Splitter::new());
}

/// The rows that a chunk becomes, each by itself.
fn rows(file: &Arc<FileMeta>, chunk: &Chunk) -> Vec<RecordBatch> {
    let (outputs, result) = cuts::of_chunk(&Splitter::new(), file, chunk, usize::MAX);
    assert_eq!(result, Ok(()));
    let mut rows = Vec::new();
    for output in outputs {
        let Output::Product(product) = output else { continue };
        for batch in StreamReader::try_new(&product.payload[..], None).expect("an Arrow stream") {
            let batch = batch.expect("a batch");
            rows.extend((0..batch.num_rows()).map(|row| batch.slice(row, 1)));
        }
    }
    rows
}

/// The header line that the re-encoder would send with the text behind the first `end` bytes of a chunk.
fn header_before(file: &FileMeta, chunk: &Chunk, end: usize) -> Option<Arc<str>> {
    let span = chunk.span.expect("text knows its lines");
    let longest = Header::BYTES.min(file.plan.line_bytes as usize);
    let mut in_force = chunk.header.clone();
    for (i, line) in chunk.payload[..end].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_beginning = i > 0 || span.first_part == 0;
        let is_first = i == 0 && span.first_line == 1;
        if is_beginning && file.plan.header.is_some_and(|header| header.is(line, is_first)) {
            in_force = Some(line).filter(|line| line.len() <= longest).map(|line| String::from_utf8_lossy(line).into());
        }
    }
    in_force
}

/// How many lines the one row of a batch holds.
fn lines(row: &RecordBatch) -> u64 {
    let lines = row.column_by_name("lines").expect("a column of row batches");
    lines.as_primitive::<UInt32Type>().value(0).into()
}

#[test]
fn rows_do_not_depend_on_where_the_text_is_cut_between_lines() {
    let (mut cut, mut joined) = (0, 0);
    hold("splitter", SEEDS / 3, |rng| {
        for (file, chunk) in text(rng) {
            let span = chunk.span.expect("text knows its lines");
            let all = rows(&file, &chunk);
            if all.len() < 2 {
                continue;
            }
            // Between two lines; of records, where one begins or is cut because it is too long.
            let first: u64 = all[..rng.random_range(1..all.len())].iter().map(lines).sum();
            let line_ends = chunk.payload.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let end =
                line_ends.map(|(at, _)| at + 1).nth(first as usize - 1).expect("a row before the last has an end");
            let rest = LineSpan { first_line: span.first_line + first, first_part: 0, rows: span.rows - first };
            let one = Chunk {
                payload: chunk.payload.slice(..end),
                span: Some(LineSpan { rows: first, ..span }),
                ..chunk.clone()
            };
            let header = header_before(&file, &chunk, end);
            let two = Chunk { payload: chunk.payload.slice(end..), span: Some(rest), header, ..chunk.clone() };
            joined += all.iter().filter(|row| lines(row) > 1).count();
            if all != [rows(&file, &one), rows(&file, &two)].concat() {
                return Err(format!("{span:?} of {} cut after {first} rows", file.file_id));
            }
            cut += 1;
        }
        Ok(())
    });
    assert!(cut > SEEDS, "{cut} chunks were cut");
    assert!(joined as u64 > SEEDS / 2, "{joined} rows of several lines are few");
}

#[test]
fn every_plain_chunk_but_the_last_is_as_large_as_the_plan_says() {
    hold("decompressor", SEEDS, |rng| {
        let file = packed(rng);
        let outputs = cuts::whole(&Decompressor, &file, End::Complete);
        // Of the file itself, and of each member: of an archive there are members alone.
        let files = outputs.split(|output| matches!(output, Output::Open(_) | Output::Close(_)));
        let chunk = |output: &Output| if let Output::Product(p) = output { Some(p.payload.len()) } else { None };
        let chunks: Vec<Vec<usize>> = files.map(|outputs| outputs.iter().filter_map(chunk).collect()).collect();
        let wanted = file.meta.plan.plain_bytes as usize;
        let is_right = |chunks: &Vec<usize>| {
            let last = chunks.split_last();
            last.is_none_or(|(last, others)| others.iter().all(|bytes| *bytes == wanted) && (1..=wanted).contains(last))
        };
        let right = chunks.iter().all(is_right);
        if right { Ok(()) } else { Err(format!("chunks of {chunks:?} bytes, where {wanted} are planned")) }
    });
}
