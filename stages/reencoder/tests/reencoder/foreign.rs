//! Lines in another encoding than their file's are counted, and the first is named.

use crate::seen::*;
use encoding_rs::{Encoding, WINDOWS_1252};
use encoding_rs::{GB18030, SHIFT_JIS};
use logmill_core::{End, Plan};

/// What the evidence says of foreign lines; the same however the file comes.
fn told(plan: &Plan, bytes: &[u8]) -> String {
    let whole = run_pieces(plan.clone(), [bytes], Some(End::Complete));
    for size in [1, 2, 3, 50] {
        assert_eq!(run_pieces(plan.clone(), bytes.chunks(size), Some(End::Complete)), whole, "in pieces of {size}");
    }
    let evidence = whole.closed().evidence;
    evidence.split_once("; ").map_or(String::new(), |(_, told)| told.to_owned())
}

fn fixed(label: &str) -> Plan {
    Plan { encoding: Some(label.into()), ..small(64, 32) }
}

#[test]
fn malformed_lines_of_utf8() {
    for (bytes, expected) in [
        (&b"a\nb\n"[..], ""),
        ("短\n".as_bytes(), ""),
        (b"a\n\xff b \xff\nc\n", "1 line in another encoding: line 2"),
        (b"\xff\n\xe4\xb8\nc\n\xff\xff", "3 lines in another encoding, the first is line 1"),
        (b"\n\n\n\xe4\xb8", "1 line in another encoding: line 4"),
    ] {
        assert_eq!(told(&fixed("utf-8"), bytes), expected, "{bytes:x?}");
    }
    // Within parts of one long line it stays one line.
    let long = [&b"a\n"[..], &b"x\xff".repeat(100), b"\n\xff\n"].concat();
    assert_eq!(told(&fixed("utf-8"), &long), "2 lines in another encoding, the first is line 2");
}

#[test]
fn lines_of_utf8_in_a_legacy_encoding() {
    let utf8 = "支付完成\n".as_bytes();
    let long = "支付完成".repeat(30) + "\n";
    for (label, legacy, bytes) in [
        ("gbk", GB18030, utf8),
        ("gb18030", GB18030, utf8),
        ("gb18030", GB18030, long.as_bytes()),
        ("shift_jis", SHIFT_JIS, "完了\n".as_bytes()),
        ("windows-1252", WINDOWS_1252, "café\n".as_bytes()),
        ("cp437", WINDOWS_1252, "café".as_bytes()),
    ] {
        let own = own_line(legacy);
        let sound = [b"ascii\n", &own[..], b"\n", &own].concat();
        assert_eq!(told(&fixed(label), &sound), "", "{label}");
        let mixed = [&sound, bytes].concat();
        assert_eq!(told(&fixed(label), &mixed), "1 line in another encoding: line 5", "{label}");
        let mixed = [&sound, &bytes[..bytes.len() - 1], b"\xff\n", utf8, b"ascii\n", utf8].concat();
        assert_eq!(told(&fixed(label), &mixed), "2 lines in another encoding, the first is line 6", "{label}");
    }
}

fn own_line(encoding: &'static Encoding) -> Vec<u8> {
    let text = if encoding.is_single_byte() { "naïve café\n" } else { "完了 一二\n" };
    encoding.encode(text).0.into_owned()
}

/// In GBK these characters are sequences of two bytes in UTF-8.
#[test]
fn what_only_happens_to_be_utf8_does_not_count() {
    let bytes = GB18030.encode("模拢\n").0;
    assert!(std::str::from_utf8(&bytes).is_ok());
    assert_eq!(told(&fixed("gbk"), &bytes), "");
}

#[test]
fn other_encodings_are_not_looked_at() {
    for label in ["utf-16le", "utf-32", "iso-2022-jp", "iso-2022-kr", "cp500"] {
        assert_eq!(told(&fixed(label), "支付完成\n".as_bytes()), "", "{label}");
    }
}

#[test]
fn in_what_is_recognised_too() {
    let gbk = GB18030.encode(CHINESE).0.repeat(100);
    let ascii = b"ascii\n".repeat(1000);
    // Behind the window that decides, and within it: there the line would rule GB18030 out.
    for (bytes, line) in [
        ([&ascii[..], &gbk.repeat(4), CHINESE.as_bytes()].concat(), 1401),
        ([&ascii[..], &gbk, CHINESE.as_bytes(), &gbk].concat(), 1101),
    ] {
        let closed = run_cut(&Plan::default(), &bytes).closed();
        assert_eq!(closed.found, "gb18030", "{}", closed.evidence);
        let told = format!("; 1 line in another encoding: line {line}");
        assert!(closed.evidence.ends_with(&told), "{}", closed.evidence);
    }
}
