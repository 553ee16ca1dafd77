//! Syslog: as RFC 3164 describes it and daemons write it to files, and as RFC 5424 has it.

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::level::Level;
use crate::spec::FieldType::{Int, Str};
use crate::time::Clock;

static FACILITY: Known = Known::new("facility", Str);
static HOST: Known = Known::new("host", Str);
static PROGRAM: Known = Known::new("program", Str);
static PID: Known = Known::new("pid", Str); // of 5424 it may be any word
static NUMBER: Known = Known::new("pid", Int);
static MSGID: Known = Known::new("msgid", Str);
static OLD_FIELDS: [&Known; 6] = [&FACILITY, &SEVERITY, &HOST, &PROGRAM, &NUMBER, &MESSAGE];
static NEW_FIELDS: [&Known; 7] = [&FACILITY, &SEVERITY, &HOST, &PROGRAM, &PID, &MSGID, &MESSAGE];

/// By number: RFC 5424, 6.2.1, with the words of `logger(1)` and rsyslog.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// `<34>`, if it is there: facility × 8 + severity.
fn priority(at: &mut Cursor<'_>, found: &mut Found) -> Result<bool, crate::cursor::Lost> {
    if !at.skip(b"<") {
        return Ok(false);
    }
    let digits = at.digits("a priority from 0 to 191")?;
    let number = digits.of(at.text).iter().take(4).fold(0_usize, |n, digit| 10 * n + usize::from(digit - b'0'));
    if digits.len() > 3 || number > 191 {
        at.at = digits.from();
        return at.lost("a priority from 0 to 191");
    }
    at.want(b">", "the end of the priority")?;
    let severity = number & 7;
    found.level = Level::of_severity(severity as u8);
    let word = |found: &mut Found, word: &str| {
        let from = found.scratch.len();
        found.scratch.extend_from_slice(word.as_bytes());
        Span::scratch(from, found.scratch.len())
    };
    let facility = word(found, FACILITIES[number >> 3]);
    found.add(&FACILITY, facility);
    if !found.level.is_called(SEVERITIES[severity].as_bytes()) {
        let severity = word(found, SEVERITIES[severity]);
        found.add(&SEVERITY, severity);
    }
    Ok(true)
}

/// `<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed`, in files mostly without the priority; and rsyslog's form with a
/// time of ISO 8601. Where that stands without a priority, the program and a colon must follow the host, for much else begins so;
/// unless the time is as rsyslog writes it, with six decimals and a zone in numbers. Of what came by RFC 5424 that has no colon behind
/// the program, which then is the beginning of the message.
#[derive(Debug)]
pub(crate) struct OldSyslog;

impl Layout for OldSyslog {
    fn name(&self) -> &'static str {
        "syslog 3164"
    }

    fn begins(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'<'
    }

    fn fields(&self) -> &'static [&'static Known] {
        &OLD_FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        let has_priority = priority(&mut at, found)?;
        let bsd = clock.bsd(text, at.at);
        let is_iso = bsd.is_none();
        let Some((ms, end)) = bsd.or_else(|| clock.iso(text, at.at)) else {
            return at.lost("a time such as Oct  9 22:33:20 or 2026-11-22T10:00:00.123456+00:00");
        };
        if is_iso && text.get(at.at + 10) != Some(&b'T') {
            return at.lost("a time such as Oct  9 22:33:20 or 2026-11-22T10:00:00.123456+00:00");
        }
        found.time = Some(ms);
        at.at = end;
        at.want(b" ", "a blank after the time")?;
        found.add(&HOST, at.word("a host")?);
        at.want(b" ", "a blank after the host")?;
        let after_host = at.at;
        if !tag(&mut at, found) {
            let is_of_rsyslog = text[..end].len() == 32 && text[19] == b'.' && matches!(text[26], b'+' | b'-');
            if is_iso && !has_priority && !is_of_rsyslog {
                at.at = after_host;
                return at.lost("a program, and a colon");
            }
            at.at = after_host;
        }
        at.skip(b" ");
        found.add_message(at.take_rest());
        Ok(())
    }
}

