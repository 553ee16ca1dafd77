//! Which encoding a file is in, and what is said of that.

use crate::seen::*;
use encoding_rs::{GB18030, SHIFT_JIS};
use logmill_core::{End, Plan};

#[test]
fn encodings() {
    let text = format!("plain first line\n{}", CHINESE.repeat(40));
    check(text.as_bytes(), &text, "utf-8");
    check(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), &text, "utf-8");
    check(&GB18030.encode(&text).0, &text, "gb18030");
    check(
        &SHIFT_JIS.encode("開始しました。処理を実行しています。\n").0,
        "開始しました。処理を実行しています。\n",
        "shift_jis",
    );
    let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    check(&utf16(u16::to_le_bytes), &text, "utf-16le");
    check(&utf16(u16::to_be_bytes), &text, "utf-16be");
    check(&[b"\xff\xfe", &utf16(u16::to_le_bytes)[..]].concat(), &text, "utf-16le");
    check(&[b"\xfe\xff", &utf16(u16::to_be_bytes)[..]].concat(), &text, "utf-16be");
    check(b"\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n", "utf-8");
    check(b"x\n\x1b$B4A;z\x1b(B\n", "x\n漢字\n", "iso-2022-jp");
}

#[test]
fn a_mark_of_gb18030_is_dropped() {
    for text in ["plain\n".to_owned(), "短\n".to_owned(), CHINESE.repeat(40)] {
        let marked = GB18030.encode(&format!("\u{feff}{text}")).0.into_owned();
        assert!(marked.starts_with(b"\x84\x31\x95\x33"));
        assert_eq!(check(&marked, &text, "gb18030").evidence, "byte order mark");
        for encoding in ["gb18030", "gbk"] {
            let plan = Plan { encoding: Some(encoding.into()), ..Plan::default() };
            assert_eq!(run_pieces(plan, marked.chunks(1), Some(End::Complete)).text(), text);
        }
    }
}

#[test]
fn a_window_grows_until_it_holds_enough() {
    // Two characters in 16 KiB, which alone could be of many encodings.
    let sparse = format!("{}\n{}", "支付", "x".repeat(16 << 10));
    let text = sparse.clone() + &format!("{}\n{CHINESE}", "y".repeat(200)).repeat(40);
    check(&GB18030.encode(&text).0, &text, "gb18030");
}

#[test]
fn ascii_before_the_window_is_not_held_back() {
    let ascii = "a line of ASCII\n".repeat(10_000);
    let gbk = GB18030.encode(CHINESE).0;
    let mut input = ascii.clone().into_bytes();
    for _ in 0..1000 {
        input.extend_from_slice(&gbk);
    }
    check(&input, &(ascii + &CHINESE.repeat(1000)), "gb18030");
}

#[test]
fn too_little_at_first_decides_nothing_for_what_comes_later() {
    let line = "a line of ASCII, as most of a log is\n";
    for (first, far) in [
        ("\u{1b}[31mred\u{1b}[0m\n", line.repeat(10_000)),
        ("\u{1b}[31mred\u{1b}[0m ", format!("{}\u{1b}[31m\n", "x".repeat(700_000))),
        ("é\n", line.repeat(20_000)),
    ] {
        let later = CHINESE.repeat(1000);
        let input = [first.as_bytes(), far.as_bytes(), &GB18030.encode(&later).0].concat();
        let seen = run_cut(&Plan::default(), &input);
        assert!(seen.text() == format!("{first}{far}{later}"), "{}", seen.closed().evidence);
        let Closed { found, evidence, malformed, .. } = seen.closed();
        assert_eq!((found.as_str(), malformed), ("gb18030", 0));
        let from = first.len() + far.len() + CHINESE.find('作').unwrap();
        assert!(evidence.contains("decided from byte "), "{evidence}");
        assert!(first.contains('\u{1b}') || evidence.contains(&format!("from byte {from} on; 2 bytes")), "{evidence}");
    }
}

#[test]
fn what_is_never_enough_to_decide_is_guessed_and_said() {
    let plan = Plan { default_encoding: "gb18030".into(), ..Plan::default() };
    let text = format!("短\n{}短", "a line of ASCII\n".repeat(50_000));
    let seen = run_cut(&plan, &GB18030.encode(&text).0);
    assert!(seen.text() == text);
    let Closed { found, evidence, .. } = seen.closed();
    assert_eq!(found, "gb18030");
    assert!(evidence.contains("never enough to decide; 4 bytes"), "{evidence}");
}

#[test]
fn coloured_ascii_is_not_held_back_to_its_end() {
    let text = "\u{1b}[31mred\u{1b}[0m\n".repeat(100_000);
    let seen = run_pieces(Plan::default(), text.as_bytes().chunks(10_000), None);
    assert!(seen.text().len() + (2 << 20) > text.len(), "{} of {} came out", seen.text().len(), text.len());
    check(text.as_bytes(), &text, "utf-8");
}

#[test]
fn a_plan_fixes_the_encoding() {
    let plan = Plan { encoding: Some("gbk".into()), ..Plan::default() };
    let seen = run_pieces(plan, [&GB18030.encode("短\n").0[..]], Some(End::Complete));
    assert_eq!(seen.text(), "短\n");
    assert_eq!(seen.closed().evidence, "fixed by the plan");
}

#[test]
fn little_evidence_takes_the_default_and_says_so() {
    let plan = Plan { default_encoding: "gb18030".into(), ..Plan::default() };
    let seen = run_pieces(plan, [&GB18030.encode("短\n").0[..]], Some(End::Complete));
    assert_eq!(seen.text(), "短\n");
    assert!(seen.closed().evidence.starts_with("the plan's default: 2 bytes"), "{}", seen.closed().evidence);
}
