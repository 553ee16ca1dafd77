//! The server log of ClickHouse.

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::level::Level;
use crate::spec::FieldType::{Int, Str};
use crate::time::Clock;
use memchr::memmem;

static THREAD: Known = Known::new("thread", Int);
static QUERY: Known = Known::new("query_id", Str);
static LOGGER: Known = Known::new("logger", Str);
static FIELDS: [&Known; 5] = [&THREAD, &QUERY, &LOGGER, &MESSAGE, &SEVERITY];

/// `2026.11.22 10:00:00.123456 [ 1234 ] {query} <Information> Application: Ready for connections.`; the braces are empty outside of
/// queries. The time is that of the server's zone.
#[derive(Debug)]
pub(crate) struct ClickHouse;

impl Layout for ClickHouse {
    fn name(&self) -> &'static str {
        "clickhouse"
    }

    fn begins(&self, byte: u8) -> bool {
        byte.is_ascii_digit()
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        let Some((ms, end)) = time(text, clock) else {
            return at.lost("a time such as 2026.11.22 10:00:00.123456");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b" [ ", "a blank, and a thread in square brackets")?;
        found.add(&THREAD, at.digits("the number of a thread")?);
        at.want(b" ] {", "the end of the bracket, and a query in braces")?;
        let Some(length) = memmem::find(at.rest(), b"} <") else {
            return at.lost("the end of the query, and a level in angle brackets");
        };
        let query = Span::new(at.at, at.at + length);
        at.at = query.to() + b"} <".len();
        if !query.is_empty() {
            found.add(&QUERY, query);
        }
        let level = at.until(b'>', "the end of the level")?;
        if level.of(text) == b"Test" {
            found.level = Level::Trace; // below its Trace
            found.add(&SEVERITY, level);
        } else {
            found.want_level(level, text)?;
        }
        at.want(b" ", "a blank after the level")?;
        let Some(length) = memmem::find(at.rest(), b": ") else {
            return at.lost("a logger, and a colon");
        };
        let logger = Span::new(at.at, at.at + length);
        at.at = logger.to() + b": ".len();
        if !logger.is_empty() {
            found.add(&LOGGER, logger);
        }
        found.add_message(at.take_rest());
        Ok(())
    }
}

/// The time that the line begins with, its date with points, and where it ends.
fn time(text: &[u8], clock: &mut Clock) -> Option<(i64, usize)> {
    let mut time = *text.first_chunk::<{ b"2026.11.22 10:00:00.123456".len() }>()?;
    if time[4] != b'.' || time[7] != b'.' || time[10] != b' ' || time[19] != b'.' {
        return None;
    }
    (time[4], time[7]) = (b'-', b'-');
    clock.iso(&time, 0).filter(|(_, end)| *end == time.len())
}
