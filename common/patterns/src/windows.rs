//! Events of Windows as XML: one `<Event>` a record, as `wevtutil` and the event viewer export them. The schema is that of
//! <https://learn.microsoft.com/windows/win32/wes/eventschema-schema>.

use crate::cursor::{Cursor, Lost, Read};
use crate::found::{Found, Known, LONGEST_NAME, MESSAGE, MOST_FIELDS, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::level::Level;
use crate::spec::FieldType::{Int, Str};
use crate::time::Clock;
use std::io::Write as _;

static PROVIDER: Known = Known::new("provider", Str);
static EVENT_ID: Known = Known::new("event_id", Int);
static TASK: Known = Known::new("task", Int);
static OPCODE: Known = Known::new("opcode", Int);
static KEYWORDS: Known = Known::new("keywords", Str);
static RECORD_ID: Known = Known::new("record_id", Int);
static ACTIVITY: Known = Known::new("activity", Str);
static PROCESS_ID: Known = Known::new("process_id", Int);
static THREAD_ID: Known = Known::new("thread_id", Int);
static CHANNEL: Known = Known::new("channel", Str);
static COMPUTER: Known = Known::new("computer", Str);
static USER: Known = Known::new("user", Str);
static FIELDS: [&Known; 14] = [
    &PROVIDER,
    &EVENT_ID,
    &TASK,
    &OPCODE,
    &KEYWORDS,
    &RECORD_ID,
    &ACTIVITY,
    &PROCESS_ID,
    &THREAD_ID,
    &CHANNEL,
    &COMPUTER,
    &USER,
    &SEVERITY,
    &MESSAGE,
];

/// The elements of `System` become fields; what the event itself says, those of `EventData` and `UserData`, has names that begin
/// with `data.`; a `<Data>` without a name is called by its place among these, from 1 on. The message is that of `RenderingInfo`,
/// where the export has it.
#[derive(Debug)]
pub(crate) struct Windows;

/// Elements in elements; there are four in an event, and what its provider makes of `UserData`.
const DEPTH: usize = 16;

impl Layout for Windows {
    fn name(&self) -> &'static str {
        "windows"
    }

    fn begins(&self, byte: u8) -> bool {
        byte == b'<'
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let mut at = Cursor::new(line.record);
        at.want(b"<Event", "an element <Event>")?;
        if !matches!(at.peek(), Some(b' ' | b'>' | b'\r' | b'\n' | b'\t')) {
            return at.lost("an element <Event>");
        }
        at.at = 0;
        let mut reading =
            Reading { at, clock, found, open: [Span::new(0, 0); DEPTH], depth: 0, name: None, text: None, unnamed: 0 };
        reading.elements()
    }
}

struct Reading<'r> {
    at: Cursor<'r>,
    clock: &'r mut Clock,
    found: &'r mut Found,
    /// The names of the elements that are open, the first `depth` of them.
    open: [Span; DEPTH],
    depth: usize,
    /// The attribute `Name` of the innermost one.
    name: Option<Span>,
    /// What stands in the innermost one; empty once an element stood in it.
    text: Option<Span>,
    /// How many elements `<Data>` without a name there were.
    unnamed: usize,
}

