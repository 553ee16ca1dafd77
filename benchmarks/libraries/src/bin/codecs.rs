//! Prints what each codec costs, in CPU-ns for each plain byte: the whole stage, the library behind it by itself, and others of
//! its kind; all on the same text, in the same run, the least of some rounds in which they take turns.

use cpu_time::ThreadTime;
use flate2::Compression;
use logmill_core::Output;
use logmill_decompressor::Decompressor;
use logmill_libraries::{data, file, run};
use std::hint::black_box;
use std::io::{BufReader, Read, Write};
use std::time::Duration;

const ROUNDS: usize = 9;
/// What a reader gives at a time.
const BUFFER: usize = 256 << 10;
/// Plain bytes of a block of Hadoop's framings: the default of its `io.compression.codec.lzo.buffersize` and its like.
const BLOCK: usize = 256 << 10;

/// One way to decode: its name, and what gives the count of plain bytes.
type Way<'a> = (&'static str, Box<dyn Fn() -> usize + 'a>);

/// Reads all that `from` gives, in pieces.
fn drain(mut from: impl Read) -> usize {
    let (mut buffer, mut all) = (vec![0; BUFFER], 0);
    loop {
        match from.read(&mut buffer).expect("sound input") {
            0 => return all,
            some => all += black_box(&buffer[..some]).len(),
        }
    }
}

fn stage<'a>(path: &'static str, packed: &'a bytes::Bytes) -> Way<'a> {
    let decode = move || {
        let mut all = 0;
        run(&Decompressor, &file(path, packed.len()), packed, |output| match output {
            Output::Product(product) => all += black_box(product.payload).len(),
            Output::Reject(_, reject) => panic!("sound input is not rejected: {reject:?}"),
            Output::Event(..) | Output::Open(_) | Output::Close(_) => {}
        });
        all
    };
    ("the stage", Box::new(decode))
}

fn way<'a>(name: &'static str, decode: impl Fn() -> usize + 'a) -> Way<'a> {
    (name, Box::new(decode))
}

/// Measures all ways of one codec, and prints a row.
fn row(codec: &str, plain: usize, packed: usize, ways: &[Way]) {
    let mut least = vec![Duration::MAX; ways.len()];
    for _ in 0..ROUNDS {
        for ((name, decode), least) in ways.iter().zip(&mut least) {
            let begin = ThreadTime::now();
            let count = decode();
            *least = begin.elapsed().min(*least);
            assert_eq!(count, plain, "{codec}: {name}");
        }
    }
    let cost = |time: Duration| time.as_nanos() as f64 / plain as f64;
    let cells: Vec<_> = ways.iter().zip(least).map(|((name, _), time)| format!("{name} {:.2}", cost(time))).collect();
    let [stage, library, others @ ..] = &cells[..] else { unreachable!("a stage and its library") };
    let stage = stage.strip_prefix("the stage ").expect("the stage comes first");
    println!("| {codec} | {:.1} | {stage} | {library} | {} |", plain as f64 / packed as f64, others.join("; "));
}

/// Blocks of Hadoop's framings: lengths, and what `raw` makes of the text.
fn hadoop(text: &[u8], raw: impl Fn(&[u8]) -> Vec<u8>) -> bytes::Bytes {
    let be32 = |n: usize| u32::try_from(n).expect("a small block").to_be_bytes();
    let block = |text: &[u8]| {
        let data = raw(text);
        [&be32(text.len())[..], &be32(data.len()), &data].concat()
    };
    text.chunks(BLOCK).flat_map(block).collect::<Vec<_>>().into()
}

/// The raw blocks within, and how long each will be.
fn blocks(packed: &[u8]) -> Vec<(usize, &[u8])> {
    let be32 = |at: usize| u32::from_be_bytes(*packed[at..].first_chunk().expect("whole blocks")) as usize;
    let (mut at, mut blocks) = (0, Vec::new());
    while at < packed.len() {
        let (plain, data) = (be32(at), be32(at + 4));
        blocks.push((plain, &packed[at + 8..at + 8 + data]));
        at += 8 + data;
    }
    blocks
}

fn deflates(text: &[u8]) {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).expect("writing to memory does not fail");
    let packed: bytes::Bytes = encoder.finish().expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.gz", &packed),
        way("zlib-rs", || drain(flate2::bufread::GzDecoder::new(&packed[..]))),
        way("miniz_oxide", || {
            use miniz_oxide::inflate::stream::{InflateState, inflate};
            use miniz_oxide::{DataFormat, MZFlush};
            let mut state = InflateState::new_boxed(DataFormat::Raw);
            // A header of ten bytes, as it was written above, and a checksum that is looked at as flate2 does.
            let (mut body, mut buffer, mut crc, mut all) =
                (&packed[10..packed.len() - 8], vec![0; BUFFER], crc32fast::Hasher::new(), 0);
            loop {
                let step = inflate(&mut state, body, &mut buffer, MZFlush::None);
                body = &body[step.bytes_consumed..];
                crc.update(&buffer[..step.bytes_written]);
                all += step.bytes_written;
                if step.status.expect("sound input") == miniz_oxide::MZStatus::StreamEnd {
                    black_box(crc.finalize());
                    return all;
                }
            }
        }),
        way("libdeflate (C; whole files only)", || {
            let mut plain = vec![0; text.len()];
            libdeflater::Decompressor::new().gzip_decompress(&packed, &mut plain).expect("sound input")
        }),
    ];
    row("gzip", text.len(), packed.len(), &ways);
}

