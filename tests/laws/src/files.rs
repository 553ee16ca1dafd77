//! Files of all kinds, small, with plans so small that a few kilobytes make many chunks.

use bytes::Bytes;
use bzip2::write::BzEncoder;
use encoding_rs::{EUC_KR, GB18030, GBK};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use liblzma::stream::{Action, Check, LzmaOptions, Status, Stream};
use liblzma::write::XzEncoder;
use logmill_core::{FileId, FileMeta, Header, Plan};
use logmill_encodings::{Decoder, Encoding};
use logmill_patterns::{BuiltIn, PatternSpec};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

/// A file as it lies in a store.
#[derive(Clone, Debug)]
pub struct File {
    pub meta: Arc<FileMeta>,
    pub bytes: Bytes,
}

/// A file as the decompressor reads it: packed or not, whole or damaged.
#[must_use]
pub fn packed(rng: &mut StdRng) -> File {
    if rng.random_ratio(1, 30) {
        return bomb(rng);
    }
    let (text, encoding) = text(rng);
    let (whole, ending) = pack(rng, &text);
    let bytes = damage(rng, whole);
    file(rng, bytes, encoding, ending)
}

/// A file as the re-encoder reads it.
#[must_use]
pub fn plain(rng: &mut StdRng) -> File {
    let (text, encoding) = text(rng);
    let text = if rng.random_ratio(1, 6) { damage(rng, text) } else { text };
    file(rng, text, encoding, "")
}

/// Little that becomes much, and more than its plan allows: the ratio is looked at by steps of 64 KiB of the input.
fn bomb(rng: &mut StdRng) -> File {
    let text = b"again\n".repeat(rng.random_range(30_000..60_000));
    let bytes = [gzip, zstd, bzip2, xz, lzma, lz4, snappy, zlib, lzop][rng.random_range(0..9)](rng, &text);
    let bytes = if rng.random_ratio(1, 4) { gzip(rng, &bytes) } else { bytes };
    let mut file = file(rng, bytes, "utf-8", "");
    let meta = Arc::make_mut(&mut file.meta);
    let large = rng.random_range(5_000..40_000);
    let (ratio_after_bytes, plan) = (rng.random_range(0..40_000), meta.plan.clone());
    meta.plan =
        Plan { max_ratio: 2, ratio_after_bytes, plain_bytes: large, line_bytes: large, text_bytes: large, ..plan };
    file
}

/// `ending`: of its name.
fn file(rng: &mut StdRng, bytes: Vec<u8>, encoding: &str, ending: &str) -> File {
    let file_id = FileId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()));
    let path = format!("/logs/{file_id}{ending}");
    let (length, modified_ms) = (bytes.len() as u64, 1_795_000_000_123);
    let plan = plan(rng, bytes.len(), encoding);
    let meta = FileMeta { length, modified_ms, ..FileMeta::new(file_id, "a", path, plan) };
    File { meta: Arc::new(meta), bytes: bytes.into() }
}

/// Sizes by which a file of `length` bytes becomes some ten to some hundred chunks. The encoding is fixed, to the
/// file's or to another one, or is not.
fn plan(rng: &mut StdRng, length: usize, encoding: &str) -> Plan {
    let scale = u32::try_from(length / 8).expect("a small file").clamp(40, 2000);
    let plain_bytes = if rng.random_ratio(1, 12) && length < 500 { 1 } else { rng.random_range(12..scale) };
    let line_bytes = rng.random_range(4..scale);
    let text_bytes = line_bytes + rng.random_range(0..scale);
    let encoding = match rng.random_range(0..4) {
        0 => None,
        1 | 2 => Some(encoding.to_owned()),
        _ => Some(ENCODINGS[rng.random_range(0..ENCODINGS.len())].to_owned()),
    };
    let default_encoding = ["utf-8", "gb18030"][rng.random_range(0..2)].to_owned();
    // Some files are bombs by this limit.
    let max_bytes = if rng.random_ratio(1, 15) { length as u64 } else { 1 << 40 };
    let channel_group = ["default", "urgent", "gone"][rng.random_range(0..3)].to_owned();
    // That of most lines, of some that are not rare, of all, or none that can be read.
    let starts = [r"\d{4}-\d\d-\d\d ", "took|\0|2026", "", "["];
    let record_start = rng.random_ratio(1, 2).then(|| starts[[0, 0, 1, 1, 2, 3][rng.random_range(0..6)]].to_owned());
    let header = [None, None, Some(Header::Csv), Some(Header::W3c)][rng.random_range(0..4)];
    let patterns = match rng.random_range(0..4) {
        0 => PatternSpec::all(),
        1 => vec![PatternSpec::built_in(BuiltIn::Csv), PatternSpec::own("own", r"(?<time>\S+ \S+) (?<rest>.*)")],
        _ => Vec::new(),
    };
    Plan {
        patterns,
        plain_bytes,
        text_bytes,
        line_bytes,
        encoding,
        default_encoding,
        max_bytes,
        channel_group,
        record_start,
        header,
        ..Plan::default()
    }
}

