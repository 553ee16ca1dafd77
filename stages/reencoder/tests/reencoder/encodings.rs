//! Encodings that the Encoding Standard does not have, by name and recognised; and all of them, cut anywhere.

use crate::seen::*;
use encoding_rs::GB18030;
use logmill_core::{End, Plan};
use logmill_encodings::{Encoding, Family};
use proptest::prelude::*;

fn utf32(text: &str, unit: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.chars().flat_map(|c| unit(c.into())).collect()
}

fn fixed(label: &str) -> Plan {
    Plan { encoding: Some(label.into()), ..Plan::default() }
}

#[test]
fn utf32_is_recognised() {
    let text = format!("plain first line\n{}", CHINESE.repeat(40));
    for (unit, name) in [(u32::to_le_bytes as fn(u32) -> [u8; 4], "utf-32le"), (u32::to_be_bytes, "utf-32be")] {
        let bytes = utf32(&text, unit);
        let evidence = check(&bytes, &text, name).evidence;
        assert_eq!(evidence, "three NULs in 16 of the first 16 groups of four bytes");
        let marked = [utf32("\u{feff}", unit), bytes].concat();
        assert_eq!(check(&marked, &text, name).evidence, "byte order mark");
        for short in ["ab", "短文\nab, cd"] {
            check(&utf32(short, unit), short, name);
        }
        check(&utf32("\u{feff}", unit), "", name);
    }
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn units_of_other_letters_than_ascii_show_their_encoding() {
    let two = [(u16::to_le_bytes as fn(u16) -> [u8; 2], "utf-16le"), (u16::to_be_bytes, "utf-16be")];
    let four = [(u32::to_le_bytes as fn(u32) -> [u8; 4], "utf-32le"), (u32::to_be_bytes, "utf-32be")];
    for text in [
        "10:00:00 INFO 一个作业已提交，等待另一个\n", // the NUL of U+4E00 is on the other side
        "Служба запущена\n",
        "служба",
        "Η υπηρεσία ξεκίνησε – πάλι\n",
        "השירות הופעל\n",
        "تم تشغيل الخدمة\n",
        "บริการเริ่มทำงานแล้ว\n",
        "Dịch vụ đã được khởi động\n",
        "服务已经启动，所有节点恢复响应。\n内存不足，作业在队列中等待资源。\n",
        "夜間の保守のあとサービスを起動しました。すべてのノードが応答しています。\n",
        "야간 점검이 끝난 뒤 서비스를 시작했으며 모든 노드가 다시 응답합니다.\n",
    ] {
        for (unit, name) in two {
            check(&utf16(text, unit), text, name);
        }
        for (unit, name) in four {
            check(&utf32(text, unit), text, name);
        }
    }
    let evidence = |text| check(&utf16(text, u16::to_le_bytes), text, "utf-16le").evidence;
    assert_eq!(evidence("служба\n"), "the first 7 pairs of bytes are letters");
    assert_eq!(evidence("服务已经启动一切\n"), "the first 9 pairs of bytes are ideographs, kana or syllables");
}

#[test]
fn what_looks_like_units_of_two_bytes_and_is_text() {
    let text = "служба запущена, все узлы отвечают\n";
    for (bytes, text, name) in [
        (&b"bush hid the facts\n"[..], "bush hid the facts\n", "utf-8"), // four ideographs and more
        (
            b"user\x01login\x01failed\x01worker\x01seven\x01twice\n",
            "user\x01login\x01failed\x01worker\x01seven\x01twice\n",
            "utf-8",
        ),
        (b"\n\n\n\n\n\n\n\n\n\n", "\n\n\n\n\n\n\n\n\n\n", "utf-8"),
        (&encoding_rs::WINDOWS_1251.encode(text).0, text, "windows-1251"),
        (&encoding_rs::KOI8_U.encode(text).0, text, "koi8-u"),
        (&GB18030.encode("服务已经启动，所有节点恢复响应。").0, "服务已经启动，所有节点恢复响应。", "gb18030"),
        ("服务已经启动，所有节点恢复响应。".as_bytes(), "服务已经启动，所有节点恢复响应。", "utf-8"),
    ] {
        check(bytes, text, name);
    }
}

#[test]
fn too_little_is_no_utf32() {
    for bytes in [&b"a\0\0\0"[..], b"a\0\0\0b\0\x11\0c\0\0\0", b"\0\0\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0"] {
        assert_eq!(run(bytes).closed().found, "utf-8", "{bytes:x?}");
    }
    check(b"a\0b\0c\0d\0", "abcd", "utf-16le");
}

#[test]
fn files_of_the_first_rules_are_read_as_before() {
    let first = |plan: Plan, bytes: &[u8]| {
        run_pieces(Plan { rules: 1, ..plan }, bytes.chunks(1), Some(End::Complete)).closed().found
    };
    assert_eq!(first(Plan::default(), &utf32("\u{feff}ab\n", u32::to_le_bytes)), "utf-16le");
    assert_eq!(first(Plan::default(), &utf32("ab\n", u32::to_le_bytes)), "utf-8");
    assert_eq!(first(fixed("utf-16"), b"\xfe\xff\0a"), "utf-16le");
    let second =
        |bytes: &[u8]| run_pieces(Plan { rules: 2, ..Plan::default() }, [bytes], Some(End::Complete)).closed().found;
    assert_eq!(second(&utf16("служба\n", u16::to_le_bytes)), "utf-8");
    let gbk = GB18030.encode(CHINESE).0.repeat(9);
    assert_eq!(first(Plan::default(), &[&gbk, CHINESE.as_bytes(), &gbk].concat()), "windows-1252");
}

#[test]
fn a_mark_turns_the_byte_order_that_the_plan_fixes() {
    let be: Vec<u8> = "\u{feff}短\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (label, bytes, name) in [
        ("utf-16", be, "utf-16be"),
        ("utf-32", utf32("\u{feff}短\n", u32::to_be_bytes), "utf-32be"),
        ("utf-32be", utf32("\u{feff}短\n", u32::to_le_bytes), "utf-32le"),
    ] {
        let seen = run_pieces(fixed(label), [&bytes[..]], Some(End::Complete));
        let Closed { found, evidence, .. } = seen.closed();
        assert_eq!((seen.text().as_str(), found.as_str()), ("短\n", name));
        assert_eq!(evidence, "fixed by the plan, in the byte order of the mark");
    }
    // The mark of UTF-32 is one of UTF-16 and a NUL, where the plan says UTF-16.
    let seen = run_pieces(fixed("utf-16"), [&b"\xff\xfe\0\0a\0"[..]], Some(End::Complete));
    assert_eq!((seen.text().as_str(), seen.closed().found.as_str()), ("\0a", "utf-16le"));
}

