//! A log that a program has written, read by its own pattern and by all.

use logmill_patterns::{Anchor, BuiltIn, Found, Level, PatternSpec, Patterns};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A record as it was read.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) text: String,
    pub(crate) time: Option<i64>,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// How a log is cut into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A line is one.
    Lines,
    /// A line is one, but for the first, which names the columns.
    Table,
    /// One begins where a line begins with a digit or `[`; other lines belong to the one before.
    Starts,
    /// One begins where a line begins with a year and a point; other lines belong to the one before.
    Years,
}

fn records(log: &str, cut: Cut) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    for line in log.lines().skip(usize::from(cut == Cut::Table)) {
        let begins = match cut {
            Cut::Lines | Cut::Table => true,
            Cut::Starts => line.starts_with(|c: char| c.is_ascii_digit() || c == '['),
            Cut::Years => line.find('.') == Some(4) && line[..4].bytes().all(|byte| byte.is_ascii_digit()),
        };
        match records.last_mut() {
            Some(last) if !begins => {
                last.push('\n');
                last.push_str(line);
            }
            _ => records.push(line.to_owned()),
        }
    }
    records
}

/// Whether the program had nothing to say; such a message is left out.
fn has_empty_message(record: &str) -> bool {
    record.ends_with(' ') || record.contains(r#"message":"""#)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis() as i64
}

/// Reads every record of a log: each is of the form that is named, by its own pattern and when all are tried in their usual
/// order; its time is that of this test, where the form has one; its fields are of their types, and `wanted` are among them, but
/// for a message that is empty.
///
/// # Panics
/// When one of that does not hold.
pub(crate) fn check(
    what: &str,
    log: &str,
    cut: Cut,
    pattern: BuiltIn,
    form: &str,
    has_time: bool,
    wanted: &[&str],
) -> Vec<Record> {
    let now = now_ms();
    let header = log.lines().next().filter(|_| cut == Cut::Table);
    let anchor = Anchor { modified_ms: now, header: header.map(str::as_bytes), ..Anchor::default() };
    let reader = |specs: &[PatternSpec]| Patterns::compile(specs).expect("valid patterns").reader(&anchor);
    let (mut all, mut one) = (reader(&PatternSpec::all()), reader(&[PatternSpec::built_in(pattern)]));
    let (mut found, mut of_one) = (Found::new(), Found::new());
    let mut read = Vec::new();
    for text in records(log, cut) {
        let record = text.as_bytes();
        let why = |reader: &mut logmill_patterns::Reader| {
            let verdicts = reader.explain(record).into_iter();
            let verdicts =
                verdicts.map(|v| format!("{}: {}", v.form, v.lost.map_or("won".into(), |why| why.to_string())));
            verdicts.collect::<Vec<_>>().join("\n")
        };
        assert!(one.read(record, &mut of_one), "{what}: {text}\n{}", why(&mut one));
        assert!(all.read(record, &mut found), "{what}: {text}");
        let won = all.pattern(&found).1.to_owned();
        assert_eq!(won, form, "{what}: {text}\n{}", why(&mut all));
        if has_time {
            let age = now - found.time.unwrap_or_else(|| panic!("{what}: no time in {text}"));
            let bound = Duration::from_secs(600).as_millis() as i64;
            assert!((-1000..bound).contains(&age), "{what}: {age} ms old: {text}");
        }
        let mut fields = BTreeMap::new();
        for field in all.fields(&found, record) {
            let [name, value] = [field.name, field.value].map(|text| String::from_utf8(text.to_vec()).expect("text"));
            assert!(field.kind.holds(field.value), "{what}: {name} = {value:?} is no {}: {text}", field.kind);
            assert_eq!(fields.insert(name.clone(), value), None, "{what}: {name} twice: {text}");
        }
        for wanted in wanted {
            let is_empty = *wanted == "message" && has_empty_message(&text);
            assert!(fields.contains_key(*wanted) || is_empty, "{what}: no {wanted} in {text}");
        }
        let (time, level) = (found.time, found.level);
        read.push(Record { text, time, level, fields });
    }
    assert!(!read.is_empty(), "{what}: the log is empty");
    read
}

/// The one record that `is_it` picks.
pub(crate) fn one<'r>(records: &'r [Record], what: &str, is_it: impl Fn(&Record) -> bool) -> &'r Record {
    let picked: Vec<&Record> = records.iter().filter(|record| is_it(record)).collect();
    assert_eq!(picked.len(), 1, "{what}, in {records:#?}");
    picked[0]
}