const CHINESE: [&str; 5] = ["作业", "已提交到集群", "等待资源", "一", "内存不足，任务失败"];
/// Characters that take four bytes in GB18030.
const FOUR_BYTES: [&str; 3] = ["𠀀", "😀", "ÿ"];

const ENCODINGS: [&str; 12] = [
    "utf-8",
    "utf-8",
    "gbk",
    "gb18030",
    "gb18030",
    "utf-16le",
    "utf-32le",
    "utf-32be",
    "ibm037",
    "ibm437",
    "iso-2022-kr",
    "iso-2022-cn",
];
/// What is malformed in one encoding or the other, or changes what follows.
const BAD: [&[u8]; 11] = [
    b"\xff",
    b"\xe4\xb8",
    b"\xf0\x9f",
    b"\x81\x30",
    b"\x81",
    b"\xed\xa0\x80",
    b"\x1b$B",
    b"\x1b$)C",
    b"\x0e",
    b"\0\0\0",
    "支付完成\n".as_bytes(),
];

/// Lines of one encoding and of many shapes, and that encoding.
fn text(rng: &mut StdRng) -> (Vec<u8>, &'static str) {
    let encoding = ENCODINGS[rng.random_range(0..ENCODINGS.len())];
    let beyond_ascii = rng.random_ratio(6, 7);
    // Detection holds 16 KiB back: a few files are longer than that.
    let most = if rng.random_ratio(1, 20) { 24 << 10 } else { rng.random_range(0..3000) };
    let marked = encoding.starts_with("utf-") && rng.random_ratio(1, 3);
    let mut text = if marked { "\u{feff}".to_owned() } else { String::new() };
    while text.len() < most {
        line(rng, beyond_ascii, &mut text);
        text.push_str(["\n", "\n", "\r\n", "\r\r\n"][rng.random_range(0..4)]);
    }
    if rng.random_ratio(1, 2) {
        line(rng, beyond_ascii, &mut text);
    }
    let mut bytes = encode(&text, encoding);
    if rng.random_ratio(1, 3) {
        for _ in 0..rng.random_range(1..9) {
            let bad = BAD[rng.random_range(0..BAD.len())];
            let at = rng.random_range(0..=bytes.len());
            bytes.splice(at..at, bad.iter().copied());
        }
    }
    (bytes, encoding)
}

fn encode(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "gbk" => GBK.encode(text).0.into_owned(),
        "gb18030" => GB18030.encode(text).0.into_owned(),
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-32le" => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        "utf-32be" => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
        "ibm037" | "ibm437" => page(text, encoding),
        "iso-2022-kr" => shifts(&EUC_KR.encode(text).0, b"\x1b$)C"),
        "iso-2022-cn" => shifts(&GBK.encode(text).0, b"\x1b$)A"),
        _ => text.as_bytes().to_vec(),
    }
}

/// In a code page of one byte a character: `?` where it has none.
fn page(text: &str, label: &str) -> Vec<u8> {
    let encoding = Encoding::for_label(label).expect("a label");
    let mut bytes = BTreeMap::new();
    for byte in 0..=u8::MAX {
        let mut to = [0; Decoder::ROOM];
        let (_, _, n) = encoding.new_decoder().decode(&[byte], &mut to, true);
        bytes.entry(String::from_utf8_lossy(&to[..n]).into_owned()).or_insert(byte);
    }
    text.chars().map(|c| bytes.get(&c.to_string()).unwrap_or(&bytes["?"])).copied().collect()
}

