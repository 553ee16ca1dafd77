//! The front end: from the compressed bytes of a file to row batches, without Kafka. Each stage, and all as one.

use crate::clock::Rounds;
use crate::report::Row;
use crate::{data, floor};
use bytes::Bytes;
use encoding_rs::{Encoding, GB18030};
use logmill_core::memory::Run;
use logmill_core::{Chunk, End, FileId, FileMeta, LineSpan, Out, Output, Plan, Progress, Seq, Stage};
use logmill_decompressor::Decompressor;
use logmill_encodings::Stop;
use logmill_reencoder::Reencoder;
use logmill_splitter::Splitter;
use std::hint::black_box;
use std::sync::Arc;

/// What the rows of the front end are called, before what they are of.
pub const FRONT_END: &str = "front end: gunzip, check, lines, columns";
/// How far above its floor the front end may be.
const GOAL: f64 = 1.18;
/// How much of encoding_rs's CPU time the decoder of GBK may take.
const DECODER_GOAL: f64 = 0.5;

/// One file on its way, in all forms that it takes.
struct Sample {
    label: &'static str,
    file: Arc<FileMeta>,
    /// `None`: UTF-8.
    encoding: Option<&'static Encoding>,
    packed: Vec<Bytes>,
    plain: Vec<Bytes>,
    text: Vec<(Bytes, LineSpan)>,
    /// Of UTF-8: what the costs are divided by.
    bytes: f64,
    lines: u64,
}

impl Sample {
    fn new(label: &'static str, text: &str, encoding: Option<&'static Encoding>, plan: Plan) -> Self {
        let file = Arc::new(FileMeta {
            length: 1,
            modified_ms: 1_795_000_000_000,
            app: "app".into(),
            ..FileMeta::new(FileId(1), "north", "/logs/app/2026-11-22/app-17.log.gz", plan)
        });
        let bytes = encoding.map_or(text.as_bytes().to_vec(), |e| e.encode(text).0.into_owned());
        let packed = Bytes::from(data::gzip(&bytes));
        let size = file.plan.raw_bytes as usize;
        let packed = (0..packed.len()).step_by(size).map(|at| packed.slice(at..packed.len().min(at + size))).collect();
        let mut sample = Self {
            label,
            file,
            encoding,
            packed,
            plain: Vec::new(),
            text: Vec::new(),
            bytes: text.len() as f64,
            lines: text.lines().count() as u64,
        };
        sample.plain = sample.products(&Decompressor, &sample.packed).into_iter().map(|p| p.0).collect();
        let text = sample.products(&Reencoder, &sample.plain);
        sample.text = text.into_iter().map(|(text, span)| (text, span.expect("text knows its lines"))).collect();
        sample
    }

    fn products<S: Stage>(&self, stage: &S, input: &[Bytes]) -> Vec<(Bytes, Option<LineSpan>)> {
        let mut products = Vec::new();
        stream(stage, &self.file, input, |payload, span| products.push((payload, span)));
        products
    }

    fn name(&self, what: &str) -> String {
        format!("{what}, {}", self.label)
    }

    fn packed_bytes(&self) -> Vec<u8> {
        self.packed.concat()
    }

    fn decoder(&self) -> Option<encoding_rs::Decoder> {
        self.encoding.map(Encoding::new_decoder_without_bom_handling)
    }
}

fn stream<S: Stage>(stage: &S, file: &Arc<FileMeta>, input: &[Bytes], mut sink: impl FnMut(Bytes, Option<LineSpan>)) {
    let mut see = |output| match output {
        Output::Product(product) => sink(product.payload, product.span),
        Output::Reject(_, reject) => panic!("sound input is not rejected: {reject:?}"),
        Output::Event(_, event) => drop(black_box(event)),
        Output::Open(_) | Output::Close(_) => panic!("the samples are no archives"),
    };
    let mut run = Run::new(stage, file);
    for chunk in input {
        run.push(chunk.clone(), &mut see);
    }
    run.end(End::Complete, &mut see);
}

/// Splits one chunk of text; gives the rows.
pub(crate) fn split(splitter: &Splitter, file: &Arc<FileMeta>, payload: Bytes, span: LineSpan, out: &mut Out) -> u64 {
    let mut state = splitter.open(file);
    let mut chunk =
        Chunk { seq: Seq(0), payload, packed: false, span: Some(span), channel: Some("c0".into()), header: None };
    let mut rows = 0;
    loop {
        let step = splitter.process(&mut state, &mut chunk, out).expect("sound text is not rejected");
        for output in out.drain() {
            if let Output::Product(product) = black_box(output) {
                rows += product.span.expect("rows know their lines").rows;
            }
        }
        if step == Progress::Done {
            return rows;
        }
    }
}

