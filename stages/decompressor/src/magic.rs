//! What the first bytes of a file, or of what follows a member, say.

use crate::xz::{self, BLOCK_HEADER};
use crate::{lz4, lzop, snappy};

/// The compressions that this stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// RFC 1952.
    Gzip,
    /// RFC 8878; its skippable frames too.
    Zstd,
    Bzip2,
    /// The .xz file format, version 1.2.1.
    Xz,
    /// What xz-utils call `.lzma`, the legacy format.
    Lzma,
    /// LZ4 frames.
    Lz4,
    /// The frames that `lz4 -l` writes.
    Lz4Legacy,
    /// The framing format.
    Snappy,
    /// RFC 1950.
    Zlib,
    /// The files of lzop.
    Lzop,
    /// RFC 7932; by name.
    Brotli,
    /// RFC 1951; by name.
    Deflate,
    /// What Hadoop's codecs of these names write; by name.
    HadoopSnappy,
    HadoopLz4,
    HadoopLzo,
}

impl Codec {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::Bzip2 => "bzip2",
            Codec::Xz => "xz",
            Codec::Lzma => "lzma",
            Codec::Lz4 => "lz4",
            Codec::Lz4Legacy => "lz4-legacy",
            Codec::Snappy => "snappy",
            Codec::Zlib => "zlib",
            Codec::Lzop => "lzop",
            Codec::Brotli => "brotli",
            Codec::Deflate => "deflate",
            Codec::HadoopSnappy => "hadoop-snappy",
            Codec::HadoopLz4 => "hadoop-lz4",
            Codec::HadoopLzo => "hadoop-lzo",
        }
    }

    /// Whether its first bytes alone tell it.
    pub(crate) fn has_magic(self) -> bool {
        use Codec::{Brotli, Deflate, HadoopLz4, HadoopLzo, HadoopSnappy};
        !matches!(self, Brotli | Deflate | HadoopSnappy | HadoopLz4 | HadoopLzo)
    }

    /// One of Hadoop's framings: another may follow its end, where there is no magic either.
    pub(crate) fn is_hadoop(self) -> bool {
        matches!(self, Codec::HadoopSnappy | Codec::HadoopLz4 | Codec::HadoopLzo)
    }

    /// What a self-contained piece of it is called.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Codec::Gzip | Codec::Lzop => "member",
            Codec::Zstd | Codec::Lz4 | Codec::Lz4Legacy => "frame",
            Codec::Bzip2 | Codec::Xz | Codec::Lzma | Codec::Snappy | Codec::Zlib | Codec::Brotli | Codec::Deflate => {
                "stream"
            }
            Codec::HadoopSnappy | Codec::HadoopLz4 | Codec::HadoopLzo => "stream",
        }
    }
}

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniff {
    /// They may become one of the known beginnings.
    Short,
    Codec(Codec),
    Other,
}

/// The bytes that decide, at most, where decoding may begin again.
pub(crate) const LONGEST: usize = 10;

const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878, 3.1.2: any first byte from 0x50 to 0x5f.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// lc 3, lp 0, pb 2, and a dictionary of 64 KiB or more, or of nothing of this kind.
const LZMA: [u8; 3] = [0x5d, 0, 0];
/// A block size from `1` to `9` stands between it and the first block, or the end of a stream without one.
const BZIP2: &[u8] = b"BZh";
const BZIP2_BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const BZIP2_END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];

fn begins(bytes: &[u8], magic: &[u8]) -> Option<bool> {
    let shared = bytes.len().min(magic.len());
    if bytes[..shared] != magic[..shared] { None } else { Some(shared == magic.len()) }
}

/// Whether a bzip2 stream begins with `bytes`; `None` when it certainly does not.
fn begins_bzip2(bytes: &[u8]) -> Option<bool> {
    begins(bytes, BZIP2)?;
    if !bytes.get(3).is_none_or(|size| matches!(size, b'1'..=b'9')) {
        return None;
    }
    let rest = bytes.get(4..).unwrap_or_default();
    begins(rest, &BZIP2_BLOCK).or(begins(rest, &BZIP2_END))
}

/// The same of the legacy format of lzma, which has no magic: what its writers put there is taken for it (lc 3, lp 0,
/// pb 2; a dictionary of 2^n or 2^n + 2^(n-1) bytes, from 4 KiB on; no size, or one under 256 GiB), and no text begins so.
fn begins_lzma(bytes: &[u8]) -> Option<bool> {
    begins(bytes, &LZMA)?;
    let Some(header) = bytes.first_chunk::<13>() else { return Some(false) };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let size = u64::from_le_bytes(header[5..].try_into().expect("eight bytes"));
    let top = dictionary.checked_ilog2()?;
    let round = dictionary == 1 << top || (top > 0 && dictionary == 3 << (top - 1));
    (dictionary >= 4 << 10 && round && (size == u64::MAX || size < 1 << 38)).then_some(true)
}

