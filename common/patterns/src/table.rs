//! Formats whose columns stand in a header line: CSV, and W3C's extended log format as IIS writes it.

use crate::cursor::{Cursor, Lost, Read};
use crate::found::{Found, Known, Name, SEVERITY, Span};
use crate::layout::{Column, Layout, Line, Role, State};
use crate::roles::{Best, Roles};
use crate::spec::FieldType::{self, Int, Ip, Str};
use crate::time::{Clock, clock_alone};
use std::collections::HashMap;

/// RFC 4180, with a separator of one's own: as many values as the header has names, at least two. A quoted value may hold line
/// ends; quotes within come once. A value without quotes around it ends with none, so that a record's further lines, where they are
/// read each by itself, are mostly told from records. An empty value is left out.
#[derive(Debug)]
pub(crate) struct Csv {
    pub separator: u8,
    pub roles: Roles,
}

static CSV_FIELDS: [&Known; 1] = [&SEVERITY];

const NO_HEADER: &str = "a header line of the file: none is known";

impl Csv {
    /// None where the header is no line of CSV.
    fn columns(&self, header: &[u8]) -> Option<Vec<Column>> {
        let mut found = Found::new();
        let (mut columns, mut names) = (Vec::new(), Names::default());
        let mut at = Cursor::new(header);
        loop {
            let span = value(&mut at, self.separator, &mut found).ok()?;
            let name = names.of_its_own(String::from_utf8_lossy(found.bytes(span, header)).trim());
            let kind = self.roles.kind(name.as_bytes(), Str);
            columns.push(Column { role: self.roles.of(name.as_bytes()).0, name, kind });
            if !at.skip(&[self.separator]) {
                return Some(columns);
            }
        }
    }
}

impl Layout for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn begins(&self, _: u8) -> bool {
        true
    }

    fn fields(&self) -> &'static [&'static Known] {
        &CSV_FIELDS
    }

    fn prepare(&self, header: Option<&[u8]>) -> State {
        let header = header.map(without_line_end).filter(|header| !header.starts_with(b"#")).unwrap_or_default();
        State { columns: self.columns(header).unwrap_or_default(), header: header.to_owned(), ..State::default() }
    }

    fn read(&self, line: Line<'_>, state: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let record = without_line_end(line.record);
        let mut at = Cursor::new(record);
        let columns = &state.columns;
        if columns.len() < 2 {
            return at.lost(NO_HEADER);
        }
        if record == state.header {
            return at.lost("values, and not the header again");
        }
        let mut best = Best::default();
        for (i, column) in columns.iter().enumerate() {
            if i > 0 && !at.skip(&[self.separator]) {
                return at.lost("a separator, and more values: the header has more names");
            }
            let value = value(&mut at, self.separator, found)?;
            if found.push(Name::Column(i as u32), value) {
                best.note(self.roles.of(column.name.as_bytes()), found.len() - 1);
            }
        }
        if !at.is_at_end() {
            return at.lost("the end of the record: the header has no more names");
        }
        best.settle(&self.roles, record, clock, found);
        Ok(())
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &line[..end]
}

/// The names of columns: one that comes again gets a number, as `name_2`.
#[derive(Debug, Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn of_its_own(&mut self, name: &str) -> String {
        let mut own = name.to_owned();
        while self.0.contains_key(&own) {
            let times = self.0.entry(name.to_owned()).or_default();
            *times += 1;
            own = format!("{name}_{times}");
        }
        self.0.insert(own.clone(), 1);
        own
    }
}

/// A value up to the separator, or the end of the record; with quotes around it, without them.
fn value(at: &mut Cursor<'_>, separator: u8, found: &mut Found) -> Result<Span, Lost> {
    let text = at.text;
    if !at.skip(b"\"") {
        let length = memchr::memchr(separator, at.rest()).unwrap_or(at.rest().len());
        let value = Span::new(at.at, at.at + length);
        // Values between tabs are mostly written as they are.
        if separator != b'\t' && text[value.from()..value.to()].ends_with(b"\"") {
            at.at = value.to() - 1;
            return at.lost("no quote at the end of a value that does not begin with one");
        }
        at.at = value.to();
        return Ok(value);
    }
    let from = at.at;
    let scratch = found.scratch.len();
    let mut piece = from;
    loop {
        let Some(length) = memchr::memchr(b'"', at.rest()) else { return at.lost("the end of the quoted value") };
        at.at += length + 1;
        let end = at.at - 1;
        if !at.skip(b"\"") {
            if at.peek().is_some_and(|byte| byte != separator) {
                return at.lost("a separator after the quoted value");
            }
            if piece == from {
                return Ok(Span::new(from, end));
            }
            found.scratch.extend_from_slice(&text[piece..end]);
            return Ok(Span::scratch(scratch, found.scratch.len()));
        }
        found.scratch.extend_from_slice(&text[piece..=end]);
        piece = at.at;
    }
}

