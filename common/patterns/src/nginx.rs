//! The error log of nginx. Its access log: [`crate::access`].

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::spec::FieldType::{Int, Ip, Str};
use crate::time::Clock;
use memchr::memmem;

static PID: Known = Known::new("pid", Int);
static TID: Known = Known::new("tid", Int);
static CONNECTION: Known = Known::new("connection", Int);
static CLIENT: Known = Known::new("client", Ip);
static SERVER: Known = Known::new("server", Str);
static REQUEST: Known = Known::new("request", Str);
static SUBREQUEST: Known = Known::new("subrequest", Str);
static UPSTREAM: Known = Known::new("upstream", Str);
static HOST: Known = Known::new("host", Str);
static REFERRER: Known = Known::new("referrer", Str);

static FIELDS: [&Known; 12] = [
    &SEVERITY,
    &PID,
    &TID,
    &CONNECTION,
    &MESSAGE,
    &CLIENT,
    &SERVER,
    &REQUEST,
    &SUBREQUEST,
    &UPSTREAM,
    &HOST,
    &REFERRER,
];

/// `2026/11/22 10:00:00 [error] 17#17: *5 open() "/x" failed (2: No such file or directory), client: 127.0.0.1, server: _, …`
#[derive(Debug)]
pub(crate) struct NginxError;

impl Layout for NginxError {
    fn name(&self) -> &'static str {
        "nginx error"
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
        let has_slash = text.get(4) == Some(&b'/');
        let Some((ms, end)) = clock.iso(text, 0).filter(|_| has_slash) else {
            return at.lost("a time such as 2026/11/22 10:00:00");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b" [", "a blank and a level in brackets")?;
        let level = at.until(b']', "the end of the level")?;
        found.want_level(level, text)?;
        at.want(b" ", "a blank after the level")?;
        found.add(&PID, at.digits("a process number")?);
        at.want(b"#", "a # after the process number")?;
        found.add(&TID, at.digits("a thread number")?);
        at.want(b": ", "a colon and a blank after the thread number")?;
        if at.skip(b"*") {
            found.add(&CONNECTION, at.digits("a connection number")?);
            at.want(b" ", "a blank after the connection number")?;
        }
        let message = at.take_rest();
        let end = memmem::find(message.of(text), b", client: ").map_or(text.len(), |length| message.from() + length);
        found.add_message(Span::new(message.from(), end));
        context(text, end, found);
        Ok(())
    }
}

/// `, client: 127.0.0.1, server: _, request: "GET / HTTP/1.1", host: "x"`, as far as it goes on so.
fn context(text: &[u8], from: usize, found: &mut Found) {
    let mut at = Cursor::new(text);
    at.at = from;
    while at.skip(b", ") {
        let key = at.while_(|byte| byte.is_ascii_alphabetic() || byte == b' ');
        if !at.skip(b": ") {
            return;
        }
        let value = if at.skip(b"\"") {
            // A quote in a request is not escaped: it ends where the next pair begins, or the line.
            let rest = at.rest();
            let whole = rest.strip_suffix(b"\"").unwrap_or(rest).len();
            let length = memmem::find(rest, b"\", ").unwrap_or(whole);
            let value = Span::new(at.at, at.at + length);
            at.at = text.len().min(value.to() + 1);
            value
        } else {
            at.while_(|byte| byte != b',')
        };
        let known = match key.of(text) {
            b"client" => &CLIENT,
            b"server" => &SERVER,
            b"request" => &REQUEST,
            b"subrequest" => &SUBREQUEST,
            b"upstream" => &UPSTREAM,
            b"host" => &HOST,
            b"referrer" => &REFERRER,
            _ => continue,
        };
        if !value.is_empty() {
            found.add(known, value);
        }
    }
}