#[test]
fn lines_of_ebcdic_end_with_nel_or_lf() {
    let bytes = b"\xc1\x82\x83\x15\x0d\x15\x25\xf1\xf2";
    let seen = run_pieces(fixed("cp037"), bytes.chunks(1), Some(End::Complete));
    let Closed { lines, malformed, found, evidence, .. } = seen.closed();
    assert_eq!((seen.text().as_str(), lines, malformed), ("Abc\n\r\n\n12", 4, 0));
    assert_eq!((found.as_str(), evidence.as_str()), ("ibm037", "fixed by the plan"));
}

#[test]
fn pages_of_dos_by_name() {
    for (label, letter, text) in [("437", 0x82, "é"), ("cp850", 0xd1, "Ð"), ("IBM852", 0xa4, "Ą")] {
        let seen = run_pieces(fixed(label), [&[0xda, 0xc4, 0xbf, b' ', letter, b'\n'][..]], Some(End::Complete));
        assert_eq!(seen.text(), format!("┌─┐ {text}\n"));
    }
}

fn any_encoding() -> impl Strategy<Value = Option<&'static Encoding>> {
    let all: Vec<_> = std::iter::once(None).chain(Encoding::all().map(Some)).collect();
    proptest::sample::select(all)
}

/// Lines of all kinds, in all encodings at once.
fn any_lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        2 => any_file(),
        1 => "[ -~一-十]{0,9}\n".prop_map(|s| utf32(&s, u32::to_le_bytes)),
        1 => "[ -~]{0,9}\n".prop_map(|s| utf32(&s, u32::to_be_bytes)),
        1 => Just(b"\xc1\x82\x15\xc2\x25\x0e\x0f".to_vec()),
        1 => Just(b"\x1b$)C\x0e\x30\x21\x30\x22\x0f\n\x1bN\x1b[31m\x0e\x30".to_vec()),
        1 => Just("caf\u{e9}, 支付\n".as_bytes().to_vec()),
    ];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// In every encoding: neither text nor counts depend on the cuts of the input, and every line has its number.
    #[test]
    fn cuts_do_not_show(
        encoding in any_encoding(),
        bytes in any_lines(),
        plan in any_plan(),
        size in 1usize..40,
        end in prop_oneof![Just(End::Complete), Just(End::Abort)],
    ) {
        let plan = Plan { encoding: encoding.map(|encoding| encoding.name().to_owned()), ..plan };
        let whole = run_pieces(plan.clone(), [&bytes[..]], Some(end));
        prop_assert_eq!(&run_pieces(plan.clone(), bytes.chunks(size), Some(end)), &whole);
        let closed = whole.closed();
        prop_assert_eq!(closed.lines, whole.text().split_inclusive('\n').count() as u64);
        let replaced = whole.text().matches(char::REPLACEMENT_CHARACTER).count() as u64;
        prop_assert!(closed.malformed <= replaced);
        if let (Some(encoding), false) = (encoding, closed.evidence.contains("mark")) {
            prop_assert_eq!(closed.found, encoding.name());
        }
    }

    /// What came out of a beginning of the file is a beginning of what comes out of the whole.
    #[test]
    fn a_beginning_stands(encoding in any_encoding(), bytes in any_lines(), plan in any_plan(), cut in 0usize..200) {
        let plan = Plan { encoding: encoding.map(|encoding| encoding.name().to_owned()), ..plan };
        let whole = run_pieces(plan.clone(), [&bytes[..]], Some(End::Complete));
        let beginning = run_pieces(plan, bytes[..cut.min(bytes.len())].chunks(7), None);
        prop_assert_eq!(&beginning.chunks[..], &whole.chunks[..beginning.chunks.len()]);
    }

    /// EBCDIC, the pages of DOS, and what is told by escape sequences of its own are never guessed.
    #[test]
    fn some_are_taken_by_name_only(bytes in proptest::collection::vec(0x40u8.., 0..400)) {
        let found = run(&bytes).closed().found;
        let encoding = Encoding::for_label(&found).unwrap();
        prop_assert!(encoding.family() != Family::Ebcdic, "{}", found);
        prop_assert!(!found.starts_with("ibm") || found == "ibm866", "{}", found);
    }
}