impl Reading<'_> {
    fn elements(&mut self) -> Read {
        loop {
            let text = self.at.until(b'<', "the end of the event")?;
            self.more_text(text, true);
            if self.at.skip(b"!--") {
                self.behind(b"-->", "the end of the comment")?;
            } else if self.at.skip(b"![CDATA[") {
                let text = self.behind(b"]]>", "the end of the text")?;
                self.more_text(text, false);
            } else if self.at.skip(b"/") {
                let name = self.at.until(b'>', "the end of a tag")?.trimmed(self.at.text);
                self.close(name)?;
                if self.depth == 0 {
                    break;
                }
            } else {
                self.open()?;
            }
        }
        if !self.at.rest().trim_ascii().is_empty() {
            return self.at.lost("nothing more behind the event");
        }
        Ok(())
    }

    /// Up to `end`, and steps over that.
    fn behind(&mut self, end: &[u8], wanted: &'static str) -> Result<Span, Lost> {
        let Some(length) = memchr::memmem::find(self.at.rest(), end) else { return self.at.lost(wanted) };
        let span = Span::new(self.at.at, self.at.at + length);
        self.at.at += length + end.len();
        Ok(span)
    }

    /// Adds to the text of the innermost element. What was copied grows where it is, so that a text of many parts is copied once.
    fn more_text(&mut self, text: Span, has_entities: bool) {
        if text.is_empty() {
            return;
        }
        let record = self.at.text;
        let Some(before) = self.text else {
            self.text = Some(if has_entities { entities(text, record, self.found) } else { text });
            return;
        };
        if before.is_empty() {
            return;
        }
        let from = if before.is_scratch() && before.to() == self.found.scratch.len() {
            before.from()
        } else {
            let from = self.found.scratch.len();
            if before.is_scratch() {
                self.found.scratch.extend_from_within(before.from()..before.to());
            } else {
                self.found.scratch.extend_from_slice(before.of(record));
            }
            from
        };
        let new = if has_entities { entities(text, record, self.found) } else { text };
        if !new.is_scratch() {
            self.found.scratch.extend_from_slice(new.of(record));
        }
        self.text = Some(Span::scratch(from, self.found.scratch.len()));
    }

    /// A tag that opens; the cursor is behind its `<`.
    fn open(&mut self) -> Read {
        let name = self.at.while_(|byte| !matches!(byte, b' ' | b'>' | b'/' | b'\r' | b'\n' | b'\t' | b'=' | b'<'));
        if name.is_empty() || self.depth == DEPTH {
            return self.at.lost("an element that is part of an event");
        }
        self.open[self.depth] = name;
        self.depth += 1;
        (self.name, self.text) = (None, None);
        loop {
            while matches!(self.at.peek(), Some(b' ' | b'\r' | b'\n' | b'\t')) {
                self.at.at += 1;
            }
            let is_closed = self.at.skip(b"/>");
            if is_closed || self.at.skip(b">") {
                self.unnamed += usize::from(self.name.is_none() && name.of(self.at.text) == b"Data");
                return match is_closed {
                    false => Ok(()),
                    true if self.depth == 1 => self.at.lost("what stands in the event"),
                    true => self.close(name),
                };
            }
            let key = self.at.while_(|byte| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'>' | b'/'));
            if key.is_empty() || !self.at.skip(b"=") {
                return self.at.lost("an attribute, or the end of the tag");
            }
            let quote = match self.at.peek() {
                Some(quote @ (b'"' | b'\'')) => quote,
                _ => return self.at.lost("a value in quotes"),
            };
            self.at.at += 1;
            let value = self.at.until(quote, "the end of the value")?;
            let value = entities(value, self.at.text, self.found);
            self.attribute(key, value);
        }
    }

    fn attribute(&mut self, key: Span, value: Span) {
        let text = self.at.text;
        let key = key.of(text);
        if key == b"Name" {
            self.name = Some(value).filter(|name| !name.is_empty());
        }
        if value.is_empty() || self.depth != 3 || self.open[1].of(text) != b"System" {
            return;
        }
        let known = match (self.open[2].of(text), key) {
            (b"TimeCreated", b"SystemTime") => {
                let time = self.found.bytes(value, text);
                self.found.time = self.clock.iso(time, 0).map(|(ms, _)| ms);
                return;
            }
            (b"Provider", b"Name") => &PROVIDER,
            (b"Correlation", b"ActivityID") => &ACTIVITY,
            (b"Execution", b"ProcessID") => &PROCESS_ID,
            (b"Execution", b"ThreadID") => &THREAD_ID,
            (b"Security", b"UserID") => &USER,
            _ => return,
        };
        self.found.add(known, value);
    }

    fn close(&mut self, name: Span) -> Read {
        let text = self.at.text;
        if self.depth == 0 || self.open[self.depth - 1].of(text) != name.of(text) {
            self.at.at = name.from();
            return self.at.lost("the end of the element that is open");
        }
        if let Some(value) = self.text.take().filter(|value| !value.is_empty())
            && self.depth >= 3
        {
            self.leaf(name, value);
        }
        self.depth -= 1;
        self.text = Some(Span::new(0, 0)); // what follows stands beside an element
        self.name = None;
        Ok(())
    }

    /// An element that held nothing but text.
    fn leaf(&mut self, name: Span, value: Span) {
        let text = self.at.text;
        let known = match (self.open[1].of(text), name.of(text)) {
            (b"System", b"Level") => {
                let number = self.found.bytes(value, text);
                if self.found.level == Level::None {
                    self.found.level = level(number);
                }
                return;
            }
            (b"System", b"EventID") => &EVENT_ID,
            (b"System", b"Task") => &TASK,
            (b"System", b"Opcode") => &OPCODE,
            (b"System", b"Keywords") => &KEYWORDS,
            (b"System", b"EventRecordID") => &RECORD_ID,
            (b"System", b"Channel") => &CHANNEL,
            (b"System", b"Computer") => &COMPUTER,
            (b"RenderingInfo", b"Message") => return self.found.add_message(value),
            (b"RenderingInfo", b"Level") => {
                if self.found.level.is_called(self.found.bytes(value, text)) {
                    return;
                }
                &SEVERITY
            }
            (b"EventData" | b"UserData", _) => return self.data(name, value),
            _ => return,
        };
        self.found.add(known, value);
    }

    fn data(&mut self, element: Span, value: Span) {
        let name = self.name.unwrap_or(element);
        if name.len() + 5 > LONGEST_NAME || self.found.len() == MOST_FIELDS {
            return;
        }
        let scratch = &mut self.found.scratch;
        let from = scratch.len();
        scratch.extend_from_slice(b"data.");
        if name.is_scratch() {
            scratch.extend_from_within(name.from()..name.to());
        } else if self.name.is_none() && name.of(self.at.text) == b"Data" {
            let _ = write!(scratch, "{}", self.unnamed); // to memory
        } else {
            scratch.extend_from_slice(name.of(self.at.text));
        }
        let name = Span::scratch(from, scratch.len());
        self.found.add_at(name, Str, value);
    }
}

