//! Every encoding against what other programs say (fixtures/README.md), whole and cut anywhere.

use logmill_encodings::{Decoder, Encoding, Family, Stop};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Decodes pieces, with little room in the output. Gives the text, with U+FFFD for what is malformed, and how often.
fn decode_pieces<'a>(encoding: &Encoding, pieces: impl IntoIterator<Item = &'a [u8]>, room: usize) -> (String, u64) {
    let mut decoder = encoding.new_decoder();
    let (mut text, mut malformed) = (Vec::new(), 0);
    let mut to = vec![0; room];
    let pieces = pieces.into_iter().map(|piece| (piece, false)).chain([(&b""[..], true)]);
    for (mut bytes, last) in pieces {
        loop {
            let (stop, read, written) = decoder.decode(bytes, &mut to, last);
            text.extend_from_slice(&to[..written]);
            bytes = &bytes[read..];
            match stop {
                Stop::Read => break,
                Stop::Full => assert!(read + written > 0, "{encoding:?} makes no progress"),
                Stop::Malformed => {
                    malformed += 1;
                    text.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
        }
        assert!(bytes.is_empty());
    }
    (String::from_utf8(text).expect("what is decoded is UTF-8"), malformed)
}

fn decode(encoding: &Encoding, bytes: &[u8]) -> (String, u64) {
    let whole = decode_pieces(encoding, [bytes], 4096);
    assert_eq!(decode_pieces(encoding, bytes.chunks(1), Decoder::ROOM), whole, "{encoding:?} byte by byte");
    whole
}

fn named(name: &str) -> &'static Encoding {
    Encoding::for_label(name).unwrap_or_else(|| panic!("{name} is a label"))
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn texts_of_other_programs() {
    let mut files: BTreeMap<&str, (Vec<u8>, String)> = BTreeMap::new();
    for line in include_str!("fixtures/texts.tsv").lines() {
        let [name, bytes, text] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("three columns") };
        let bytes = hex(bytes);
        assert_eq!(decode(named(name), &bytes), (text.to_owned(), 0), "{name}");
        let file = files.entry(named(name).name()).or_default();
        file.0.extend(bytes);
        file.1.push_str(text);
    }
    for (name, (bytes, text)) in &files {
        assert_eq!(decode(named(name), bytes), (text.clone(), 0), "{name}");
    }
    let pages: BTreeSet<_> = pages().into_iter().map(|(encoding, _)| encoding.name()).collect();
    let untried: Vec<_> =
        Encoding::all().map(Encoding::name).filter(|n| !files.contains_key(n) && !pages.contains(n)).collect();
    assert_eq!(untried, ["x-user-defined"], "no other program has it");
}

/// What each of the 256 bytes means.
fn pages() -> Vec<(&'static Encoding, Vec<char>)> {
    let chars = |list: &str| {
        list.split(' ').map(|c| char::from_u32(u32::from_str_radix(c, 16).unwrap()).unwrap()).collect::<Vec<_>>()
    };
    let lines = include_str!("fixtures/pages.tsv").lines();
    lines.map(|line| line.split_once('\t').unwrap()).map(|(name, list)| (named(name), chars(list))).collect()
}

#[test]
fn all_bytes_of_all_pages() {
    for (encoding, chars) in pages() {
        assert_eq!(chars.len(), 256);
        for (byte, expected) in (0..=255).zip(&chars) {
            let malformed = u64::from(*expected == '\u{fffd}');
            assert_eq!(decode(encoding, &[byte]), (expected.to_string(), malformed), "{byte:#x} of {encoding:?}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encoding, &all).0, chars.iter().collect::<String>());
    }
}

#[test]
fn single_bytes_of_the_standard_are_one_character_each() {
    for encoding in Encoding::all().filter(|e| e.family() == Family::SingleByte) {
        for byte in 0..=255 {
            let (text, malformed) = decode(encoding, &[byte]);
            assert_eq!((text.chars().count(), malformed), (1, u64::from(text == "\u{fffd}")), "{encoding:?}");
            assert!(byte >= 0x80 || text.as_bytes() == [byte], "ASCII is ASCII in {encoding:?}");
        }
    }
}

#[test]
fn labels_mean_one_encoding_and_are_those_of_the_standard() {
    let mut seen = BTreeMap::new();
    for encoding in Encoding::all() {
        for label in encoding.labels() {
            assert_eq!(label, label.to_lowercase());
            assert_eq!(seen.insert(label, encoding.name()), None, "{label} is of two");
            assert_eq!(Encoding::for_label(&format!(" {}\n", label.to_uppercase())), Some(encoding));
            let standard = encoding_rs::Encoding::for_label(label.as_bytes());
            if let Some(standard) = standard.filter(|standard| *standard != encoding_rs::REPLACEMENT) {
                assert_eq!(standard.name().to_lowercase(), encoding.name(), "{label}");
            }
        }
    }
    for (label, name) in [
        ("latin1", "windows-1252"),
        ("ascii", "windows-1252"),
        ("UTF8", "utf-8"),
        ("utf-16", "utf-16le"),
        ("utf-32", "utf-32le"),
        ("cp437", "ibm437"),
        ("437", "ibm437"),
        ("CP850", "ibm850"),
        ("IBM00858", "ibm858"),
        ("cp866", "ibm866"),
        ("cp874", "windows-874"),
        ("EBCDIC-CP-US", "ibm037"),
        ("cp037", "ibm037"),
        ("ibm01140", "ibm1140"),
        ("ISO-2022-KR", "iso-2022-kr"),
    ] {
        assert_eq!(named(label).name(), name, "{label}");
    }
    for label in ["", "replacement", "utf-7", "hz-gb-2312", "cp", "gbq"] {
        assert_eq!(Encoding::for_label(label), None, "{label:?}");
    }
}

#[test]
fn families() {
    for (name, family) in [
        ("utf-8", Family::Utf8),
        ("utf-16be", Family::Utf16),
        ("utf-32le", Family::Utf32),
        ("gb18030", Family::MultiByte),
        ("shift_jis", Family::MultiByte),
        ("iso-2022-jp", Family::Iso2022),
        ("iso-2022-cn", Family::Iso2022),
        ("windows-1252", Family::SingleByte),
        ("x-user-defined", Family::SingleByte),
        ("cp437", Family::SingleByte),
        ("cp500", Family::Ebcdic),
    ] {
        assert_eq!(named(name).family(), family, "{name}");
    }
}

#[test]
fn lines_of_ebcdic_end_with_nel_or_lf() {
    let bytes = b"\xc1\x81\x15\xc2\x82\x25\x0d\x15\xf1";
    for (encoding, _) in pages().into_iter().filter(|(encoding, _)| encoding.family() == Family::Ebcdic) {
        if encoding.name() != "ibm875" {
            assert_eq!(decode(encoding, bytes), ("Aa\nBb\n\r\n1".into(), 0), "{encoding:?}");
        }
    }
}

#[test]
fn what_is_malformed() {
    for (name, bytes, text) in [
        ("utf-32le", &b"a\0\0\0\0\0\x11\0b\0\0\0"[..], "a\u{fffd}b"),
        ("utf-32be", b"\0\0\xd8\0\0\0\0a", "\u{fffd}a"),
        ("utf-32be", b"\0\0\0a\0\0\0", "a\u{fffd}"),
        ("utf-32le", b"\xff\xfe\0\0a\0\0\0", "\u{feff}a"),
        ("utf-16le", b"a\0\x00\xd8b\0b", "a\u{fffd}b\u{fffd}"),
        // A line end ends what is cut, and switches back to ASCII.
        ("iso-2022-kr", b"\x1b$)C\x0e\x30\x21\x30\nabc\n", "가\u{fffd}\nabc\n"),
        ("iso-2022-kr", b"\x0e\x30\x21\x30", "가\u{fffd}"),
        ("iso-2022-kr", b"\xb0\xa1", "\u{fffd}\u{fffd}"),
        // A colour, within two-byte characters too; a set that is not known.
        ("iso-2022-kr", b"\x1b[31mred\x1b[0m", "\u{1b}[31mred\u{1b}[0m"),
        ("iso-2022-kr", b"\x1b$)A\x1b$x", "\u{fffd}A\u{fffd}x"),
        ("iso-2022-kr", b"\x1b$", "\u{fffd}"),
        ("iso-2022-cn", b"\x1b$)A\x0e\x56\x50\x0f x\n", "中 x\n"),
        ("iso-2022-cn", b"\x1b$)G\x0e\x45\x63\x1b$)A\x56\x50\n", "\u{fffd}中\n"),
        ("iso-2022-cn", b"\x1b$*H\x1bN\x45\x63a\n", "\u{fffd}a\n"),
        ("iso-2022-cn", b"\x1bN\n", "\u{fffd}\n"),
        ("iso-2022-cn", b"\x0e \x56\x50\t\x56", " 中\t\u{fffd}"),
        ("iso-2022-jp", b"\x1b$B4A;z\x1b(B\xff", "漢字\u{fffd}"),
    ] {
        let (decoded, malformed) = decode(named(name), bytes);
        assert_eq!((decoded.as_str(), malformed), (text, text.matches('\u{fffd}').count() as u64), "{name} {bytes:x?}");
    }
}

fn any_encoding() -> impl Strategy<Value = &'static Encoding> {
    proptest::sample::select(Encoding::all().collect::<Vec<_>>())
}

/// Bytes that mean something in one or the other.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "[ -~]{0,9}".prop_map(String::into_bytes),
        proptest::sample::select(vec![
            &b"\x0e"[..],
            b"\x0f",
            b"\x1b",
            b"\x1b$)C",
            b"\x1b$)A",
            b"\x1bN",
            b"\n",
            b"\0\0\0"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cuts do not show, nor how much room there is; and a beginning decodes as it does within the whole.
    #[test]
    fn cuts_do_not_show(
        encoding in any_encoding(),
        bytes in any_bytes(),
        size in 1usize..9,
        room in Decoder::ROOM..99,
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = decode_pieces(encoding, [&bytes[..]], 4096);
        prop_assert_eq!(&decode_pieces(encoding, bytes.chunks(size), room), &whole);
        let (beginning, _) = decode_pieces(encoding, [&bytes[..cut.index(bytes.len() + 1)]], 4096);
        let sound = beginning.trim_end_matches('\u{fffd}');
        prop_assert!(whole.0.starts_with(sound), "{:?} {:?}", beginning, whole.0);
    }
}
