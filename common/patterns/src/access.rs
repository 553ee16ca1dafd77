//! Access logs of nginx and Apache: the common log format and what extends it.
//!
//! A line of the combined format does not say which of the two wrote it; where both are tried, the first has it, with
//! the same fields. Quoted values stand as they are in the line, with the escapes of their program.

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, Span};
use crate::layout::{Layout, Line, State};
use crate::spec::FieldType::{Int, Ip, Str};
use crate::time::Clock;

static VHOST: Known = Known::new("vhost", Str);
static CLIENT: Known = Known::new("client", Ip);
static IDENT: Known = Known::new("ident", Str);
static USER: Known = Known::new("user", Str);
static METHOD: Known = Known::new("method", Str);
static URL: Known = Known::new("url", Str);
static PROTOCOL: Known = Known::new("protocol", Str);
static REQUEST: Known = Known::new("request", Str);
static STATUS: Known = Known::new("status", Int);
static BYTES: Known = Known::new("bytes", Int);
static REFERER: Known = Known::new("referer", Str);
static AGENT: Known = Known::new("agent", Str);
static FORWARDED: Known = Known::new("forwarded", Str);
static EXTRA: Known = Known::new("extra", Str);

static FIELDS: [&Known; 14] = [
    &VHOST, &CLIENT, &IDENT, &USER, &METHOD, &URL, &PROTOCOL, &REQUEST, &STATUS, &BYTES, &REFERER, &AGENT, &FORWARDED,
    &EXTRA,
];

/// Whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// `combined`, the default; perhaps followed by more, as in the `main` format of its own packages.
    Nginx,
    /// `common`, `combined` and `vhost_combined`.
    Apache,
}

impl Layout for Access {
    fn name(&self) -> &str {
        match self {
            Self::Nginx => "nginx access",
            Self::Apache => "apache access",
        }
    }

    fn begins(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_')
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn read(&self, line: Line<'_>, _: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let text = line.head;
        let mut at = Cursor::new(text);
        if !self.begins(at.peek().unwrap_or(b' ')) {
            return at.lost("a client");
        }
        let first = at.word("a client")?;
        at.want(b" ", "a blank after the client")?;
        let second = match self {
            Self::Nginx => {
                at.want(b"-", "the - that nginx writes behind the client")?;
                Span::new(at.at - 1, at.at)
            }
            Self::Apache => at.word("an identity, or -")?,
        };
        at.want(b" ", "a blank after the identity")?;
        let user = user(&mut at)?;
        match vhost(text, second, user).filter(|_| *self == Self::Apache) {
            None => {
                found.add(&CLIENT, first);
                found.add_given(&IDENT, second, text);
                found.add_given(&USER, user, text);
            }
            Some((ident, user)) => {
                found.add(&VHOST, first);
                found.add(&CLIENT, second);
                found.add_given(&IDENT, ident, text);
                found.add_given(&USER, user, text);
            }
        }
        let Some((ms, end)) = clock.clf(text, at.at) else {
            return at.lost("a time such as 10/Oct/2000:13:55:36 -0700");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b"] \"", "the end of the time, and a request in quotes")?;
        let quoted = at.quoted("the end of the request")?;
        request(text, quoted, found);
        at.want(b" ", "a blank after the request")?;
        let status = at.digits("a status of three digits")?;
        if status.len() != 3 {
            at.at = status.from();
            return at.lost("a status of three digits");
        }
        found.add(&STATUS, status);
        at.want(b" ", "a blank after the status")?;
        if !at.skip(b"-") {
            found.add(&BYTES, at.digits("a number of bytes, or -")?);
        }
        if !at.skip(b" \"") {
            return match self {
                Self::Apache if at.is_at_end() => Ok(()),
                Self::Apache => at.lost("the end of the line, or a referer in quotes"),
                Self::Nginx => at.lost("a referer in quotes"),
            };
        }
        found.add_given(&REFERER, at.quoted("the end of the referer")?, text);
        at.want(b" \"", "an agent in quotes")?;
        found.add_given(&AGENT, at.quoted("the end of the agent")?, text);
        if at.is_at_end() {
            return Ok(());
        }
        at.want(b" ", "a blank, or the end of the line")?;
        let rest = Span::new(at.at, text.len());
        if at.skip(b"\"")
            && let Ok(forwarded) = at.quoted("")
            && at.is_at_end()
        {
            found.add_given(&FORWARDED, forwarded, text);
        } else {
            found.add_given(&EXTRA, rest, text);
        }
        Ok(())
    }
}

/// All up to the time, which may hold blanks; the cursor then is behind the bracket.
fn user(at: &mut Cursor<'_>) -> Result<Span, crate::cursor::Lost> {
    let from = at.at;
    if at.skip(b"- [") {
        return Ok(Span::new(from, from + 1));
    }
    let rest = at.rest();
    let end = memchr::memchr_iter(b'[', rest).find(|&bracket| bracket > 1 && rest[bracket - 1] == b' ');
    let Some(end) = end else { return at.lost("a user, or -, and a time in brackets") };
    at.at = from + end + 1;
    Ok(Span::new(from, from + end - 1))
}

/// Of `host:port client ident user`, the identity and the user, when `second` is the client and `user` the two others.
fn vhost(text: &[u8], second: Span, user: Span) -> Option<(Span, Span)> {
    if second.of(text) == b"-" {
        return None;
    }
    let length = memchr::memchr(b' ', user.of(text))?;
    let middle = user.from() + length;
    Some((Span::new(user.from(), middle), Span::new(middle + 1, user.to())))
}

/// `GET /path HTTP/1.1`, or whatever else a client sent.
fn request(text: &[u8], quoted: Span, found: &mut Found) {
    let request = quoted.of(text);
    let parts = memchr::memchr(b' ', request).and_then(|first| {
        let last = memchr::memrchr(b' ', request)?;
        let is_method =
            first > 0 && request[..first].iter().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
        (is_method && first < last && request[last + 1..].starts_with(b"HTTP/")).then_some((first, last))
    });
    match parts {
        Some((first, last)) => {
            let from = quoted.from();
            found.add(&METHOD, Span::new(from, from + first));
            found.add(&URL, Span::new(from + first + 1, from + last));
            found.add(&PROTOCOL, Span::new(from + last + 1, quoted.to()));
        }
        None => found.add_given(&REQUEST, quoted, text),
    }
}
