//! What Hadoop's own codecs write into HDFS is what the decompressor reads out of it.

use bytes::Bytes;
use futures::TryStreamExt as _;
use logmill_core::memory::Run;
use logmill_core::{End, Event, FileId, FileMeta, Outcome, Output, Plan};
use logmill_decompressor::Decompressor;
use logmill_fetcher::store::{Entry, HdfsSettings, HdfsStore, Identity, Store};
use logmill_stack::{shared, write_by_hadoop};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// The codecs of Hadoop that write without native code, and how the decompressor calls what they write.
const CODECS: [(&str, &str); 5] = [
    ("GzipCodec", "gzip"),
    ("BZip2Codec", "bzip2"),
    ("SnappyCodec", "hadoop-snappy"),
    ("Lz4Codec", "hadoop-lz4"),
    ("DeflateCodec", "zlib"),
];

/// The plain bytes, how the file ended, and the codec that was found.
fn decompressed(entry: Entry, packed: &Bytes) -> (Vec<u8>, Outcome, String) {
    let Entry { path, length, modified_ms } = entry;
    let file = Arc::new(FileMeta { length, modified_ms, ..FileMeta::new(FileId(1), "a", path, Plan::default()) });
    let (mut plain, mut codec) = (Vec::new(), String::new());
    let mut see = |output| match output {
        Output::Product(product) => plain.extend_from_slice(&product.payload),
        Output::Event(_, Event::Closed { found, .. }) => codec = found.unwrap_or_default(),
        other => panic!("{}: {other:?}", file.path),
    };
    let mut run = Run::new(&Decompressor, &file);
    packed.chunks(10_007).for_each(|piece| run.push(packed.slice_ref(piece), &mut see));
    let outcome = run.end(End::Complete, &mut see);
    (plain, outcome, codec)
}

#[test]
fn what_hadoop_compresses_is_decompressed_byte_by_byte() {
    let mut text = String::new();
    for n in 0..25_000 {
        writeln!(text, "2026-11-22 10:00:00,{:03} INFO 作业 {n} took {} ms", n % 1000, n * 7919 % 4001).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let local = scratch.path().join("text");
    std::fs::write(&local, &text).unwrap();
    let hdfs = shared::hdfs(0);
    write_by_hadoop(hdfs, "/by-hadoop", &local, &CODECS.map(|(class, _)| class)).unwrap();

    let io = tokio::runtime::Runtime::new().unwrap();
    let (identity, call_timeout) = (Identity::Process, Duration::from_secs(20));
    let settings = HdfsSettings { url: hdfs.url.clone(), identity, hadoop: hdfs.config.clone(), call_timeout };
    let store = HdfsStore::new("a", settings, io.handle().clone()).unwrap();
    let entries: Vec<Entry> = io.block_on(store.list("/by-hadoop").try_collect()).unwrap();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let packed = io.block_on(async {
            let pieces: Vec<Bytes> = store.open(&entry.path).await.unwrap().read_from(0).try_collect().await.unwrap();
            Bytes::from(pieces.concat())
        });
        let path = entry.path.clone();
        let (plain, outcome, codec) = decompressed(entry, &packed);
        assert_eq!(outcome, Outcome::Complete, "{path}");
        assert!(plain == text.as_bytes(), "{path}: {} bytes of {}", plain.len(), text.len());
        assert!(packed.len() < text.len() / 2, "{path} is compressed");
        let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
        seen.insert((name.split_once('.').map_or(name, |(way, _)| way).to_owned(), codec));
    }
    let ways = CODECS
        .iter()
        .flat_map(|(class, codec)| ["pieces", "whole"].map(|way| (format!("{class}-{way}"), (*codec).to_owned())));
    assert_eq!(seen, ways.collect());
}
