//! What a JVM writes of its garbage collection: unified logging, `-Xlog:gc*` (JEP 158).

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::spec::FieldType::{Float, Int, Str};
use crate::time::Clock;

static UPTIME: Known = Known::new("uptime_s", Float);
static PID: Known = Known::new("pid", Int);
static TAGS: Known = Known::new("tags", Str);
static GC: Known = Known::new("gc", Int);
static DURATION: Known = Known::new("duration_ms", Float);
static FIELDS: [&Known; 7] = [&UPTIME, &PID, &SEVERITY, &TAGS, &GC, &DURATION, &MESSAGE];

/// `[2026-11-22T10:00:00.123+0000][1.234s][info][gc] GC(0) Pause Young (Normal) 24M->4M(256M) 3.456ms`, with any of the decorations
/// time, uptime in seconds or milliseconds, process, level and tags, which are there in this order.
#[derive(Debug)]
pub(crate) struct Gc;

impl Layout for Gc {
    fn name(&self) -> &'static str {
        "hadoop gc"
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
        let mut decorations = 0;
        let mut tags = None;
        while at.skip(b"[") {
            let inner = at.until(b']', "the end of the bracket")?.trimmed(text);
            let word = inner.of(text);
            decorations += 1;
            if let Some((ms, end)) = clock.iso(word, 0)
                && end == word.len()
            {
                found.time = Some(ms);
            } else if let Some(uptime) = word.strip_suffix(b"s").filter(|word| crate::FieldType::Float.holds(word)) {
                found.add(&UPTIME, Span::new(inner.from(), inner.from() + uptime.len()));
            } else if crate::FieldType::Int.holds(word) {
                found.add(&PID, inner);
            } else if found.level == crate::Level::None && found.set_level(inner, text) {
            } else if is_tags(word) && tags.is_none() {
                tags = Some(inner);
            } else if !word.ends_with(b"ms") && !word.ends_with(b"ns") {
                at.at = inner.from();
                return at.lost("a time, an uptime, a level or tags of the JVM's log");
            }
        }
        let Some(tags) = tags.filter(|_| decorations >= 2) else {
            return at.lost("tags of the JVM's log in brackets, such as [gc] or [gc,heap]");
        };
        found.add(&TAGS, tags);
        at.want(b" ", "a blank after the brackets")?;
        if at.skip(b"GC(") {
            found.add(&GC, at.digits("the number of the collection")?);
            at.want(b") ", "the end of the number, and a blank")?;
        }
        let message = at.take_rest();
        let bytes = message.of(text);
        let last = memchr::memrchr(b' ', bytes).map_or(0, |blank| blank + 1);
        if let Some(number) = bytes[last..].strip_suffix(b"ms")
            && crate::FieldType::Float.holds(number)
        {
            let from = message.from() + last;
            found.add(&DURATION, Span::new(from, from + number.len()));
        }
        found.add_message(message);
        Ok(())
    }
}

/// `gc`, `gc,heap,coops`, `safepoint`: small letters and commas.
fn is_tags(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b',' | b'+'))
        && word[0] != b','
}