/// The same of zlib (RFC 1950): deflate with a window of 32 KiB, no dictionary, the header's own check, and a first block
/// of a kind that there is. Of the four headers the one that is text (`x^`) is not taken for it.
fn begins_zlib(bytes: &[u8]) -> Option<bool> {
    begins(bytes, &[0x78])?;
    match bytes {
        [_, 0x01 | 0x9c | 0xda, block, ..] => (block & 6 != 6).then_some(true),
        [_, 0x01 | 0x9c | 0xda] | [_] => Some(false),
        _ => None,
    }
}

/// What `bytes` begin with. `first` in a file, or after a member: what has no magic of its own is looked for only at first.
pub(crate) fn sniff(bytes: &[u8], first: bool) -> Sniff {
    let skippable = match bytes.first() {
        Some(0x50..=0x5f) => begins(&bytes[1..], &SKIPPABLE),
        _ => None,
    };
    let mut short = bytes.is_empty();
    for (codec, begins) in [
        (Codec::Gzip, begins(bytes, &GZIP)),
        (Codec::Zstd, begins(bytes, &ZSTD).or(skippable)),
        (Codec::Bzip2, begins_bzip2(bytes)),
        (Codec::Xz, begins(bytes, &xz::MAGIC)),
        (Codec::Lz4, begins(bytes, &lz4::MAGIC)),
        (Codec::Lz4Legacy, begins(bytes, &lz4::LEGACY)),
        (Codec::Snappy, begins(bytes, snappy::MAGIC)),
        (Codec::Lzop, begins(bytes, &lzop::MAGIC)),
        (Codec::Lzma, if first { begins_lzma(bytes) } else { None }),
        (Codec::Zlib, if first { begins_zlib(bytes) } else { None }),
    ] {
        match begins {
            Some(true) => return Sniff::Codec(codec),
            Some(false) => short = true,
            None => {}
        }
    }
    if short { Sniff::Short } else { Sniff::Other }
}

/// The codec of which `bytes`, the last of a file and too few to tell, are the beginning, where nothing else begins so.
pub(crate) fn beginning(bytes: &[u8]) -> Option<Codec> {
    let magics: [(Codec, &[u8], usize); 8] = [
        (Codec::Gzip, &GZIP, 2),
        (Codec::Zstd, &ZSTD, 2),
        (Codec::Xz, &xz::MAGIC, 3),
        (Codec::Lzma, &LZMA, 3),
        (Codec::Lz4, &lz4::MAGIC, 2),
        (Codec::Lz4Legacy, &lz4::LEGACY, 2),
        (Codec::Snappy, snappy::MAGIC, 2),
        (Codec::Lzop, &lzop::MAGIC, 2),
    ];
    let enough = |(_, magic, least): &(Codec, &[u8], usize)| bytes.len() >= *least && begins(bytes, magic).is_some();
    magics.into_iter().find(enough).map(|(codec, _, _)| codec)
}

/// What was found after damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A member, frame or stream of its own.
    Magic,
    /// A block of the stream of xz under way.
    Block,
}

/// Where decoding may begin again in `bytes`, after damage: the place of the first magic in them that is there whole, or
/// `within_xz` of the first header of a block; else how many bytes at the front cannot be part of either.
pub(crate) fn resume(bytes: &[u8], within_xz: bool) -> Result<(usize, Found), usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| may_resume(*byte, within_xz)).map(|at| from + at) {
        let rest = &bytes[at..];
        if within_xz {
            match xz::begins_block(rest) {
                Some(true) => return Ok((at, Found::Block)),
                None => return Err(at),
                Some(false) => {}
            }
        }
        if FIRST.contains(&rest[0]) {
            if rest.len() < LONGEST {
                return Err(at);
            }
            if is_magic(rest) {
                return Ok((at, Found::Magic));
            }
        }
        from = at + 1;
    }
    Err(bytes.len())
}

/// The first bytes of the magics after damage.
const FIRST: [u8; 8] =
    [GZIP[0], ZSTD[0], BZIP2[0], xz::MAGIC[0], lz4::MAGIC[0], lz4::LEGACY[0], snappy::MAGIC[0], lzop::MAGIC[0]];

fn may_resume(byte: u8, within_xz: bool) -> bool {
    FIRST.contains(&byte) || (within_xz && (1..BLOCK_HEADER / 4).contains(&usize::from(byte)))
}

