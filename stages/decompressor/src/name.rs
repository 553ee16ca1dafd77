//! What a file's name says of it, where its first bytes have no magic.

use crate::hadoop::{self, Raw};
use crate::magic::Codec;
use crate::member::{Member, Then};

/// How many of a file's first bytes are looked at: enough that hardly anything else decodes.
pub(crate) const PROBE: usize = 256;

/// The largest window that a look asks for; no stream of brotli has a larger one.
const WINDOW_LOG: u32 = 24;
/// What is decoded at a time for a look, and how often.
const ROOM: usize = 16 << 10;
const ROOMS: usize = 64;

/// The codecs that a name's ending suggests, the likeliest first.
pub(crate) fn suggested(path: &str) -> &'static [Codec] {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is = |name: &str| ending.eq_ignore_ascii_case(name);
    match () {
        () if is("br") => &[Codec::Brotli],
        () if is("deflate") => &[Codec::Zlib, Codec::Deflate],
        () if is("snappy") => &[Codec::HadoopSnappy],
        () if is("lz4") => &[Codec::HadoopLz4],
        () if is("lzo_deflate") => &[Codec::HadoopLzo],
        () => &[],
    }
}

/// Whether a file of `codec` may begin with `bytes`, or be them where they are `all` of it.
pub(crate) fn may_begin(codec: Codec, bytes: &[u8], all: bool) -> bool {
    let hadoop = |raw| hadoop::may_begin(raw, bytes, all) && (has_control(bytes) || bytes == [0; 4]);
    match codec {
        Codec::HadoopSnappy => hadoop(Raw::Snappy),
        Codec::HadoopLz4 => hadoop(Raw::Lz4),
        Codec::HadoopLzo => hadoop(Raw::Lzo),
        _ => decodes(Member::new(codec, WINDOW_LOG), bytes, all),
    }
}

/// Whether `bytes` decode without damage; where they are all of a file and wanted more, whether they are no text at least.
fn decodes(mut member: Member, bytes: &[u8], all: bool) -> bool {
    member.end_input(); // it is not to wait for more
    let (mut at, mut room) = (0, Vec::with_capacity(ROOM));
    for _ in 0..ROOMS {
        room.clear();
        let step = member.step(&bytes[at..], &mut room);
        at += step.read;
        match step.then {
            Then::GoOn if step.read == 0 && room.len() < room.capacity() => return has_control(bytes),
            Then::GoOn => {}
            Then::Ended => return !all || at == bytes.len(),
            Then::Corrupt(_) | Then::Unplaced(_) | Then::Lost { .. } => return false,
            Then::TooLarge(_) | Then::TooMuch(_) => return true,
        }
    }
    true
}

/// Whether there is a byte that no text has (UTF-16 has NULs): hardly any compressed data has none.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, 1..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, expected) in [
            ("/logs/a.br", &[Codec::Brotli][..]),
            ("/logs/A.BR", &[Codec::Brotli]),
            ("part-00000.deflate", &[Codec::Zlib, Codec::Deflate]),
            ("a.snappy", &[Codec::HadoopSnappy]),
            ("a.lz4", &[Codec::HadoopLz4]),
            ("a.log.lzo_deflate", &[Codec::HadoopLzo]),
            ("a.lzo", &[]),
            ("br", &[]),
            ("a.br/log", &[]),
            ("a.snappy.log", &[]),
            ("", &[]),
        ] {
            assert_eq!(suggested(path), expected, "{path}");
        }
    }

    #[test]
    fn no_text_is_taken_for_what_its_name_says() {
        let texts =
            ["", "\n", "hi\n", "2026-11-22 10:00:00 INFO started\n", "<13>1 2026-11-22", "{\"a\": 1}", "作业已提交\n"];
        let utf16 = "2026-11-22 10:00:00".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let long = texts.concat().repeat(9);
        for text in texts.iter().map(|text| text.as_bytes()).chain([&utf16[..], long.as_bytes()]) {
            for codec in ["a.br", "a.deflate", "a.snappy", "a.lz4", "a.lzo_deflate"].into_iter().flat_map(suggested) {
                let first = &text[..text.len().min(PROBE)];
                assert!(!may_begin(*codec, first, first.len() == text.len()), "{codec:?}: {text:?}");
            }
        }
    }
}