/// The extended log format of the W3C (<https://www.w3.org/TR/WD-logfile>): values with blanks between, their names in the directive
/// `#Fields:`. Fields keep these names. Dates and times are UTC, as the format has them; one without the other is a field. `-`
/// is left out.
#[derive(Debug)]
pub(crate) struct W3c;

static W3C_FIELDS: [&Known; 0] = [];

impl Layout for W3c {
    fn name(&self) -> &'static str {
        "w3c"
    }

    fn begins(&self, byte: u8) -> bool {
        byte != b'#' && byte != b' '
    }

    fn fields(&self) -> &'static [&'static Known] {
        &W3C_FIELDS
    }

    fn prepare(&self, header: Option<&[u8]>) -> State {
        let header = header.and_then(|header| header.strip_prefix(b"#Fields:")).unwrap_or_default();
        let written = header.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
        let has = |wanted: &[u8]| written.clone().any(|name| name == wanted);
        let has_both = has(b"date") && has(b"time");
        let mut names = Names::default();
        let column = |name: &[u8]| {
            let name = names.of_its_own(&String::from_utf8_lossy(name));
            let role = match &*name {
                "date" if has_both => Role::Date,
                "time" if has_both => Role::Time,
                _ => Role::Field,
            };
            Column { kind: w3c_kind(name.as_bytes()), name, role }
        };
        State { columns: written.clone().map(column).collect(), ..State::default() }
    }

    fn read(&self, line: Line<'_>, state: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        if state.columns.is_empty() {
            return at.lost("a directive #Fields of the file: none is known");
        }
        if !self.begins(at.peek().unwrap_or(b'#')) {
            return at.lost("values, and not a directive");
        }
        let (mut date, mut time) = (None, None);
        for (i, column) in state.columns.iter().enumerate() {
            if i > 0 && at.blanks() == 0 {
                return at.lost("a blank, and more values: the directive #Fields has more names");
            }
            let from = at.at;
            let value = if at.peek() == Some(b'"') {
                value(&mut at, b' ', found)?
            } else {
                at.word("a value: the directive #Fields has more names")?
            };
            let bytes = found.bytes(value, text);
            match column.role {
                Role::Date => date = Some(value),
                Role::Time if clock_alone(bytes, 0) != Some(bytes.len()) => {
                    return Err(Lost { at: from, wanted: "a time such as 10:00:00" });
                }
                Role::Time => time = Some(value),
                _ if bytes == b"-" => {}
                _ if column.name == "time" && clock_alone(bytes, 0) != Some(bytes.len()) => {
                    return Err(Lost { at: from, wanted: "a time such as 10:00:00" });
                }
                _ => {
                    found.push(Name::Column(i as u32), value);
                }
            }
        }
        at.blanks();
        if !at.is_at_end() {
            return at.lost("the end of the line: the directive #Fields has no more names");
        }
        if let (Some(date), Some(time)) = (date, time) {
            let mut both = [b' '; 20];
            let (date, time) = (found.bytes(date, text), found.bytes(time, text));
            if date.len() == 10 && time.len() >= 8 {
                both[..10].copy_from_slice(date);
                both[11..19].copy_from_slice(&time[..8]);
                both[19] = b'Z';
                found.time = clock.iso(&both, 0).map(|(ms, _)| ms);
            }
            if found.time.is_none() {
                return Err(Lost { at: 0, wanted: "a date such as 2026-11-22 and a time" });
            }
        }
        Ok(())
    }
}

fn w3c_kind(name: &[u8]) -> FieldType {
    match name {
        b"c-ip" | b"s-ip" => Ip,
        b"c-port" | b"s-port" | b"sc-status" | b"sc-substatus" | b"sc-win32-status" | b"sc-bytes" | b"cs-bytes"
        | b"time-taken" => Int,
        _ => Str,
    }
}