/// Whether `rest`, at least [`LONGEST`] bytes, begins with a magic: more of it is asked than of a file's first bytes.
fn is_magic(rest: &[u8]) -> bool {
    // RFC 1952: reserved flags are 0; XFL is 0, 2 or 4; known systems go up to 13, and 255.
    let gzip =
        rest.starts_with(&GZIP) && rest[3] < 0x20 && matches!(rest[8], 0 | 2 | 4) && matches!(rest[9], 0..=13 | 255);
    // The stream flags: one byte of 0, and one of 16 checks.
    let xz = rest.starts_with(&xz::MAGIC) && rest[6] == 0 && rest[7] < 16;
    let magics = [&ZSTD[..], &lz4::MAGIC, &lz4::LEGACY, snappy::MAGIC, &lzop::MAGIC];
    gzip || xz || magics.iter().any(|magic| rest.starts_with(magic)) || begins_bzip2(rest) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        for (bytes, first, expected) in [
            (&b""[..], true, Sniff::Short),
            (b"\x1f", true, Sniff::Short),
            (b"\x1f\x8b", true, Sniff::Short),
            (b"\x1f\x8b\x08", true, Sniff::Codec(Codec::Gzip)),
            (b"\x1f\x8b\x07", true, Sniff::Other),
            (b"\x28\xb5\x2f\xfd", true, Sniff::Codec(Codec::Zstd)),
            (b"\x53\x2a\x4d\x18", true, Sniff::Codec(Codec::Zstd)),
            (b"S*M", true, Sniff::Short),
            (b"Started", true, Sniff::Other),
            (b"BZh9", true, Sniff::Short),
            (b"BZhello", true, Sniff::Other),
            (b"BZh91AY&SY", true, Sniff::Codec(Codec::Bzip2)),
            (b"BZh91AY&SY", false, Sniff::Codec(Codec::Bzip2)),
            (b"BZh9\x17\x72\x45\x38\x50\x90", true, Sniff::Codec(Codec::Bzip2)),
            (b"BZh01AY&SY", true, Sniff::Other),
            (b"\xfd7zXZ\0", true, Sniff::Codec(Codec::Xz)),
            (b"\xfd7zXZ", false, Sniff::Short),
            (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", true, Sniff::Codec(Codec::Lzma)),
            (b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff", false, Sniff::Other),
            (b"\x5d\0\0\x80\0\0\x10\0\0\0\0\0\0", true, Sniff::Codec(Codec::Lzma)),
            (b"\x5d\0\0\x81\0\0\x10\0\0\0\0\0\0", true, Sniff::Other),
            (b"\x5d\0\0\x80\0", true, Sniff::Short),
            (b"[INFO]", true, Sniff::Other),
            (b"\x04\x22\x4d\x18", true, Sniff::Codec(Codec::Lz4)),
            (b"\x02\x21\x4c\x18", false, Sniff::Codec(Codec::Lz4Legacy)),
            (b"\xff\x06\0\0sNaPpY", false, Sniff::Codec(Codec::Snappy)),
            (b"\x89LZO\0\r\n\x1a\n", false, Sniff::Codec(Codec::Lzop)),
            (b"\x89PNG", true, Sniff::Other),
            (b"x\x9c\x01", true, Sniff::Codec(Codec::Zlib)),
            (b"x\x9c\x06", true, Sniff::Other),
            (b"x\x9c", true, Sniff::Short),
            (b"x\x9c\x01", false, Sniff::Other),
            (b"x^2", true, Sniff::Other),
            (b"2026-11-22", true, Sniff::Other),
            (b"\0", false, Sniff::Other),
        ] {
            assert_eq!(sniff(bytes, first), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_member_is_found_again() {
        let member = b"\x1f\x8b\x08\0\0\0\0\0\0\x03rest";
        assert_eq!(resume(&[b"noise \x1f noise", &member[..]].concat(), false), Ok((13, Found::Magic)));
        assert_eq!(resume(b"noise\x04\x22\x4d\x18\x40\x40\xc0\0\0\0", false), Ok((5, Found::Magic)));
        assert_eq!(resume(b"noise\xff\x06\0\0sNaPpY", false), Ok((5, Found::Magic)));
        assert_eq!(resume(b"noise\x89LZO\0\r\n\x1a\n\x10", false), Ok((5, Found::Magic)));
        assert_eq!(resume(b"BZh BZh91AY&SY", false), Ok((4, Found::Magic)));
        assert_eq!(resume(b"noise\xfd7zXZ\0\0\x04\xe6\xd6", false), Ok((5, Found::Magic)));
        assert_eq!(resume(b"nothing at all", false), Err(14));
        assert_eq!(resume(b"held back: \x1f\x8b\x08", false), Err(11));
    }
}
