//! From pieces of logs to files as an archive of logs holds them: packed by gzip or zstd, at once or in many members,
//! some transcoded to GBK, one damaged. The plain original stays beside, for the comparison.

use crate::logs::cut::Piece;
use crate::logs::manifest::{Codec, Encoding, Entry};
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of text in one member at most, where a file has many; a small file has some, too.
const MEMBER: usize = 256 << 10;
/// Characters outside ASCII that a text must hold to be worth transcoding: fewer would be no test of anything.
const WORTH_TRANSCODING: usize = 200;

/// What is to be packed, and where it shall lie.
#[derive(Clone, Debug)]
pub struct Order {
    pub piece: Piece,
    pub cluster: String,
    /// Path in the cluster, without the codec's ending.
    pub path: String,
}

/// How the n-th file is packed: all forms come early and often.
fn form(n: usize) -> (Codec, Encoding, bool) {
    match n % 8 {
        0 => (Codec::Gzip, Encoding::Utf8, false),
        1 => (Codec::Zstd, Encoding::Utf8, false),
        2 => (Codec::Gzip, Encoding::Utf8, true),
        3 => (Codec::Gzip, Encoding::Gbk, false),
        4 => (Codec::Zstd, Encoding::Utf8, true),
        5 => (Codec::Zstd, Encoding::Gbk, true),
        6 => (Codec::Gzip, Encoding::Utf8, true),
        _ => (Codec::Zstd, Encoding::Utf8, false),
    }
}

/// The file that is damaged: its number. It is of the form gzip, one member.
const DAMAGED: usize = 8;

/// Packs all, on as many threads as there are cores. Writes `folder/originals/CLUSTER/PATH` and
/// `folder/packed/CLUSTER/PATH`; the entries' originals are relative to `folder`.
///
/// # Errors
/// A file cannot be read or written.
pub fn pack(folder: &Path, orders: &[Order]) -> anyhow::Result<Vec<Entry>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(orders.len()));
    let work = || -> anyhow::Result<()> {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(order) = orders.get(n) else { return Ok(()) };
            let entry = pack_one(folder, n, order).with_context(|| format!("packing {}", order.path))?;
            done.lock().expect("no packer panics").push((n, entry));
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|w| w.join().expect("no packer panics"))
    })?;
    let mut done = done.into_inner().expect("no packer panics");
    done.sort_by_key(|(n, _)| *n);
    Ok(done.into_iter().map(|(_, entry)| entry).collect())
}

fn pack_one(folder: &Path, n: usize, order: &Order) -> anyhow::Result<Entry> {
    // What a daemon wrote is UTF-8; should it not be, what was made UTF-8 of it is the original here.
    let text = String::from_utf8_lossy(&order.piece.read()?).into_owned();
    let (codec, encoding, many) = form(n);
    let gbk = (encoding == Encoding::Gbk).then(|| to_gbk(&text)).flatten();
    let encoding = if gbk.is_some() { Encoding::Gbk } else { Encoding::Utf8 };
    let bytes = gbk.as_deref().unwrap_or(text.as_bytes());
    let members: Vec<&[u8]> =
        if many { bytes.chunks((bytes.len() / 4).clamp(1, MEMBER)).collect() } else { vec![bytes] };
    let mut packed = match codec {
        Codec::Gzip => gzip(&members)?,
        Codec::Zstd => zstd(&members)?,
    };
    let damage = (n == DAMAGED).then(|| {
        let kept = packed.len() * 3 / 5;
        packed.truncate(kept);
        format!("cut after {kept} bytes")
    });
    let ending = match codec {
        Codec::Gzip => "gz",
        Codec::Zstd => "zst",
    };
    let path = format!("{}.{ending}", order.path);
    let original = format!("originals/{}{}", order.cluster, order.path);
    write_file(&folder.join(&original), text.as_bytes())?;
    write_file(&packed_file(folder, &order.cluster, &path), &packed)?;
    Ok(Entry {
        cluster: order.cluster.clone(),
        path,
        original,
        codec,
        encoding,
        members: members.len(),
        lines: text.lines().count() as u64,
        bytes: text.len() as u64,
        stored_bytes: packed.len() as u64,
        damage,
    })
}

/// Where a packed file waits to be put into its cluster.
#[must_use]
pub fn packed_file(folder: &Path, cluster: &str, path: &str) -> PathBuf {
    folder.join("packed").join(cluster).join(path.trim_start_matches('/'))
}

/// The text in GBK; `None` when it holds too little that is not ASCII, or something that GBK has no character for.
fn to_gbk(text: &str) -> Option<Vec<u8>> {
    if text.chars().filter(|c| !c.is_ascii()).take(WORTH_TRANSCODING).count() < WORTH_TRANSCODING {
        return None;
    }
    let (bytes, _, lossy) = encoding_rs::GBK.encode(text);
    (!lossy).then(|| bytes.into_owned())
}

pub(crate) fn gzip(members: &[&[u8]]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    for member in members {
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::new(4));
        encoder.write_all(member)?;
        encoder.finish()?;
    }
    Ok(packed)
}

fn zstd(members: &[&[u8]]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    for member in members {
        let mut encoder = zstd::Encoder::new(&mut packed, 3)?;
        encoder.include_checksum(true)?;
        encoder.write_all(member)?;
        encoder.finish()?;
    }
    Ok(packed)
}

fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::cut;
    use std::io::Read;

    /// What any reader of gzip, zstd and GBK makes of a packed file.
    fn unpacked(folder: &Path, entry: &Entry) -> Vec<u8> {
        let packed = std::fs::read(packed_file(folder, &entry.cluster, &entry.path)).unwrap();
        let mut bytes = Vec::new();
        let read = match entry.codec {
            Codec::Gzip => flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes),
            Codec::Zstd => zstd::Decoder::new(&packed[..]).unwrap().read_to_end(&mut bytes),
        };
        assert_eq!(read.is_err(), entry.damage.is_some(), "{entry:?}");
        match entry.encoding {
            Encoding::Utf8 => bytes,
            Encoding::Gbk => encoding_rs::GBK.decode(&bytes).0.into_owned().into_bytes(),
        }
    }

    #[test]
    fn every_form_unpacks_to_its_original_and_the_damaged_one_to_a_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let text: String =
            (0..150_000).map(|n| format!("{n} \u{7528}\u{6237} opened /x/{n}/\u{652f}\u{4ed8}\n")).collect();
        std::fs::write(&log, text).unwrap();
        let pieces = cut::cut(&log, 10).unwrap();
        let order = |(n, piece)| Order { piece, cluster: "a".into(), path: format!("/logs/x.log.{n}") };
        let orders: Vec<_> = pieces.into_iter().enumerate().map(order).collect();
        let entries = pack(folder.path(), &orders).unwrap();
        for entry in &entries {
            let original = std::fs::read(folder.path().join(&entry.original)).unwrap();
            let got = unpacked(folder.path(), entry);
            assert!(original.starts_with(&got), "{entry:?}");
            assert_eq!(got.len() == original.len(), entry.damage.is_none(), "{entry:?}");
        }
        assert!(entries.iter().any(|e| e.encoding == Encoding::Gbk && e.codec == Codec::Gzip));
        assert!(entries.iter().any(|e| e.encoding == Encoding::Gbk && e.codec == Codec::Zstd && e.members > 1));
        assert!(entries.iter().any(|e| e.members > 1 && e.codec == Codec::Gzip));
        assert_eq!(entries.iter().filter(|e| e.damage.is_some()).count(), 1);
    }
}