/// Pairs of bytes with their high bits set, in the seven bits of ISO-2022.
fn shifts(bytes: &[u8], designation: &[u8]) -> Vec<u8> {
    let mut shifted = designation.to_vec();
    for run in bytes.chunk_by(|a, b| a.is_ascii() == b.is_ascii()) {
        if run[0].is_ascii() {
            shifted.extend_from_slice(run);
        } else {
            shifted.push(0x0e);
            shifted.extend(run.iter().map(|byte| byte & 0x7f));
            shifted.push(0x0f);
        }
    }
    shifted
}

fn line(rng: &mut StdRng, beyond_ascii: bool, text: &mut String) {
    match rng.random_range(0..12) {
        0 => {}
        1 => (0..rng.random_range(1..20)).for_each(|_| text.push('\n')),
        2 if rng.random_ratio(1, 2) => text.push_str("#Fields: time level text"),
        2 => (0..rng.random_range(1..90)).for_each(|_| text.push('\0')),
        3 => {
            let of = if beyond_ascii { CHINESE[rng.random_range(0..5)] } else { "a very long line, " };
            (0..rng.random_range(1..60)).for_each(|_| text.push_str(of));
        }
        4 | 5 => text.push_str("\tat shop.Order.pay(Order.java:41)"),
        _ => {
            text.push_str("2026-11-22 10:00:00,123 INFO ");
            for _ in 0..rng.random_range(0..8) {
                match rng.random_range(0..4) {
                    0 if beyond_ascii => text.push_str(CHINESE[rng.random_range(0..5)]),
                    1 if beyond_ascii => text.push_str(FOUR_BYTES[rng.random_range(0..3)]),
                    _ => text.push_str(&format!("took {} ms; ", rng.random_range(0..1_000_000))),
                }
            }
        }
    }
}

/// gzip of one and of many members, zstd of many frames with skippable ones between, streams of the others, all in turn, one
/// within the other, or as it is; and the ending of a name that suggests it where it has no magic.
fn pack(rng: &mut StdRng, text: &[u8]) -> (Vec<u8>, &'static str) {
    let (packed, ending) = match rng.random_range(0..18) {
        0 => (brotli(rng, text), ".br"),
        1 => (deflate(rng, text), ".deflate"),
        2 => (zlib(rng, text), ".deflate"),
        3 => (hadoop(rng, text, |text| snap::raw::Encoder::new().compress_vec(text).expect("small text")), ".snappy"),
        4 => (hadoop(rng, text, lz4_flex::block::compress), ".lz4"),
        5 => (hadoop(rng, text, lzo), ".lzo_deflate"),
        _ => (with_magic(rng, text), ""),
    };
    let packed = if ending.is_empty() && rng.random_ratio(1, 5) { archive(rng, text) } else { packed };
    if ending.is_empty() && rng.random_ratio(1, 6) { (with_magic(rng, &packed), "") } else { (packed, ending) }
}

/// A tar or a zip of a few members, some of them packed, some an archive.
fn archive(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let pieces = rng.random_range(0..5);
    let members: Vec<(String, Vec<u8>)> = cut(rng, text, pieces)
        .iter()
        .enumerate()
        .map(|(n, piece)| {
            let folder = "folder/".repeat([0, 1, 20][rng.random_range(0..3)]);
            let bytes = match rng.random_range(0..6) {
                0 => with_magic(rng, piece),
                1 => tar(&[("a".into(), piece.to_vec()), ("b".into(), Vec::new())]),
                _ => piece.to_vec(),
            };
            (format!("{folder}{n}.log"), bytes)
        })
        .collect();
    if rng.random_ratio(1, 2) { tar(&members) } else { zip(rng, &members) }
}

fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, &bytes[..]).expect("a Vec takes all");
    }
    builder.into_inner().expect("a Vec takes all")
}

