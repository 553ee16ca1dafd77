//! The usual layouts of log4j, logback and Spring Boot, and those of Hadoop's daemons, which are some of them.

use crate::cursor::{Cursor, Lost, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::level::Level;
use crate::spec::FieldType::{Int, Str};
use crate::time::{Clock, clock_alone};
use memchr::memmem;

static THREAD: Known = Known::new("thread", Str);
static LOGGER: Known = Known::new("logger", Str);
static SOURCE: Known = Known::new("source", Str);
static LINE: Known = Known::new("line", Int);
static PID: Known = Known::new("pid", Int);
static APPLICATION: Known = Known::new("application", Str);
static MYID: Known = Known::new("myid", Int);
static FIELDS: [&Known; 9] = [&THREAD, &LOGGER, &SOURCE, &LINE, &PID, &APPLICATION, &MYID, &MESSAGE, &SEVERITY];
static HADOOP_FIELDS: [&Known; 8] = [&THREAD, &LOGGER, &SOURCE, &LINE, &PID, &APPLICATION, &MESSAGE, &SEVERITY];

/// A time, a level, perhaps a thread in square brackets, before or behind the level, perhaps a logger, a message:
///
/// - log4j's `%d [%t] %-5p %c - %m`, `%d %-5p [%t] %c: %m`, `%d %-5p %c{1}:%L - %m`, and its TTCC layout, `%r [%t] %p %c - %m`;
/// - logback's default and that of older log4j 2, `%d{HH:mm:ss.SSS} [%t] %-5level %logger{36} - %m`, with ` -- ` since logback
///   1.4; a clock without a date is no time; and that of log4j 2.25, `2026-11-22T10:00:00.123456789Z main INFO Started`;
/// - Spring Boot's, `2026-11-22T10:00:00.123Z  INFO 4711 --- [app] [main] c.e.Application : Started`;
/// - ZooKeeper's, `%d{ISO8601} [myid:%X{myid}] - %-5p [%t:%C{1}@%L] - %m`;
/// - nothing but `%d %p %m`.
///
/// Of a record of several lines, such as one with a stack trace, the first is read; the others are in its text.
#[derive(Debug)]
pub(crate) struct Log4j;

impl Layout for Log4j {
    fn name(&self) -> &'static str {
        "log4j"
    }

    fn begins(&self, byte: u8) -> bool {
        byte.is_ascii_digit() || byte == b'['
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        let is_bracketed = at.skip(b"[");
        if let Some((ms, end)) = clock.iso(text, at.at) {
            found.time = Some(ms);
            at.at = end;
        } else if let Some(end) = clock_alone(text, at.at) {
            at.at = end;
        } else {
            const WANTED: &str = "a time such as 2026-11-22 10:00:00,123 or 10:00:00.123";
            let from = at.at;
            if is_bracketed || at.digits(WANTED).is_err() || !at.rest().starts_with(b" [") {
                return Err(Lost { at: from, wanted: WANTED });
            }
        }
        if is_bracketed {
            at.want(b"]", "the end of the time")?;
        }
        if at.blanks() == 0 {
            return at.lost("a blank after the time");
        }
        if unbracketed(text, &mut at, found) || zookeeper(text, &mut at, found) {
            found.add_message(at.take_rest());
            return Ok(());
        }
        origin(text, &mut at, found)?;
        match logger(text, &mut at, found) {
            Some(logger) => found.add(&LOGGER, logger),
            None if found.time.is_none() => return at.lost("a logger, and - or a colon"),
            None => {}
        }
        found.add_message(at.take_rest());
        Ok(())
    }
}