fn zstd_frames(text: &[u8]) {
    let packed: bytes::Bytes = zstd::encode_all(text, 3).expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.zst", &packed),
        way("zstd (C)", || drain(zstd::Decoder::new(&packed[..]).expect("a context"))),
        way("ruzstd", || drain(ruzstd::decoding::StreamingDecoder::new(&packed[..]).expect("sound input"))),
    ];
    row("zstd", text.len(), packed.len(), &ways);
}

fn bzip2_streams(text: &[u8]) {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(text).expect("writing to memory does not fail");
    let packed: bytes::Bytes = encoder.finish().expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.bz2", &packed),
        way("bzip2 (C)", || drain(bzip2::bufread::BzDecoder::new(&packed[..]))),
        way("libbz2-rs-sys", || {
            let (mut plain, mut length) = (vec![0_u8; text.len()], text.len() as u32);
            // SAFETY: both buffers are ours and as long as is said; the library only reads the source.
            let result = unsafe {
                libbz2_rs_sys::BZ2_bzBuffToBuffDecompress(
                    plain.as_mut_ptr().cast(),
                    &raw mut length,
                    packed.as_ptr().cast_mut().cast(),
                    packed.len() as u32,
                    0,
                    0,
                )
            };
            assert_eq!(result, 0, "sound input");
            length as usize
        }),
    ];
    row("bzip2", text.len(), packed.len(), &ways);
}

fn xz_streams(text: &[u8]) {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(text).expect("writing to memory does not fail");
    let packed: bytes::Bytes = encoder.finish().expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.xz", &packed),
        way("liblzma (C)", || drain(liblzma::bufread::XzDecoder::new(&packed[..]))),
        way("lzma-rust2", || drain(lzma_rust2::XzReader::new(&packed[..], true))),
    ];
    row("xz", text.len(), packed.len(), &ways);
}

fn lz4_frames(text: &[u8]) {
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(text).expect("writing to memory does not fail");
    let packed: bytes::Bytes = encoder.finish().expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.lz4", &packed),
        way("lz4_flex", || drain(lz4_flex::frame::FrameDecoder::new(&packed[..]))),
        way("lz4 (C)", || drain(lz4::Decoder::new(&packed[..]).expect("a context"))),
    ];
    row("lz4", text.len(), packed.len(), &ways);
    let packed = hadoop(text, lz4_flex::block::compress);
    let each = |decode: &dyn Fn(usize, &[u8]) -> usize| blocks(&packed).iter().map(|(n, data)| decode(*n, data)).sum();
    let ways = [
        stage("/logs/b.lz4", &packed),
        way("lz4_flex", || {
            each(&|n, data| black_box(lz4_flex::block::decompress(data, n).expect("sound input")).len())
        }),
        way("lz4 (C)", || {
            each(&|n, data| black_box(lz4::block::decompress(data, Some(n as i32)).expect("sound input")).len())
        }),
    ];
    row("hadoop-lz4", text.len(), packed.len(), &ways);
}

fn snappies(text: &[u8]) {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(text).expect("writing to memory does not fail");
    let packed: bytes::Bytes = encoder.into_inner().expect("writing to memory does not fail").into();
    let ways = [
        stage("/logs/a.sz", &packed),
        way("snap", || drain(snap::read::FrameDecoder::new(BufReader::new(&packed[..])))),
    ];
    row("snappy", text.len(), packed.len(), &ways);
    let packed = hadoop(text, |text| snap::raw::Encoder::new().compress_vec(text).expect("a small block"));
    let ways = [
        stage("/logs/a.snappy", &packed),
        way("snap", || {
            let decode = |data| black_box(snap::raw::Decoder::new().decompress_vec(data).expect("sound input")).len();
            blocks(&packed).iter().map(|(_, data)| decode(data)).sum()
        }),
    ];
    row("hadoop-snappy", text.len(), packed.len(), &ways);
}

fn brotlis(text: &[u8]) {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, BUFFER, 5, 22);
    encoder.write_all(text).expect("writing to memory does not fail");
    drop(encoder);
    let packed: bytes::Bytes = packed.into();
    let ways = [
        stage("/logs/a.br", &packed),
        way("brotli-decompressor", || drain(brotli_decompressor::Decompressor::new(&packed[..], BUFFER))),
        way("brotlic (C)", || drain(brotlic::DecompressorReader::new(&packed[..]))),
    ];
    row("brotli", text.len(), packed.len(), &ways);
}

fn lzos(text: &[u8]) {
    let packed = hadoop(text, |text| lzokay_native::compress(text).expect("a small block"));
    let ways = [
        stage("/logs/a.lzo_deflate", &packed),
        way("lzokay-native", || {
            let decode =
                |(n, data): &(usize, &[u8])| lzokay_native::decompress_all(data, Some(*n)).expect("sound input");
            blocks(&packed).iter().map(|block| black_box(decode(block)).len()).sum()
        }),
        way("lzo", || {
            let decode = |(n, data): &(usize, &[u8])| lzo::decompress(data, *n).expect("sound input");
            blocks(&packed).iter().map(|block| black_box(decode(block)).len()).sum()
        }),
    ];
    row("hadoop-lzo", text.len(), packed.len(), &ways);
}

fn main() {
    let text = data::log(4 << 20);
    println!("| codec | ratio | the stage | its library by itself | others |\n| --- | --- | --- | --- | --- |");
    let all = [deflates, zstd_frames, bzip2_streams, xz_streams, lz4_frames, snappies, brotlis, lzos];
    all.into_iter().for_each(|codec| codec(text.as_bytes()));
}
