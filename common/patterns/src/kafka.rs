//! The daemon logs of Kafka.

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::spec::FieldType::Str;
use crate::time::Clock;

static LOGGER: Known = Known::new("logger", Str);
static FIELDS: [&Known; 3] = [&LOGGER, &MESSAGE, &SEVERITY];

/// `[2026-11-22 10:00:00,123] INFO [KafkaServer id=0] started (kafka.server.KafkaServer)`, which is `[%d] %p %m (%c)%n`. A message
/// of several lines has the logger at the end of its last one.
#[derive(Debug)]
pub(crate) struct Kafka;

impl Layout for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn begins(&self, byte: u8) -> bool {
        byte == b'['
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        at.want(b"[", "a time in brackets")?;
        let Some((ms, end)) = clock.iso(text, at.at) else {
            return at.lost("a time such as 2026-11-22 10:00:00,123");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b"] ", "the end of the time, and a blank")?;
        let level = at.word("a level")?;
        found.want_level(level, text)?;
        at.blanks();
        let rest = at.take_rest();
        if let Some((end, logger)) = logger(rest, text) {
            found.add(&LOGGER, logger);
            found.add_message(Span::new(rest.from(), end));
            return Ok(());
        }
        let mut from = line.head.len();
        while let Some(length) = memchr::memchr(b'\n', &line.record[from..]) {
            from += length + 1;
            let end = memchr::memchr(b'\n', &line.record[from..]).map_or(line.record.len(), |length| from + length);
            if let Some((_, logger)) = logger(Span::new(from, end).trimmed(line.record), line.record) {
                found.add(&LOGGER, logger);
                found.add_message(rest);
                return Ok(());
            }
        }
        at.lost("a logger in round brackets at the end of a line")
    }
}

/// Where the message before ` (a.b.C)` ends, and the logger.
fn logger(of: Span, text: &[u8]) -> Option<(usize, Span)> {
    let rest = of.of(text).strip_suffix(b")")?;
    let open = memchr::memrchr(b'(', rest)?;
    let logger = &rest[open + 1..];
    let is_logger = !logger.is_empty()
        && logger.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-'));
    let before = of.from() + open;
    let end = if open > 0 && rest[open - 1] == b' ' { before - 1 } else { before };
    (is_logger && (open == 0 || end < before)).then_some((end, Span::new(before + 1, before + 1 + logger.len())))
}
