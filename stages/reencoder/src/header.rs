//! The line of a file that names the columns of the others, as its chunks go by.

use logmill_core::{Header, LineSpan, Plan};
use memchr::memchr;
use memchr::memmem::find_iter;
use std::sync::Arc;

/// The header line that stands last in the chunks so far.
pub(crate) struct HeaderLine {
    kind: Option<Header>,
    /// Bytes that it may have.
    longest: usize,
    /// Without its end. `None` before the first one, and after one that is too long: no header is better than another's.
    pub(crate) in_force: Option<Arc<str>>,
    /// The first line that was too long, from 1.
    pub(crate) too_long: Option<u64>,
}

impl HeaderLine {
    pub(crate) fn new(plan: &Plan, line_bytes: usize) -> Self {
        Self { kind: plan.header, longest: Header::longest(line_bytes), in_force: None, too_long: None }
    }

    /// Looks at the next chunk, which is UTF-8. `part`: it ends within a line.
    pub(crate) fn see(&mut self, chunk: &[u8], span: LineSpan, part: bool) {
        let is_beginning = |at: usize| if at == 0 { span.first_part == 0 } else { chunk[at - 1] == b'\n' };
        let found = match self.kind {
            None => return,
            Some(Header::Csv) => (span.first_line == 1 && span.first_part == 0).then_some(0),
            Some(Header::W3c) => find_iter(chunk, Header::W3C).filter(|at| is_beginning(*at)).last(),
        };
        let Some(begin) = found else { return };
        let line = &chunk[begin..];
        let (line, is_whole) = match memchr(b'\n', line) {
            Some(lf) => (line[..lf].strip_suffix(b"\r").unwrap_or(&line[..lf]), true),
            None => (line, !part),
        };
        self.in_force = None;
        if is_whole && line.len() <= self.longest {
            self.in_force = std::str::from_utf8(line).ok().map(Arc::from);
        } else {
            let lines_before = memchr::memchr_iter(b'\n', &chunk[..begin]).count() as u64;
            self.too_long.get_or_insert(span.first_line + lines_before);
        }
    }
}