/// Measures each stage and the front end, on about `bytes` bytes of text.
///
/// # Panics
/// When the chain and its floor do not see the same lines.
#[must_use]
pub fn measure(bytes: usize, rounds: &Rounds) -> Vec<Row> {
    let text = data::log(bytes);
    let utf8 = Sample::new("UTF-8", &text, None, Plan::default());
    let gbk = Sample::new("GBK", &text, Some(GB18030), Plan::default());
    let record_start = Some(r"\d{4}-\d\d-\d\d ".to_owned());
    let records = Sample::new("UTF-8, records", &text, None, Plan { record_start, ..Plan::default() });
    let ratio = |sample: &Sample| {
        let plain: usize = sample.plain.iter().map(Bytes::len).sum();
        plain as f64 / sample.packed_bytes().len() as f64
    };
    let mut rows = vec![
        Row::new("generated logs, UTF-8: plain bytes a packed byte", "ratio", ratio(&utf8)),
        Row::new("generated logs, GBK: plain bytes a packed byte", "ratio", ratio(&gbk)),
    ];
    for (label, text) in [("logs", &text), ("Chinese text", &data::chinese(bytes / 4))] {
        rows.extend(gbk_decoder(label, text, rounds).map(|row| row.goal(DECODER_GOAL)));
    }
    for sample in [&utf8, &gbk] {
        rows.extend(stages(sample, rounds));
        rows.extend(front_end(sample, rounds).map(|row| row.goal(GOAL)));
    }
    // Beside the floor of rows that are lines: what it costs to ask each line whether a record begins with it.
    rows.extend(stages(&records, rounds).skip(1));
    rows.extend(front_end(&records, rounds));
    rows
}

/// The decoder of GBK alone, beside that of encoding_rs.
fn gbk_decoder(label: &str, text: &str, rounds: &Rounds) -> Option<Row> {
    const PIECE: usize = 256 << 10;
    let bytes = GB18030.encode(text).0;
    let (mut room, mut to) = (vec![0; 2 * PIECE], Vec::new());
    rounds.measure(
        &format!("decoder of GBK, {label} (floor: encoding_rs)"),
        text.len() as f64,
        || {
            let mut decoder = logmill_encodings::GB18030.new_decoder();
            let written: usize = bytes
                .chunks(PIECE)
                .map(|piece| {
                    let (stop, read, written) = decoder.decode(piece, &mut room, false);
                    assert!(stop == Stop::Read && read == piece.len(), "sound input");
                    written
                })
                .sum();
            assert_eq!(written, text.len());
        },
        || {
            let mut decoder = GB18030.new_decoder_without_bom_handling();
            let written: usize =
                bytes.chunks(PIECE).map(|piece| floor::decode(&mut decoder, piece, &mut to).len()).sum();
            assert_eq!(written, text.len());
        },
    )
}

fn stages(sample: &Sample, rounds: &Rounds) -> impl Iterator<Item = Row> {
    let packed = sample.packed_bytes();
    let gunzip = rounds.measure(
        &sample.name("decompressor (gunzip)"),
        sample.bytes,
        || stream(&Decompressor, &sample.file, &sample.packed, |chunk, _| drop(black_box(chunk))),
        || {
            floor::gunzip(&packed, |plain| {
                black_box(plain);
            });
        },
    );
    let reencode = rounds.measure(
        &sample.name("re-encoder (decode, check, cut, count)"),
        sample.bytes,
        || stream(&Reencoder, &sample.file, &sample.plain, |chunk, _| drop(black_box(chunk))),
        || match sample.decoder() {
            None => sample.text.iter().for_each(|(text, _)| {
                floor::check(text);
                black_box(floor::lines(text));
            }),
            Some(mut decoder) => {
                let mut to = Vec::new();
                for plain in sample.plain.iter().flat_map(|plain| plain.chunks(256 << 10)) {
                    black_box(floor::lines(floor::decode(&mut decoder, plain, &mut to)));
                }
            }
        },
    );
    let splitter = Splitter::new();
    let mut out = Out::new(Splitter::NAME, 8 << 20);
    let split = rounds.measure(
        &sample.name("splitter (lines, times, levels, Arrow IPC)"),
        sample.bytes,
        || {
            let texts = sample.text.iter();
            let lines: u64 = texts.map(|(t, s)| split(&splitter, &sample.file, t.clone(), *s, &mut out)).sum();
            assert_eq!(lines, sample.lines);
        },
        || {
            for (text, span) in &sample.text {
                black_box(floor::columns(text, span.first_line));
            }
        },
    );
    [gunzip, reencode, split].into_iter().flatten()
}

fn front_end(sample: &Sample, rounds: &Rounds) -> Option<Row> {
    let packed = sample.packed_bytes();
    let splitter = Splitter::new();
    let mut out = Out::new(Splitter::NAME, 8 << 20);
    rounds.measure(
        &sample.name(FRONT_END),
        sample.bytes,
        || {
            let mut lines = 0;
            stream(&Decompressor.then(Reencoder), &sample.file, &sample.packed, |payload, span| {
                lines += split(&splitter, &sample.file, payload, span.expect("text knows its lines"), &mut out);
            });
            assert_eq!(lines, sample.lines);
        },
        || assert_eq!(floor::front_end(&packed, sample.decoder()), sample.lines),
    )
}