/// Windows' levels: LogAlways, Critical, Error, Warning, Informational, Verbose.
fn level(number: &[u8]) -> Level {
    match number {
        b"0" | b"4" => Level::Info,
        b"1" => Level::Fatal,
        b"2" => Level::Error,
        b"3" => Level::Warning,
        b"5" => Level::Debug,
        _ => Level::None,
    }
}

/// Resolves the five entities of XML and character references; what is neither stays as it is.
fn entities(span: Span, record: &[u8], found: &mut Found) -> Span {
    let text = span.of(record);
    if memchr::memchr(b'&', text).is_none() {
        return span;
    }
    let from = found.scratch.len();
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'&', &text[at..]) {
        found.scratch.extend_from_slice(&text[at..at + length]);
        at += length;
        let within = &text[at..text.len().min(at + 12)];
        let resolved = memchr::memchr(b';', within).and_then(|end| Some((entity(&within[1..end])?, end + 1)));
        match resolved {
            Some((char, length)) => {
                found.scratch.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            None => {
                found.scratch.push(b'&');
                at += 1;
            }
        }
    }
    found.scratch.extend_from_slice(&text[at..]);
    Span::scratch(from, found.scratch.len())
}

fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x', hex @ ..] => char::from_u32(u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?),
        [b'#', decimal @ ..] => char::from_u32(std::str::from_utf8(decimal).ok()?.parse().ok()?),
        _ => None,
    }
}