/// `program: ` or `program[pid]: `; the cursor then is behind the colon.
fn tag(at: &mut Cursor<'_>, found: &mut Found) -> bool {
    let program = at.while_(|byte| byte.is_ascii_graphic() && !matches!(byte, b'[' | b':' | b']'));
    if program.is_empty() {
        return false;
    }
    let mut pid = None;
    if at.skip(b"[") {
        let number = at.while_(|byte| byte.is_ascii_graphic() && byte != b']');
        if !at.skip(b"]") {
            return false;
        }
        pid = Some(number).filter(|number| !number.is_empty());
    }
    if !at.skip(b":") {
        return false;
    }
    if !matches!(at.peek(), None | Some(b' ')) {
        return false;
    }
    found.add(&PROGRAM, program);
    if let Some(pid) = pid {
        found.add(&NUMBER, pid);
    }
    true
}

/// `<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3"] An application event`. A parameter
/// of the structured data is a field, its name that of its element and its own with a dot between.
#[derive(Debug)]
pub(crate) struct NewSyslog;

impl Layout for NewSyslog {
    fn name(&self) -> &'static str {
        "syslog 5424"
    }

    fn begins(&self, byte: u8) -> bool {
        byte == b'<'
    }

    fn fields(&self) -> &'static [&'static Known] {
        &NEW_FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        if !priority(&mut at, found)? {
            return at.lost("a priority in angle brackets");
        }
        at.want(b"1 ", "the version 1, and a blank")?;
        if !at.skip(b"-") {
            let Some((ms, end)) = clock.iso(text, at.at) else {
                return at.lost("a time such as 2003-10-11T22:14:15.003Z, or -");
            };
            found.time = Some(ms);
            at.at = end;
        }
        for known in [&HOST, &PROGRAM, &PID, &MSGID] {
            at.want(b" ", "a blank, and a host, program, process or kind of message")?;
            let word = at.word("a host, program, process or kind of message, or -")?;
            found.add_given(known, word, text);
        }
        at.want(b" ", "a blank, and structured data")?;
        if !at.skip(b"-") {
            if at.peek() != Some(b'[') {
                return at.lost("structured data in square brackets, or -");
            }
            while at.skip(b"[") {
                element(&mut at, text, found)?;
            }
        }
        if at.is_at_end() {
            return Ok(());
        }
        at.want(b" ", "a blank, and the message")?;
        at.skip(b"\xef\xbb\xbf");
        found.add_message(at.take_rest());
        Ok(())
    }
}

/// `exampleSDID@32473 iut="3" eventSource="Application"]`
fn element(at: &mut Cursor<'_>, text: &[u8], found: &mut Found) -> Read {
    let is_of_a_name = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"');
    let id = at.while_(is_of_a_name);
    if id.is_empty() {
        return at.lost("the name of an element of structured data");
    }
    while at.skip(b" ") {
        let name = at.while_(is_of_a_name);
        at.want(b"=\"", "an equals sign, and a value in quotes")?;
        let value = at.quoted("the end of the value")?;
        let is_too_long = id.len() + 1 + name.len() > crate::found::LONGEST_NAME;
        if value.is_empty() || is_too_long || found.len() == crate::found::MOST_FIELDS {
            continue; // before the name is joined
        }
        let from = found.scratch.len();
        for part in [id.of(text), b".", name.of(text)] {
            found.scratch.extend_from_slice(part);
        }
        let name = Span::scratch(from, found.scratch.len());
        let value = unescaped(value, text, found);
        found.add_at(name, Str, value);
    }
    at.want(b"]", "a blank and a parameter, or the end of the element")
}

/// RFC 5424, 6.3.3: a backslash before `"`, `\` and `]` goes, any other stays.
fn unescaped(value: Span, text: &[u8], found: &mut Found) -> Span {
    let bytes = value.of(text);
    if memchr::memchr(b'\\', bytes).is_none() {
        return value;
    }
    let from = found.scratch.len();
    let mut at = 0;
    while at < bytes.len() {
        at += usize::from(bytes[at] == b'\\' && matches!(bytes.get(at + 1), Some(b'"' | b'\\' | b']')));
        found.scratch.push(bytes[at]);
        at += 1;
    }
    Span::scratch(from, found.scratch.len())
}
