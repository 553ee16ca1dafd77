//! The page of all encodings for people, as Markdown: docs/encodings.md.

use crate::detect::{DETECTED, ENOUGH, FEW, GOOD_FOR_BAD, HEAD, LEAST, MARKED, MOST, UNITS};
use crate::units::{ALPHABET, CONTROLS, IDEOGRAPHS};
use logmill_encodings::{Encoding, Family, ISO_2022_JP, Stop};
use std::fmt::Write as _;

/// The page: how a file's encoding is found, and a row for each encoding.
#[must_use]
pub fn reference() -> String {
    let mut out = about();
    for encoding in Encoding::all() {
        let labels: Vec<_> = encoding.labels().skip(1).map(|label| format!("`{label}`")).collect();
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            encoding.name(),
            labels.join(" "),
            recognised(encoding),
            line_end(encoding.family()),
            malformed(encoding)
        )
        .expect("a String takes all");
    }
    out
}

fn about() -> String {
    let (least, most) = (LEAST >> 10, MOST >> 10);
    format!(
        "# Encodings

The re-encoder makes UTF-8 of every file. This page is generated from the code; a test keeps it true.

## How a file's encoding is found

The first of these that tells counts. What was found, and its evidence in the words of the last column, stand in the
ledger (`logmill where`) and in the report of a dry run. `logmill dry-run --explain` says of the other encodings why \
the file is not in them: at which byte, with which score of detection, or what was decided before them.

| | what is looked at | what it takes | evidence |
| --- | --- | --- | --- |
| 1 | the file's plan: `[[encodings]]`, else `plan.encoding` ([configuration](configuration.md)) | a label of the \
table below. A byte order mark of the same encoding is dropped; one of the other byte order of UTF-16 or UTF-32 \
counts for more than the plan | `fixed by the plan` |
| 2 | a byte order mark | that of UTF-32 (before UTF-16's, which it begins with), UTF-8, UTF-16 or GB18030 | `byte \
order mark` |
| 3 | NULs in the first {HEAD} bytes | UTF-32: more than half of the groups of four bytes are ASCII with three NULs, \
and all are characters; or all are characters of text. UTF-16: more than half of the pairs of bytes are ASCII with a \
NUL; or more than half are letters below U+2000 (but \
those whose units begin with 09, 0A, 0D or 1B: scripts of India) or ASCII, and the others known too; or all are ideographs, kana, syllables \
of Korean, letters or ASCII, {CONTROLS} of their bytes are control characters, and in a quarter of the pairs or more the lower byte \
is not ASCII. {UNITS} groups or pairs at least, {ALPHABET} where ASCII is not enough, {IDEOGRAPHS} for ideographs | `three NULs in \
16 of the first 16 groups of four bytes`, `NUL in 31 of the first 32 pairs of bytes`, `the first 32 pairs of bytes are \
letters` |
| 4 | ASCII | passes as it is and decides nothing. The first byte that is not ASCII, or is ESC, begins a window of \
{least} KiB, or of more, up to {most} KiB, until {ENOUGH} bytes of it are not ASCII | `ASCII`, where nothing else \
comes |
| 5 | the window: escape sequences | ESC $ B or ESC $ @, and nothing but ASCII | `escape sequences of ISO-2022-JP` |
| 6 | the window: UTF-8 | every sequence is valid, or {GOOD_FOR_BAD} are for each that is not | `valid: 300 \
sequences`, `300 sequences are valid, 2 are not` |
| 7 | the window: detection by frequent characters (chardetng), without the lines that are UTF-8 | {FEW} bytes that \
are not ASCII | `detected in 16384 bytes, 412 of them not ASCII` |
| 8 | nothing else: `default_encoding` | | `the plan's default: 2 bytes that are not ASCII, and not UTF-8, are too \
few to tell` |

A window with fewer than {FEW} bytes that are not ASCII decides for itself alone, and the search goes on behind it; \
the evidence says so: `decided from byte 700013 on; 2 bytes that are not ASCII, up to byte 16402, were guessed`, or \
`never enough to decide`. What says \"name only\" below is never guessed: EBCDIC, the pages of DOS (but 866, which \
the Encoding Standard has), and others.

## Malformed sequences, and lines in another encoding

What is malformed becomes U+FFFD and is counted; more than `malformed_per_million` hide the load until it is released.

Lines that are not in their file's encoding are decoded as the others are, and counted in the evidence: `3 lines in \
another encoding, the first is line 17`. In a file of UTF-8 these are the lines with malformed sequences. In a file \
of an encoding with one byte a character (EBCDIC apart) they are the lines that are UTF-8 as they came, and not \
ASCII; in one with several bytes a character, those that have a sequence of three bytes or more too, as two \
characters of such an encoding can look like sequences of two. Files of other encodings are not looked at.

## All encodings

A label is a name in capitals or not. `latin1` and `ascii` mean windows-1252, `utf-16` and `utf-32` without a byte \
order are little-endian, as the Encoding Standard has it. A line ends with LF, or as the column says; it is given \
out with LF, and with the CR before it if there is one.

| name | other labels | recognised by | line end | malformed is |
| --- | --- | --- | --- | --- |
"
    )
}

fn recognised(encoding: &'static Encoding) -> String {
    let mut by = Vec::new();
    if MARKED.contains(&encoding) {
        by.push("mark");
    }
    match encoding.family() {
        Family::Utf16 | Family::Utf32 => by.push("NULs"),
        Family::Utf8 => by.push("valid sequences"),
        _ if encoding == ISO_2022_JP => by.push("escape sequences"),
        _ if DETECTED.contains(&encoding.name()) => by.push("detection"),
        _ if by.is_empty() => by.push("name only"),
        _ => {}
    }
    by.join(", ")
}

fn line_end(family: Family) -> &'static str {
    match family {
        Family::Utf16 => "LF, two bytes",
        Family::Utf32 => "LF, four bytes",
        Family::Ebcdic => "NEL 0x15, LF 0x25",
        Family::Utf8 | Family::SingleByte | Family::MultiByte | Family::Iso2022 => "LF",
    }
}

fn malformed(encoding: &Encoding) -> String {
    match encoding.family() {
        Family::Utf8 => "a sequence that is not valid, as far as it is the beginning of one".into(),
        Family::Utf16 => "a surrogate alone; half a unit at the end".into(),
        Family::Utf32 => "a surrogate; a unit above 0x10ffff; a part of one at the end".into(),
        Family::SingleByte | Family::Ebcdic => match without_character(encoding) {
            0 => "nothing".into(),
            1 => "1 byte that the page does not have".into(),
            n => format!("{n} bytes that the page does not have"),
        },
        Family::MultiByte => "a sequence without a character; ASCII in it is read again".into(),
        Family::Iso2022 if encoding.name() == "iso-2022-cn" => {
            "a character of another set than GB 2312; an unknown escape sequence; a byte from 0x80 on".into()
        }
        Family::Iso2022 => "a pair without a character; an unknown escape sequence; a byte from 0x80 on".into(),
    }
}

fn without_character(page: &Encoding) -> usize {
    let is_malformed = |byte: &u8| page.new_decoder().decode(&[*byte], &mut [0; 64], true).0 == Stop::Malformed;
    (0..=u8::MAX).filter(is_malformed).count()
}
