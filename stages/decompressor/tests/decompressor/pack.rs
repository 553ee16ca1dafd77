//! Writers of each codec, and text for them.

use crate::seen::crc32fast_of;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

pub(crate) type Pack = fn(&[u8]) -> Vec<u8>;

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(text: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A stream of several blocks of so many plain bytes, as xz writes with several threads.
pub(crate) fn xz_blocks(text: &[u8], block: usize) -> Vec<u8> {
    use liblzma::stream::{Action, Check, Status, Stream};
    let mut stream = Stream::new_easy_encoder(1, Check::Crc64).unwrap();
    let mut packed = Vec::with_capacity(text.len() + (1 << 16));
    let blocks = text.chunks(block).map(|block| (block, Action::FullFlush));
    for (block, action) in blocks.chain([(&b""[..], Action::Finish)]) {
        let before = stream.total_in();
        let rest = |stream: &Stream| &block[(stream.total_in() - before) as usize..];
        while stream.process_vec(rest(&stream), &mut packed, action).unwrap() != Status::StreamEnd {}
    }
    packed
}

pub(crate) fn lzma(text: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn lz4_frame(text: &[u8], change: impl Fn(FrameInfo) -> FrameInfo) -> Vec<u8> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(change(info), Vec::new());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn lz4(text: &[u8]) -> Vec<u8> {
    lz4_frame(text, |info| info.block_mode(BlockMode::Linked).block_checksums(true))
}

/// As `lz4 -l` writes; the library reads such frames and does not write them.
pub(crate) fn lz4_legacy(text: &[u8]) -> Vec<u8> {
    let block = |text: &[u8]| {
        let data = lz4_flex::block::compress(text);
        [&u32::try_from(data.len()).unwrap().to_le_bytes()[..], &data].concat()
    };
    [0x02, 0x21, 0x4c, 0x18].into_iter().chain(text.chunks(8 << 20).flat_map(block)).collect()
}

pub(crate) fn snappy(text: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(text).unwrap();
    encoder.into_inner().unwrap()
}

pub(crate) fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn brotli(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut packed, 4096, 5, 18);
    encoder.write_all(text).unwrap();
    drop(encoder);
    packed
}

fn be32(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap().to_be_bytes()
}

/// As Hadoop's `BlockCompressorStream` writes: one chunk a block, as text comes by small writes into its buffer.
fn hadoop(text: &[u8], raw: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let block = |text: &[u8]| {
        let data = raw(text);
        [&be32(text.len())[..], &be32(data.len()), &data].concat()
    };
    text.chunks(HADOOP_BLOCK).flat_map(block).collect()
}

/// Plain bytes of a block of [`hadoop`].
pub(crate) const HADOOP_BLOCK: usize = 5000;

pub(crate) fn raw_snappy(text: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(text).unwrap()
}

pub(crate) fn raw_lzo(text: &[u8]) -> Vec<u8> {
    lzokay_native::compress(text).unwrap()
}

pub(crate) fn hadoop_snappy(text: &[u8]) -> Vec<u8> {
    hadoop(text, raw_snappy)
}

pub(crate) fn hadoop_lz4(text: &[u8]) -> Vec<u8> {
    hadoop(text, lz4_flex::block::compress)
}

pub(crate) fn hadoop_lzo(text: &[u8]) -> Vec<u8> {
    hadoop(text, raw_lzo)
}

/// As one large write makes them: one block of many chunks.
pub(crate) fn hadoop_one_block(text: &[u8], raw: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let chunks = text.chunks(HADOOP_BLOCK).map(raw).flat_map(|data| [&be32(data.len())[..], &data].concat());
    be32(text.len()).into_iter().chain(chunks).collect()
}

fn adler32(bytes: &[u8]) -> u32 {
    let zlib = zlib(bytes);
    u32::from_be_bytes(*zlib.last_chunk().unwrap())
}

/// A file of lzop: Adler-32 of the plain bytes and of the compressed ones.
pub(crate) fn lzop(text: &[u8]) -> Vec<u8> {
    let flags = 0x0300_0003_u32; // written on Unix
    let mut header = vec![0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, 1, 5];
    header.extend(flags.to_be_bytes());
    header.extend([0, 0, 0x81, 0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    header.extend(b"a.log");
    let mut file = b"\x89LZO\0\r\n\x1a\n".to_vec();
    file.extend(&header);
    file.extend(adler32(&header).to_be_bytes());
    for block in text.chunks(LZOP_BLOCK) {
        let packed = raw_lzo(block);
        let stored = packed.len() >= block.len();
        let data = if stored { block } else { &packed };
        file.extend(be32(block.len()));
        file.extend(be32(data.len()));
        file.extend(adler32(block).to_be_bytes());
        if !stored {
            file.extend(adler32(data).to_be_bytes());
        }
        file.extend(data);
    }
    file.extend([0; 4]);
    file
}

/// Plain bytes of a block of [`lzop`].
pub(crate) const LZOP_BLOCK: usize = 4000;

/// Those of which several may stand one after the other, and that say where they end.
pub(crate) const PACKS: [Pack; 5] = [gzip, zstd, bzip2, xz, lz4];

/// A skippable frame: RFC 8878, 3.1.2.
pub(crate) fn skippable(content: &[u8]) -> Vec<u8> {
    [&[0x5a, 0x2a, 0x4d, 0x18][..], &(content.len() as u32).to_le_bytes(), content].concat()
}

/// Text that compresses as logs do, not to nothing.
/// A tar of these members, as GNU's is.
pub(crate) fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// How a member of a zip is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zipped {
    Deflated,
    Stored,
    /// Its lengths and checksum behind it.
    Streamed,
    /// As if it were.
    Encrypted,
    /// By a method that is not read (deflate64).
    Method9,
}

/// A zip of these members.
pub(crate) fn zip_of(members: &[(&str, &[u8], Zipped)]) -> Vec<u8> {
    let (mut zip, mut central) = (Vec::new(), Vec::new());
    for (name, bytes, how) in members {
        let packed = if *how == Zipped::Stored { bytes.to_vec() } else { deflate(bytes) };
        let (flags, method) = match how {
            Zipped::Deflated => (0u16, 8u16),
            Zipped::Stored => (0, 0),
            Zipped::Streamed => (8, 8),
            Zipped::Encrypted => (1, 8),
            Zipped::Method9 => (0, 9),
        };
        let sums = [crc32fast_of(bytes), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
        let at = zip.len() as u32;
        let common = |zip: &mut Vec<u8>, sums: &[u8]| {
            [20, flags, method, 0, 0].iter().for_each(|field| zip.extend(field.to_le_bytes()));
            zip.extend_from_slice(sums);
            zip.extend((name.len() as u16).to_le_bytes());
            zip.extend([0, 0]);
        };
        zip.extend(b"PK\x03\x04");
        common(&mut zip, if *how == Zipped::Streamed { &[0; 12] } else { &sums });
        zip.extend(name.as_bytes());
        zip.extend(&packed);
        if *how == Zipped::Streamed {
            zip.extend(b"PK\x07\x08");
            zip.extend(&sums);
        }
        central.extend(b"PK\x01\x02\x14\0");
        common(&mut central, &sums);
        central.extend([0; 10]);
        central.extend(at.to_le_bytes());
        central.extend(name.as_bytes());
    }
    let (at, length, count) = (zip.len() as u32, central.len() as u32, members.len() as u16);
    zip.extend(central);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    zip.extend([length, at].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}

pub(crate) fn lines(n: usize) -> Vec<u8> {
    let mut x = 1u64;
    let mut line = |i| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("2026-11-22 10:00:{:02} INFO request {i} took {} ms\n", i % 60, x >> 40)
    };
    (0..n).flat_map(|i| line(i).into_bytes()).collect()
}
