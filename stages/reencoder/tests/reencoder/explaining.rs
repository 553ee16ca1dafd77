//! Why a file is not in the other encodings.

use crate::seen::*;
use bytes::Bytes;
use encoding_rs::{BIG5, EUC_KR, GB18030, KOI8_U, SHIFT_JIS, WINDOWS_1252, WINDOWS_1255};
use logmill_core::memory::Run;
use logmill_core::{End, Output, Plan};
use logmill_reencoder::{Candidate, Explaining, Lost, Reencoder};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::mpsc::channel;

/// What comes out, and what is told beside it.
fn explained<'a>(plan: Plan, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Output>, Vec<Lost>) {
    let (to, told) = channel();
    let stage = Explaining(to);
    let mut outputs = Vec::new();
    let mut run = Run::new(&stage, &file(plan));
    for piece in pieces {
        run.push(Bytes::copy_from_slice(piece), |output| outputs.push(output));
    }
    run.end(End::Complete, |output| outputs.push(output));
    let (_, lost) = told.recv().expect("every file is told of");
    assert!(told.try_recv().is_err(), "and once");
    (outputs, lost)
}

/// Without being asked why.
fn plain(plan: Plan, input: &[u8]) -> Vec<Output> {
    let mut outputs = Vec::new();
    let mut run = Run::new(&Reencoder, &file(plan));
    run.push(Bytes::copy_from_slice(input), |output| outputs.push(output));
    run.end(End::Complete, |output| outputs.push(output));
    outputs
}

fn lost(input: &[u8]) -> Vec<Lost> {
    explained(Plan::default(), [input]).1
}

#[track_caller]
fn why<'a>(lost: &'a [Lost], encoding: &str) -> (&'a Candidate, &'a str) {
    let mut all = lost.iter().flat_map(|lost| lost.candidates.iter().map(|one| (one, lost.why.as_str())));
    all.find(|(one, _)| one.encoding == encoding).unwrap_or_else(|| panic!("{encoding}: {lost:?}"))
}

/// The end of the list: why no other is the file's.
#[track_caller]
fn others(lost: &[Lost]) -> &str {
    let last = lost.last().filter(|last| last.candidates.is_empty());
    &last.unwrap_or_else(|| panic!("{lost:?}")).why
}

#[test]
fn where_detection_decides_each_that_it_knows_has_its_reason() {
    for (encoding, text) in [
        (GB18030, CHINESE),
        (BIG5, "作業已提交到叢集，等待資源分配完成後開始執行\n"),
        (SHIFT_JIS, "開始しました。処理を実行しています。\n"),
        (EUC_KR, "작업이 시작되었습니다. 자원을 기다리는 중입니다.\n"),
        (KOI8_U, "ошибка соединения с сервером, повтор\n"),
        (WINDOWS_1252, "Señor Müller: größe, déjà vu, über\n"),
        (WINDOWS_1255, "שלום עולם, זה יומן רישום של השרת.\n"),
    ] {
        let ascii = "plain first line\n";
        let input = encoding.encode(&format!("{ascii}{}", text.repeat(40))).0.into_owned();
        let lost = lost(&input);
        let names: Vec<&str> = lost.iter().flat_map(|lost| &lost.candidates).map(|one| one.encoding).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        // 24 that detection knows without the winner, UTF-8, ISO-2022-JP, two of UTF-16 and two of UTF-32.
        assert_eq!((names.len(), distinct.len()), (29, 29), "{encoding:?}: {lost:?}");
        assert!(others(&lost).contains("never guessed"), "{lost:?}");
        let (utf8, reason) = why(&lost, "utf-8");
        let first = ascii.len() + text.chars().take_while(char::is_ascii).count();
        assert!(utf8.at_byte.is_some_and(|at| at >= first as u64), "{utf8:?}");
        assert!(reason.contains("are not"), "{reason}");
        for one in lost.iter().flat_map(|lost| &lost.candidates).filter(|one| one.score.is_none()) {
            assert!(one.at_byte.is_none_or(|at| at >= first as u64 && at < input.len() as u64), "{one:?}");
        }
    }
}

#[test]
fn what_is_malformed_is_named_by_its_byte_in_the_file() {
    let line = WINDOWS_1252.encode("déjà vu, über größe\n").0.into_owned();
    let input = [b"plain\n", &line.repeat(9)[..]].concat();
    let lost = lost(&input);
    // E9 begins two bytes of EUC-JP, and j is none of them.
    assert_eq!(why(&lost, "euc-jp").0.at_byte, Some(8));
    assert_eq!(why(&lost, "utf-8").0.at_byte, Some(7));
}

#[test]
fn where_nothing_is_detected_it_is_said_why() {
    assert_eq!(lost(b""), []);
    assert!(others(&lost(b"plain\n")).contains("all bytes are ASCII"));
    assert!(why(&lost(b"plain text\n, and more"), "utf-16le").1.contains("no byte order mark"));
    assert!(why(&lost(b"plain"), "utf-32le").1.contains("too few bytes"));
    let marked = lost(b"\xff\xfe\0\0a\0\0\0");
    assert!(others(&marked).contains("a byte order mark decides"), "{marked:?}");
    assert!(why(&marked, "utf-16le").1.contains("utf-32le"), "{marked:?}");
    assert!(others(&lost(CHINESE.as_bytes())).contains("is valid UTF-8"));
    assert!(others(&lost(b"caf\xe9\n")).contains("too few"));
    assert!(others(&lost(b"x\n\x1b$B4A;z\x1b(B\n")).contains("escape sequences"));
    let utf16: Vec<u8> = CHINESE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(why(&lost(&utf16), "utf-16le").1.contains("the other byte order"));
    let fixed = |input: &[u8]| explained(Plan { encoding: Some("utf-16be".into()), ..Plan::default() }, [input]).1;
    assert!(others(&fixed(b"\0a\0\n")).contains("detection does not run"));
    assert!(why(&fixed(b"\xff\xfea\0"), "utf-16be").1.contains("the other byte order"));
    assert!(why(&fixed(b"\xef\xbb\xbfa\n"), "utf-8").1.contains("what the plan fixes counts"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Being asked why changes nothing, the reasons do not depend on how the file came, and none speaks against what was found.
    #[test]
    fn the_reasons_go_with_the_decision(input in any_file(), size in 1usize..50) {
        let (outputs, lost) = explained(Plan::default(), [&input[..]]);
        prop_assert_eq!(&outputs, &plain(Plan::default(), &input));
        prop_assert_eq!(&explained(Plan::default(), input.chunks(size)).1, &lost);
        let found = run(&input).closed().found;
        prop_assert!(lost.iter().flat_map(|lost| &lost.candidates).all(|one| one.encoding != found), "{lost:?}");
        prop_assert_eq!(lost.last().is_some_and(|last| last.candidates.is_empty()), !input.is_empty());
    }
}