/// The members and the end; the list of them is read by nobody.
fn zip(rng: &mut StdRng, members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = Vec::new();
    for (name, bytes) in members {
        let (method, packed) = if rng.random_ratio(1, 3) { (0u16, bytes.clone()) } else { (8, deflate(rng, bytes)) };
        let behind = method > 0 && rng.random_ratio(1, 2);
        let sums = [crc32fast::hash(bytes), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        zip.extend(b"PK\x03\x04\x14\0");
        zip.extend([if behind { 8u16 } else { 0 }, method].map(u16::to_le_bytes).concat());
        zip.extend([0; 4]);
        zip.extend(if behind { &[0; 12] } else { &sums[..] });
        zip.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        zip.extend(name.as_bytes());
        zip.extend(packed);
        if behind {
            zip.extend(b"PK\x07\x08");
            zip.extend(sums);
        }
    }
    zip.extend(b"PK\x05\x06");
    zip.extend([0; 18]);
    zip
}

fn with_magic(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let pieces = rng.random_range(1..6);
    match rng.random_range(0..13) {
        0 => gzip(rng, text),
        1 => cut(rng, text, pieces).iter().flat_map(|piece| gzip(rng, piece)).collect(),
        2 => zstd(rng, text),
        3 => {
            let mut packed = Vec::new();
            for piece in cut(rng, text, pieces) {
                if rng.random_ratio(1, 3) {
                    packed.extend(skippable(rng));
                }
                packed.extend(zstd(rng, &piece));
            }
            packed
        }
        4 => {
            let pieces = cut(rng, text, pieces);
            let either = |piece: &Bytes| [gzip, zstd, bzip2, xz, lz4, snappy, lzop][rng.random_range(0..7)](rng, piece);
            pieces.iter().flat_map(either).collect()
        }
        5 => cut(rng, text, pieces).iter().flat_map(|piece| bzip2(rng, piece)).collect(),
        6 => cut(rng, text, pieces).iter().flat_map(|piece| xz(rng, piece)).collect(),
        7 => lzma(rng, text),
        8 => cut(rng, text, pieces).iter().flat_map(|piece| lz4(rng, piece)).collect(),
        9 => cut(rng, text, pieces).iter().flat_map(|piece| snappy(rng, piece)).collect(),
        10 => zlib(rng, text),
        11 => cut(rng, text, pieces).iter().flat_map(|piece| lzop(rng, piece)).collect(),
        _ => text.to_vec(),
    }
}

fn gzip(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(rng.random_range(0..7)));
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn zstd(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), rng.random_range(1..4)).expect("a valid level");
    encoder.include_checksum(rng.random_ratio(1, 2)).expect("a valid setting");
    for piece in text.chunks(rng.random_range(100..2000)) {
        // Several blocks a frame, as large files have them.
        encoder.write_all(piece).expect("a Vec takes all");
        encoder.flush().expect("a Vec takes all");
    }
    encoder.finish().expect("a Vec takes all")
}

