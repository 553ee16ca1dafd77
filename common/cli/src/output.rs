//! Standard output, which may be closed by its reader at any time.

use anyhow::{Context, Result};
use serde::Serialize;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Writes to standard output. Once the reader has closed it, writes are passed over and [`Printer::is_closed`] says so.
pub struct Printer<W: Write> {
    out: BufWriter<W>,
    closed: bool,
}

impl Printer<io::Stdout> {
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Printer<W> {
    pub fn new(out: W) -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, out), closed: false }
    }

    /// Whether nobody reads any more: there is no use in going on.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn text(&mut self, text: &str) -> Result<()> {
        self.write(|out| out.write_all(text.as_bytes()))
    }

    pub fn line(&mut self, text: &str) -> Result<()> {
        self.write(|out| writeln!(out, "{text}"))
    }

    /// One JSON object, on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        self.write(|out| {
            serde_json::to_writer(&mut *out, value)?;
            out.write_all(b"\n")
        })
    }

    /// Hands over what is buffered.
    pub fn finish(&mut self) -> Result<()> {
        self.write(Write::flush)
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<W>) -> io::Result<()>) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result.context("standard output cannot be written"),
        }
    }
}

impl<W: Write> Drop for Printer<W> {
    fn drop(&mut self) {
        // What is still buffered has nowhere to report to; commands call `finish`.
        let _ = self.out.flush();
    }
}

/// A text with its control characters escaped, tabs left as they are.
pub fn escaped(text: &str) -> String {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() && c != '\t' { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// The same of bytes; those that are not UTF-8 as `\\xff`.
pub fn escaped_bytes(bytes: &[u8]) -> String {
    let chunks = bytes.utf8_chunks();
    chunks.map(|chunk| escaped(chunk.valid()) + &chunk.invalid().escape_ascii().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_stay_readable() {
        assert_eq!(escaped_bytes(b"caf\xe9 \xe4\xbd\xa0\r"), "caf\\xe9 你\\r");
    }

    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let mut out = Printer::new(Closed);
        out.line("lost").unwrap();
        out.finish().unwrap();
        assert!(out.is_closed());
        out.json(&1).unwrap();
    }
}
