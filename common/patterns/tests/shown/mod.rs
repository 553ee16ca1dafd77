//! What a reader finds, as text.

use logmill_patterns::{Found, Reader};
use std::fmt::Write as _;

/// 2026-11-22 12:00:00 UTC.
pub const MODIFIED_MS: i64 = 1_795_348_800_000;

/// The pattern, time, level and fields; or why each pattern lost. Checks that `explain` agrees.
pub fn shown(reader: &mut Reader, record: &[u8]) -> String {
    let mut found = Found::new();
    let is_read = reader.read(record, &mut found);
    let verdicts = reader.explain(record);
    let winner = verdicts.iter().find(|verdict| verdict.lost.is_none());
    let mut text = String::new();
    let named = winner.map(|winner| (winner.pattern.as_str(), winner.form.as_str()));
    if !is_read {
        assert_eq!(named, None, "{}", String::from_utf8_lossy(record));
        assert!(found.is_empty() && found.time.is_none());
        for verdict in verdicts {
            let why = verdict.lost.expect("none matched");
            writeln!(text, "    no {}: {why}", verdict.form).expect("writing to memory does not fail");
        }
        return text;
    }
    assert_eq!(named, Some(reader.pattern(&found)), "{}", String::from_utf8_lossy(record));
    let time = found.time.map(|ms| {
        let time = jiff::Timestamp::from_millisecond(ms).expect("a time of these tests");
        format!(" {time}")
    });
    let level = if found.level == logmill_patterns::Level::None { "" } else { found.level.name() };
    writeln!(text, "    {}{} {level}", reader.pattern(&found).1, time.unwrap_or_default()).expect("to memory");
    for (i, field) in reader.fields(&found, record).enumerate() {
        let (name, value) = (String::from_utf8_lossy(field.name), String::from_utf8_lossy(field.value));
        let note = if field.kind.holds(field.value) { "" } else { " (not one)" };
        let mark = if found.message() == Some(i) { " <- message" } else { "" };
        let kind = if field.kind.name() == "str" { String::new() } else { format!(": {}{note}", field.kind) };
        writeln!(text, "    {name}{kind} = {value:?}{mark}").expect("to memory");
    }
    text
}
