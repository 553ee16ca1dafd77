//! The error log of Apache httpd 2.4. Its access logs: [`crate::access`].

use crate::cursor::{Cursor, Read};
use crate::found::{Found, Known, MESSAGE, SEVERITY, Span};
use crate::layout::{Layout, Line, State};
use crate::spec::FieldType::{Int, Ip, Str};
use crate::time::Clock;
use memchr::memmem;

static MODULE: Known = Known::new("module", Str);
static PID: Known = Known::new("pid", Int);
static TID: Known = Known::new("tid", Int);
static SOURCE: Known = Known::new("source", Str);
static CLIENT: Known = Known::new("client", Ip);
static PORT: Known = Known::new("port", Int);
static CODE: Known = Known::new("code", Str);
static REFERER: Known = Known::new("referer", Str);

static FIELDS: [&Known; 10] = [&MODULE, &SEVERITY, &PID, &TID, &SOURCE, &CLIENT, &PORT, &CODE, &MESSAGE, &REFERER];

/// `[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:51234] File does not exist: /x`;
/// without module and process it is that of 2.2.
#[derive(Debug)]
pub(crate) struct ApacheError;

impl Layout for ApacheError {
    fn name(&self) -> &'static str {
        "apache error"
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
        let Some((ms, end)) = clock.asctime(text, at.at) else {
            return at.lost("a time such as Fri Sep 09 10:42:29.902022 2011");
        };
        found.time = Some(ms);
        at.at = end;
        at.want(b"] [", "the end of the time, and a level in brackets")?;
        let level = at.until(b']', "the end of the level")?;
        let level = match memchr::memchr(b':', level.of(text)) {
            Some(length) => {
                let middle = level.from() + length;
                found.add_given(&MODULE, Span::new(level.from(), middle), text);
                Span::new(middle + 1, level.to())
            }
            None => level,
        };
        found.want_level(level, text)?;
        at.want(b" ", "a blank after the level")?;
        if at.skip(b"[pid ") {
            found.add(&PID, at.digits("a process number")?);
            if at.skip(b":tid ") {
                found.add(&TID, at.digits("a thread number")?);
            }
            at.want(b"] ", "the end of the process number, and a blank")?;
        }
        // The source file and the system's error, where they are, stand before the client.
        if let Some(length) = memmem::find(at.rest(), b"[client ") {
            let before = Span::new(at.at, at.at + length).trimmed(text);
            at.at += length + b"[client ".len();
            let client = at.until(b']', "the end of the client")?;
            let address = client.of(text);
            // An address of IPv6 has colons of its own: the port is what stands after the last one, as Apache always writes it.
            let port = memchr::memrchr(b':', address).filter(|colon| {
                let port = &address[colon + 1..];
                !port.is_empty()
                    && port.iter().all(u8::is_ascii_digit)
                    && address.iter().any(|b| *b == b'.' || *b == b':')
            });
            if !before.is_empty() {
                let colon = usize::from(before.of(text).ends_with(b":"));
                found.add(&SOURCE, Span::new(before.from(), before.to() - colon));
            }
            let end = client.from() + port.unwrap_or(client.len());
            found.add_given(&CLIENT, Span::new(client.from(), end), text);
            if port.is_some() {
                found.add(&PORT, Span::new(end + 1, client.to()));
            }
            at.blanks();
        }
        if let [b'A', b'H', digits @ .., b':', b' '] = at.rest().get(..9).unwrap_or_default()
            && digits.iter().all(u8::is_ascii_digit)
        {
            found.add(&CODE, Span::new(at.at, at.at + 7));
            at.at += 9;
        }
        let rest = at.take_rest();
        let referer = b", referer: ";
        match memmem::rfind(rest.of(text), referer) {
            None => found.add_message(rest),
            Some(length) => {
                found.add_message(Span::new(rest.from(), rest.from() + length));
                found.add_given(&REFERER, Span::new(rest.from() + length + referer.len(), rest.to()), text);
            }
        }
        Ok(())
    }
}