/// Log4j 2's default: a thread of one word without brackets, and the level. Only behind a time in UTC and with nanoseconds, as it
/// writes it, because so much else is two words. The cursor then is at the message.
fn unbracketed(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> bool {
    const TIME: usize = "2026-11-22T10:00:00.123456789Z".len();
    let from = at.at;
    if from != TIME + 1 || text[10] != b'T' || text[TIME - 1] != b'Z' {
        return false;
    }
    let thread = at.while_(|byte| byte != b' ');
    at.blanks();
    let level = at.while_(|byte| byte.is_ascii_uppercase());
    if at.blanks() == 0 || !found.set_level(level, text) {
        at.at = from;
        return false;
    }
    found.add(&THREAD, thread);
    true
}

/// ZooKeeper's `[myid:1] - INFO  [thread:Class@117] - `, before 3.5 without the number of the server; the cursor then is at the
/// message. False, and nothing done, where it is something else.
fn zookeeper(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> bool {
    let from = at.at;
    let is_read = zookeeper_here(text, at, found).is_some();
    if !is_read {
        at.at = from;
        found.level = Level::None;
        found.slots.clear();
    }
    is_read
}

fn zookeeper_here(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    if at.skip(b"[myid:") {
        let id = at.while_(|byte| byte.is_ascii_digit());
        if !id.is_empty() {
            found.add(&MYID, id);
        }
        at.skip(b"] ").then_some(())?;
    }
    at.skip(b"- ").then_some(())?;
    let level = at.while_(|byte| byte.is_ascii_uppercase());
    found.set_level(level, text).then_some(())?;
    at.blanks();
    at.skip(b"[").then_some(())?;
    let place = bracketed(at)?;
    let bytes = place.of(text);
    let number = memchr::memrchr(b'@', bytes)?;
    let colon = memchr::memrchr(b':', &bytes[..number])?;
    let part = |from: usize, to: usize| Span::new(place.from() + from, place.from() + to);
    let parts = [(&THREAD, part(0, colon)), (&LOGGER, part(colon + 1, number)), (&LINE, part(number + 1, bytes.len()))];
    for (known, span) in parts {
        if span.is_empty() {
            return None;
        }
        found.add(known, span);
    }
    (at.skip(b" - ") || at.rest() == b" -" && at.skip(b" -")).then_some(())
}

/// The level, and what stands with it before the logger.
fn origin(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> Read {
    let mut has_level = false;
    let mut thread: Option<Span> = None;
    loop {
        match at.peek() {
            Some(b'[') if !has_level || thread.is_none() => {
                let from = at.at;
                at.at += 1;
                let Some(inner) = bracketed(at) else {
                    at.at = from;
                    if has_level { break } else { return at.lost("the end of the bracket, and a blank") }
                };
                let inner = inner.trimmed(text);
                if !has_level && found.set_level(inner, text) {
                    has_level = true;
                } else if thread.is_none() {
                    thread = Some(inner);
                } else {
                    at.at = from;
                    return at.lost("a level");
                }
            }
            Some(_) if !has_level => {
                let word = at.word("a level")?;
                found.want_level(word, text)?;
                has_level = true;
            }
            _ => break,
        }
        at.blanks();
        if has_level && thread.is_none() {
            boot(text, at, found, &mut thread);
        }
    }
    if !has_level {
        return at.lost("a level");
    }
    if let Some(thread) = thread.filter(|thread| !thread.is_empty()) {
        found.add(&THREAD, thread);
    }
    Ok(())
}

/// What stands up to the bracket that closes, with a blank or the end behind it; the cursor is behind the one that opens. A thread
/// may have brackets in its name: they count, where they come in pairs.
fn bracketed(at: &mut Cursor<'_>) -> Option<Span> {
    let from = at.at;
    let rest = at.rest();
    let is_end = |end: usize| matches!(rest.get(end + 1), None | Some(b' ' | b'\t'));
    let first = memchr::memchr_iter(b']', rest).find(|&end| is_end(end))?;
    let within = &rest[..rest.len().min(LONGEST_BRACKET)];
    let length = match memchr::memchr(b'[', &rest[..first]) {
        None => first,
        Some(_) => {
            let mut open = 1;
            let closes = within.iter().position(|byte| {
                open += i32::from(*byte == b'[') - i32::from(*byte == b']');
                open == 0
            });
            closes.filter(|&end| is_end(end)).unwrap_or(first)
        }
    };
    at.at += length + 1;
    Some(Span::new(from, from + length))
}

/// Pairs of brackets are looked for so far.
const LONGEST_BRACKET: usize = 256;

/// Spring Boot's `4711 --- [application] [thread] ` behind the level; the application is there since 3.2.
fn boot(text: &[u8], at: &mut Cursor<'_>, found: &mut Found, thread: &mut Option<Span>) {
    let from = at.at;
    let pid = at.while_(|byte| byte.is_ascii_digit());
    at.blanks();
    if !at.skip(b"--- [") {
        at.at = from;
        return;
    }
    if !pid.is_empty() {
        found.add(&PID, pid);
    }
    *thread = bracketed(at).map(|inner| inner.trimmed(text));
    let more = at.clone();
    at.blanks();
    if at.skip(b"[") {
        match bracketed(at) {
            Some(second) => {
                if let Some(application) = thread.replace(second.trimmed(text)) {
                    found.add(&APPLICATION, application);
                }
            }
            None => *at = more,
        }
    }
    at.blanks();
}

/// The word that a colon or a dash ends; the cursor then is at the message. None, and not a step, where there is none.
fn logger(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> Option<Span> {
    let from = at.at;
    let parsed = logger_here(text, at, found);
    if parsed.is_none() {
        at.at = from;
    }
    parsed
}

fn logger_here(text: &[u8], at: &mut Cursor<'_>, found: &mut Found) -> Option<Span> {
    let word = at.while_(is_of_a_logger);
    let bytes = word.of(text);
    if !bytes.first()?.is_ascii_alphanumeric() {
        return None;
    }
    if matches!(at.peek(), None | Some(b' ')) && bytes.ends_with(b":") {
        at.skip(b" ");
        return Some(numbered(Span::new(word.from(), word.to() - 1), text, found));
    }
    at.blanks();
    if at.skip(b"(") {
        // %F:%M(%L)
        let length = memmem::find(at.rest(), b") ")?;
        let source = Span::new(at.at, at.at + length);
        at.at += length + 2;
        if !(at.skip(b"- ") || at.skip(b": ")) {
            return None;
        }
        found.add(&SOURCE, source);
        return Some(word);
    }
    let is_ended = at.skip(b"- ") || at.skip(b"-- ") || at.skip(b": ") || matches!(at.rest(), b"-" | b"--" | b":");
    if matches!(at.rest(), b"-" | b"--" | b":") {
        at.take_rest();
    }
    if !is_ended && !pairs(at, found) {
        return None;
    }
    Some(numbered(word, text, found))
}

fn is_of_a_logger(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'$' | b'-' | b':' | b'/' | b'@' | b'#' | b'[' | b']' | b'~')
        || byte >= 0x80
}

/// A logger without the number of a line behind its last colon.
fn numbered(logger: Span, text: &[u8], found: &mut Found) -> Span {
    let Some(colon) = memchr::memrchr(b':', logger.of(text)) else { return logger };
    let line = Span::new(logger.from() + colon + 1, logger.to());
    if colon == 0 || line.is_empty() || !line.of(text).iter().all(u8::is_ascii_digit) {
        return logger;
    }
    found.add(&LINE, line);
    Span::new(logger.from(), logger.from() + colon)
}

/// Logback's pairs of SLF4J's fluent interface: `-key="value" other="value"- `.
fn pairs(at: &mut Cursor<'_>, found: &mut Found) -> bool {
    if !at.skip(b"-") {
        return false;
    }
    let before = found.slots.len();
    loop {
        let key = at.while_(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if key.is_empty() || !at.skip(b"=\"") {
            break;
        }
        let Ok(value) = at.quoted("") else { break };
        found.add_at(key, Str, value);
        if at.skip(b"- ") || (at.rest() == b"-" && at.skip(b"-")) {
            return true;
        }
        if !at.skip(b" ") {
            break;
        }
    }
    found.slots.truncate(before);
    false
}

/// Hadoop's daemons: `%d{ISO8601} %p %c: %m` and, where they write the thread, `%d{ISO8601} %-5p [%t] %c{2} (%F:%M(%L)) - %m` or
/// with a colon; on a console `%d{yy/MM/dd HH:mm:ss}`. What an audit logger writes, pairs of `key=value` with tabs between,
/// becomes fields.
#[derive(Debug)]
pub(crate) struct Hadoop;

impl Layout for Hadoop {
    fn name(&self) -> &'static str {
        "hadoop"
    }

    fn begins(&self, byte: u8) -> bool {
        byte.is_ascii_digit()
    }

    fn fields(&self) -> &'static [&'static Known] {
        &HADOOP_FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        let Some((ms, end)) = clock.iso(text, 0).filter(|_| self.begins(text[0])) else {
            return at.lost("a time such as 2026-11-22 10:00:00,123 or 26/11/22 10:00:00");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b" ", "a blank after the time")?;
        let word = at.word("a level")?;
        if Level::of(word.of(text)).is_none() {
            at.at = word.from();
            return at.lost("a level");
        }
        found.set_level(word, text);
        at.blanks();
        if at.skip(b"[") {
            let Some(thread) = bracketed(&mut at) else { return at.lost("the end of the thread, and a blank") };
            found.add(&THREAD, thread);
            at.blanks();
        }
        let Some(logger) = logger(text, &mut at, found) else {
            return at.lost("a logger, and a colon");
        };
        found.add(&LOGGER, logger);
        let message = at.take_rest();
        found.add_message(message);
        let name = logger.of(text);
        if name.ends_with(b"audit") || name.ends_with(b"AuditLogger") {
            audit(message, text, found);
        }
        Ok(())
    }
}

/// `allowed=true ugi=root (auth:SIMPLE) ip=/127.0.0.1 cmd=listStatus src=/ dst=null perm=null proto=rpc`, with tabs between.
fn audit(message: Span, text: &[u8], found: &mut Found) {
    let mut from = message.from();
    for part in message.of(text).split(|byte| *byte == b'\t') {
        if let Some(equals) = memchr::memchr(b'=', part).filter(|equals| *equals > 0) {
            let key = &part[..equals];
            let mut value = Span::new(from + equals + 1, from + part.len());
            let kind = match key {
                b"allowed" => crate::FieldType::Bool,
                b"ip" | b"IP" => crate::FieldType::Ip,
                _ => Str,
            };
            if kind == crate::FieldType::Ip && value.of(text).starts_with(b"/") {
                value = Span::new(value.from() + 1, value.to()); // as Java writes an address without a name
            }
            if key.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
                && !matches!(value.of(text), b"" | b"null")
            {
                found.add_at(Span::new(from, from + equals), kind, value);
            }
        }
        from += part.len() + 1;
    }
}
