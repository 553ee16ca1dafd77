//! What the first bytes of a file, or of what follows a member, say.

/// The compressions that this stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// RFC 1952.
    Gzip,
    /// RFC 8878; its skippable frames too.
    Zstd,
}

impl Codec {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
        }
    }

    /// What a self-contained piece of it is called.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Codec::Gzip => "member",
            Codec::Zstd => "frame",
        }
    }
}

/// What bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniff {
    /// They may become one of the known beginnings.
    Short,
    Codec(Codec),
    /// A compression that logmill knows by sight and cannot read.
    Foreign(&'static str),
    Other,
}

/// The bytes that decide, at most.
pub(crate) const LONGEST: usize = 10;

const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878, 3.1.2: any first byte from 0x50 to 0x5f.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// bzip2: block size from `1` to `9` and the first block's magic in between.
const FOREIGN: [(&str, &[u8]); 3] =
    [("xz", &[0xfd, b'7', b'z', b'X', b'Z', 0]), ("lz4", &[0x04, 0x22, 0x4d, 0x18]), ("snappy", b"\xff\x06\0\0sNaPpY")];
const BZIP2: (&[u8], &[u8]) = (b"BZh", &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59]);

fn begins(bytes: &[u8], magic: &[u8]) -> Option<bool> {
    let shared = bytes.len().min(magic.len());
    if bytes[..shared] != magic[..shared] { None } else { Some(shared == magic.len()) }
}

/// What `bytes` begin with. `first` in a file, or after a member: a foreign codec is looked for only at first.
pub(crate) fn sniff(bytes: &[u8], first: bool) -> Sniff {
    let mut short = bytes.is_empty();
    let mut see = |magic: &[u8], at: usize| match begins(bytes.get(at..).unwrap_or_default(), magic) {
        Some(true) => true,
        Some(false) => {
            short = true;
            false
        }
        None => false,
    };
    if see(&GZIP, 0) {
        return Sniff::Codec(Codec::Gzip);
    }
    if see(&ZSTD, 0) || (matches!(bytes.first(), Some(0x50..=0x5f)) && see(&SKIPPABLE, 1)) {
        return Sniff::Codec(Codec::Zstd);
    }
    if first {
        for (name, magic) in FOREIGN {
            if see(magic, 0) {
                return Sniff::Foreign(name);
            }
        }
        if begins(bytes, BZIP2.0).is_some() && bytes.get(3).is_none_or(u8::is_ascii_digit) && see(BZIP2.1, 4) {
            return Sniff::Foreign("bzip2");
        }
    }
    if short { Sniff::Short } else { Sniff::Other }
}

/// Where a member or frame may begin again in `bytes`, after damage: the place of the first magic in them that is
/// there whole, else how many bytes at the front cannot be part of one.
pub(crate) fn resume(bytes: &[u8]) -> Result<usize, usize> {
    for at in memchr::memchr2_iter(GZIP[0], ZSTD[0], bytes) {
        let rest = &bytes[at..];
        if rest.len() < LONGEST {
            return Err(at);
        }
        // RFC 1952: reserved flags are 0; XFL is 0, 2 or 4; known systems go up to 13, and 255.
        let gzip = rest.starts_with(&GZIP)
            && rest[3] < 0x20
            && matches!(rest[8], 0 | 2 | 4)
            && matches!(rest[9], 0..=13 | 255);
        if gzip || rest.starts_with(&ZSTD) {
            return Ok(at);
        }
    }
    Err(bytes.len())
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
            (b"BZh91AY&SY", true, Sniff::Foreign("bzip2")),
            (b"BZh91AY&SY", false, Sniff::Other),
            (b"\xfd7zXZ\0", true, Sniff::Foreign("xz")),
            (b"2026-11-22", true, Sniff::Other),
            (b"\0", false, Sniff::Other),
        ] {
            assert_eq!(sniff(bytes, first), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_member_is_found_again() {
        let member = b"\x1f\x8b\x08\0\0\0\0\0\0\x03rest";
        assert_eq!(resume(&[b"noise \x1f noise", &member[..]].concat()), Ok(13));
        assert_eq!(resume(b"nothing at all"), Err(14));
        assert_eq!(resume(b"held back: \x1f\x8b\x08"), Err(11));
    }
}