fn bzip2(_: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn xz(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut stream = Stream::new_easy_encoder(rng.random_range(0..2), Check::Crc64).expect("an encoder of a preset");
    let mut packed = Vec::with_capacity(2 * text.len() + (64 << 10));
    // Several blocks a stream, as large files have them, and several chunks of LZMA2 a block.
    let between = [Action::FullFlush, Action::SyncFlush][rng.random_range(0..2)];
    let pieces = text.chunks(rng.random_range(100..2000)).map(|piece| (piece, between));
    for (piece, action) in pieces.chain([(&b""[..], Action::Finish)]) {
        let before = stream.total_in();
        let rest = |stream: &Stream| &piece[(stream.total_in() - before) as usize..];
        while stream.process_vec(rest(&stream), &mut packed, action).expect("there is room") != Status::StreamEnd {}
    }
    packed
}

fn lzma(_: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::new_preset(0).expect("a preset");
    let stream = Stream::new_lzma_encoder(&options).expect("an encoder of a preset");
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn lz4(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    if rng.random_ratio(1, 4) {
        return lz4_legacy(rng, text);
    }
    let mut some = || rng.random_ratio(1, 2);
    let mode = if some() { BlockMode::Linked } else { BlockMode::Independent };
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(mode).block_checksums(some());
    let size = some().then_some(text.len() as u64);
    let mut encoder = FrameEncoder::with_frame_info(info.content_checksum(some()).content_size(size), Vec::new());
    for piece in text.chunks(rng.random_range(100..2000)) {
        // Several blocks a frame, as large files have them.
        encoder.write_all(piece).expect("a Vec takes all");
        encoder.flush().expect("a Vec takes all");
    }
    encoder.finish().expect("a Vec takes all")
}

/// As `lz4 -l` writes, but in small blocks; the library reads such frames and does not write them.
fn lz4_legacy(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let block = |text: &[u8]| {
        let data = lz4_flex::block::compress(text);
        [&u32::try_from(data.len()).expect("a small block").to_le_bytes()[..], &data].concat()
    };
    let blocks = text.chunks(rng.random_range(100..2000)).flat_map(block);
    [0x02, 0x21, 0x4c, 0x18].into_iter().chain(blocks).collect()
}

fn brotli(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 4096, rng.random_range(0..6), 16);
    for piece in text.chunks(rng.random_range(100..2000)) {
        // Several blocks a stream, as large files have them.
        encoder.write_all(piece).expect("a Vec takes all");
        encoder.flush().expect("a Vec takes all");
    }
    drop(encoder);
    packed
}

fn deflate(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(rng.random_range(0..7)));
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn be32(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("a small file").to_be_bytes()
}

fn lzo(text: &[u8]) -> Vec<u8> {
    lzokay_native::compress(text).expect("a Vec takes all")
}

/// As Hadoop's `BlockCompressorStream` writes: blocks of a chunk, or one block of many.
fn hadoop(rng: &mut StdRng, text: &[u8], raw: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    if text.is_empty() {
        return vec![0; 4];
    }
    let one_block = rng.random_ratio(1, 3);
    let mut packed = if one_block { be32(text.len()).to_vec() } else { Vec::new() };
    for piece in text.chunks(rng.random_range(100..2000)) {
        let data = raw(piece);
        if !one_block {
            packed.extend(be32(piece.len()));
        }
        packed.extend(be32(data.len()));
        packed.extend(data);
    }
    packed
}

/// As the last four bytes of zlib have it.
fn adler32(bytes: &[u8]) -> [u8; 4] {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("a Vec takes all");
    *encoder.finish().expect("a Vec takes all").last_chunk().expect("zlib ends with its checksum")
}

/// A file of lzop: Adler-32 of the plain bytes and of the compressed ones.
fn lzop(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut header = vec![0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, 1, 5, 3, 0, 0, 3];
    header.extend([0, 0, 0x81, 0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    header.extend(b"a.log");
    let mut file = [&b"\x89LZO\0\r\n\x1a\n"[..], &header, &adler32(&header)].concat();
    for block in text.chunks(rng.random_range(100..2000)) {
        let packed = lzo(block);
        let stored = packed.len() >= block.len();
        let data = if stored { block } else { &packed };
        file.extend([be32(block.len()), be32(data.len()), adler32(block)].concat());
        if !stored {
            file.extend(adler32(data));
        }
        file.extend(data);
    }
    file.extend([0; 4]);
    file
}

fn snappy(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    for piece in text.chunks(rng.random_range(100..2000)) {
        // Several chunks a stream, as large files have them.
        encoder.write_all(piece).expect("a Vec takes all");
        encoder.flush().expect("a Vec takes all");
    }
    encoder.into_inner().expect("a Vec takes all")
}

fn zlib(rng: &mut StdRng, text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(rng.random_range(0..7)));
    encoder.write_all(text).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

/// RFC 8878, 3.1.2.
fn skippable(rng: &mut StdRng) -> Vec<u8> {
    let content = vec![7; rng.random_range(0..30)];
    let length = u32::try_from(content.len()).expect("a few bytes").to_le_bytes();
    [&[rng.random_range(0x50..0x60), 0x2a, 0x4d, 0x18][..], &length, &content].concat()
}

/// Of two files one is whole.
fn damage(rng: &mut StdRng, mut bytes: Vec<u8>) -> Vec<u8> {
    match rng.random_range(0..10) {
        0 => bytes.truncate(rng.random_range(0..=bytes.len())),
        1 if !bytes.is_empty() => {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= rng.random_range(1..=255);
        }
        2 => bytes.extend_from_slice(b"a signature, perhaps"),
        3 => bytes.resize(bytes.len() + rng.random_range(1..600), 0),
        4 => bytes.clear(),
        _ => {}
    }
    bytes
}

/// `bytes` in so many pieces, cut anywhere: some may be empty.
#[must_use]
pub fn cut(rng: &mut StdRng, bytes: &[u8], pieces: usize) -> Vec<Bytes> {
    let mut at: Vec<usize> = (1..pieces).map(|_| rng.random_range(0..=bytes.len())).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| Bytes::copy_from_slice(&bytes[w[0]..w[1]])).collect()
}
