//! docs/codecs.md: its table is what the code does (`UPDATE=1` writes it anew).

use crate::laws::all;
use crate::pack::*;
use crate::seen::*;
use logmill_core::{Outcome, RejectReason};
use lz4_flex::frame::BlockMode;
use std::path::PathBuf;

/// The lines between which the table stands.
const MARKS: [&str; 2] = ["<!-- by the tests, from what the code does -->\n", "<!-- to here -->\n"];

/// Some plain lines in several blocks of each format that has any, and in one member.
fn packed(codec: &str, pack: Pack, text: &[u8]) -> Vec<u8> {
    match codec {
        "xz" => xz_blocks(text, 50_000),
        "lz4" => lz4_frame(text, |info| info.block_mode(BlockMode::Independent).block_checksums(true)),
        _ => pack(text),
    }
}

/// What becomes of a file, of which `text` should come.
fn outcome(seen: &Seen, text: &[u8]) -> String {
    let (plain, reasons) = (seen.plain(), seen.reasons());
    let how_much = match plain.len() * 100 / text.len().max(1) {
        _ if plain == text => "all",
        0 => "nothing",
        _ if text.starts_with(&plain) => "what is before",
        _ if plain.ends_with(&text[text.len() - 100..]) => "what is around",
        _ => "some",
    };
    let mut named: Vec<_> = reasons.iter().map(|reason: &RejectReason| reason.name()).collect();
    named.dedup();
    match seen.outcome {
        Outcome::Complete => format!("complete: {how_much}"),
        Outcome::Partial => format!("{how_much}; {}", named.join(", ")),
    }
}

/// Where decoding goes on after a stretch of zeros within the first third of the first of two members.
fn resumes(path: &str, one: &[u8], text: &[u8]) -> &'static str {
    let damaged = |mut bytes: Vec<u8>| {
        bytes[one.len() / 3..][..24].fill(0);
        run_named(path, &bytes).plain()
    };
    let last = &text[text.len() - 100..];
    if damaged(one.to_vec()).ends_with(last) {
        return "the next block";
    }
    let two = [one, one].concat();
    if damaged(two).ends_with(last) { "the next member, frame or stream" } else { "-" }
}

fn table() -> String {
    let text = lines(6000);
    let mut table =
        "| codec | recognised by | goes on after damage at | empty | cut short | damaged | garbage behind it |\n\
                     | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (codec, path, pack) in all() {
        let one = packed(codec, pack, &text);
        let by = match path.rsplit_once('.') {
            Some((_, ending)) if path != "/logs/a.log" => format!("`.{}`, first bytes", ending.to_lowercase()),
            _ => "magic".to_owned(),
        };
        let empty = run_named(path, &pack(b""));
        let cut = run_named(path, &one[..one.len() * 3 / 4]);
        let mut damaged = one.clone();
        damaged[one.len() / 3..][..24].fill(0);
        let damaged = run_named(path, &damaged);
        let behind = run_named(path, &[&one[..], b"a signature, perhaps"].concat());
        let row = [
            codec.to_owned(),
            by,
            resumes(path, &one, &text).to_owned(),
            outcome(&empty, b""),
            outcome(&cut, &text),
            outcome(&damaged, &text),
            outcome(&behind, &text),
        ];
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    table
}

#[test]
fn the_table_in_docs_is_what_the_code_does() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/codecs.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).expect("the page has the mark before its table");
    let (_, after) = rest.split_once(MARKS[1]).expect("the page has the mark behind its table");
    let generated = [before, MARKS[0], "\n", &table(), "\n", MARKS[1], after].concat();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == generated, "docs/codecs.md is not what the code does: run this test with UPDATE=1");
}
