//! Where the plain bytes go: into chunks of exactly the plan's size, and into the dead letters what is wrong with them.

use bytes::Bytes;
use logmill_core::{Out, Outcome, Plan, Product, Reject, RejectReason};

/// So many rejects a file at most; those after them are only counted.
const MAX_REJECTS: u32 = 100;

/// For its limits the input counts by steps of so many bytes: for the same output a decoder takes a few bytes more or
/// fewer, as they come. Large enough that a call more for each step costs nothing.
pub(crate) const RATIO_STEP: u64 = 64 << 10;

/// The plan's limits on what a file may become.
struct Limits {
    max_ratio: u64,
    ratio_after_bytes: u64,
    max_bytes: u64,
}

/// What came out of a file so far.
pub(crate) struct Sink {
    limits: Limits,
    plain_bytes: usize,
    /// The plain chunk under way; shorter than `plain_bytes` between two calls.
    pub(crate) chunk: Vec<u8>,
    /// The bytes of the chunks before: how many, the first two, and the last four.
    pub(crate) pushed: u64,
    first: Vec<u8>,
    last: Vec<u8>,
    /// The plan's encoding is one whose line end is more than one byte.
    wide: bool,
    /// What the file turned out to be, for the chunks' notes.
    pub(crate) codec: String,
    pub(crate) rejects: u32,
    pub(crate) outcome: Outcome,
}

impl Sink {
    pub(crate) fn new(plan: &Plan) -> Self {
        let limits = Limits {
            max_ratio: plan.max_ratio.into(),
            ratio_after_bytes: plan.ratio_after_bytes,
            max_bytes: plan.max_bytes,
        };
        let label = plan.encoding.as_deref().unwrap_or_default().to_ascii_lowercase();
        Self {
            limits,
            plain_bytes: plan.plain_bytes.max(1) as usize,
            chunk: Vec::new(),
            pushed: 0,
            first: Vec::new(),
            last: Vec::new(),
            wide: label.starts_with("utf-16") || label.starts_with("utf-32"),
            codec: "plain".into(),
            rejects: 0,
            outcome: Outcome::Complete,
        }
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.pushed + self.chunk.len() as u64
    }

    /// `at`: the place in the file, where that is known.
    pub(crate) fn refuse(
        &mut self,
        reason: RejectReason,
        detail: String,
        at: Option<u64>,
        sample: &[u8],
        out: &mut Out,
    ) {
        self.outcome = Outcome::Partial;
        self.rejects += 1;
        if self.rejects <= MAX_REJECTS {
            let reject = Reject::new(reason, detail).carrying(&Bytes::copy_from_slice(sample));
            out.reject(Reject { at_byte: at, ..reject });
        }
    }

    /// For people; nothing where every reject was sent.
    pub(crate) fn evidence(&self) -> String {
        if self.rejects <= MAX_REJECTS {
            return String::new();
        }
        format!("; {} damaged places, of which {MAX_REJECTS} are reported", self.rejects)
    }

    /// Which limit `bytes_out` pass, where they came of the first `read` bytes of the file.
    pub(crate) fn over_limit(&self, bytes_out: u64, read: u64) -> Option<String> {
        let Limits { max_ratio, ratio_after_bytes, max_bytes } = self.limits;
        let read = read.next_multiple_of(RATIO_STEP);
        let allowed = read.saturating_mul(max_ratio).saturating_add(ratio_after_bytes);
        if bytes_out > max_bytes {
            Some(format!("more than {max_bytes} bytes decompressed, the plan's limit"))
        } else if bytes_out > allowed {
            Some(format!(
                "more than {max_ratio} bytes decompressed for each compressed byte, after the first \
                 {ratio_after_bytes}, the plan's limit"
            ))
        } else {
            None
        }
    }

    /// The chunk under way, with room for at least a byte.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.chunk.capacity() == 0 {
            self.chunk = Vec::with_capacity(self.plain_bytes);
            assert_eq!(self.chunk.capacity(), self.plain_bytes, "a chunk is cut where its buffer ends");
        }
        &mut self.chunk
    }

    pub(crate) fn is_full(&self) -> bool {
        self.chunk.len() == self.plain_bytes
    }

    /// Appends `bytes`, which came of the first `read` bytes of the file. Which limit is passed, with the chunk that passes it:
    /// the bytes after it are dropped.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], read: u64, out: &mut Out) -> Result<(), String> {
        while !bytes.is_empty() {
            let room = self.plain_bytes - self.room().len();
            let (some, rest) = bytes.split_at(bytes.len().min(room));
            self.chunk.extend_from_slice(some);
            bytes = rest;
            self.flush_full(read, out)?;
        }
        Ok(())
    }

    /// Pushes the chunk if it is full. Which limit is passed with it.
    pub(crate) fn flush_full(&mut self, read: u64, out: &mut Out) -> Result<(), String> {
        if self.is_full() {
            self.flush(out);
            return self.over_limit(self.pushed, read).map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Appends bytes of a file that is not compressed, up to the end of the chunk under way; how many. No limit is on them.
    pub(crate) fn plain(&mut self, bytes: &Bytes, out: &mut Out) -> usize {
        let some = bytes.len().min(self.plain_bytes - self.chunk.len());
        if some == self.plain_bytes {
            self.push(bytes.slice(..some), out); // as they came
        } else {
            self.room().extend_from_slice(&bytes[..some]);
            if self.is_full() {
                self.flush(out);
            }
        }
        some
    }

    pub(crate) fn flush(&mut self, out: &mut Out) {
        if !self.chunk.is_empty() {
            let mut chunk = std::mem::take(&mut self.chunk);
            if chunk.len() < chunk.capacity() / 2 {
                chunk.shrink_to_fit(); // a small file does not hold a large chunk's memory on its way
            }
            self.push(chunk.into(), out);
        }
    }

    fn push(&mut self, bytes: Bytes, out: &mut Out) {
        let missing = 2 - self.first.len();
        self.first.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(4)..]);
        self.last.drain(..self.last.len().saturating_sub(4));
        self.pushed += bytes.len() as u64;
        out.push(Product::new(bytes).note("codec", self.codec.as_str()));
    }

    /// What has to stand between the bytes so far and those after a gap, which do not belong to the same line: a line end,
    /// unless they end with one. Nothing where a line end may be more than one byte, which would set the bytes after it off
    /// by one: UTF-16 and UTF-32 by the plan, by their BOM, or by the NULs that every character of ASCII has in them.
    pub(crate) fn line_end(&self) -> &'static [u8] {
        let first: Vec<u8> = self.first.iter().chain(&self.chunk).copied().take(2).collect();
        let last = [&self.last[..], &self.chunk[self.chunk.len().saturating_sub(4)..]].concat();
        let last = &last[last.len().saturating_sub(4)..];
        let wide = self.wide || first == b"\xff\xfe" || first == b"\xfe\xff" || last.contains(&0);
        if wide || matches!(last.last(), None | Some(b'\n')) { b"" } else { b"\n" }
    }
}
