//! Where the decoder of one file stands.

use crate::cutter::Cutter;
use crate::decode::{Counts, Decode};
use crate::detect::{self, Found, HEAD, Window};
use crate::losers::{Losers, Lost};
use bytes::{Buf, Bytes};
use logmill_core::{End, Event, Header, Out, Outcome, Plan, Progress};
use logmill_encodings::{Encoding, UTF_8};

/// What is known of the encoding.
enum Phase {
    /// The beginning of the file, shorter than [`HEAD`].
    Head(Vec<u8>),
    /// Only ASCII so far, or since a window without evidence: it needs no decision.
    Ascii,
    /// From the first byte that is not ASCII (or is ESC), not full.
    Window(Window),
    Known(Decode),
}

/// What was decoded by a guess before there was evidence.
#[derive(Default)]
struct Early {
    /// Where the last window without evidence was separated from what follows it; 0: there was none.
    to: u64,
    /// How many of the bytes are not ASCII.
    high: usize,
    /// Where the window with the evidence begins.
    decided_at: Option<u64>,
}

impl Early {
    /// Adds when it was decided, where that was not with the first window.
    fn explain(&self, evidence: &mut String) {
        let Self { to: 1.., high, decided_at } = self else { return };
        match decided_at {
            Some(at) => evidence.push_str(&format!("; decided from byte {at} on")),
            None => evidence.push_str("; never enough to decide"),
        }
        if *high > 0 {
            evidence.push_str(&format!("; {high} bytes that are not ASCII, up to byte {}, were guessed", self.to));
        }
    }
}

/// The state of one file.
pub struct State {
    phase: Phase,
    cutter: Cutter,
    /// The plan's.
    rules: u32,
    /// The encoding that the plan fixes.
    fixed: Option<&'static Encoding>,
    default: &'static Encoding,
    /// What is decided, or what the last window without evidence was taken for.
    found: Option<Found>,
    /// What the beginning of the file speaks against, ...
    at_head: Losers,
    /// ... and what the window does by which `found` was found.
    in_window: Losers,
    /// What was given out of windows without evidence.
    early: Early,
    counts: Counts,
    malformed_per_million: u64,
    bytes_in: u64,
}

impl State {
    /// A label that nobody knows counts as none: configuration refuses those. `explained`: it is to be told why the file is not
    /// in the other encodings.
    pub(crate) fn new(plan: &Plan, explained: bool) -> Self {
        Self {
            phase: Phase::Head(Vec::new()),
            cutter: Cutter::new(plan),
            rules: plan.rules,
            fixed: plan.encoding.as_deref().and_then(Encoding::for_label),
            default: Encoding::for_label(&plan.default_encoding).unwrap_or(UTF_8),
            found: None,
            at_head: Losers::new(explained),
            in_window: Losers::new(explained),
            early: Early::default(),
            counts: Counts::default(),
            malformed_per_million: u64::from(plan.malformed_per_million),
            bytes_in: 0,
        }
    }

    pub(crate) fn read(&mut self, input: &mut Bytes, out: &mut Out) -> Progress {
        while input.has_remaining() {
            if out.is_full() {
                return Progress::More;
            }
            let used = match &mut self.phase {
                Phase::Head(held) => {
                    let n = input.len().min(HEAD - held.len());
                    held.extend_from_slice(&input[..n]);
                    if held.len() == HEAD {
                        self.end_head(out);
                    }
                    n
                }
                Phase::Ascii => self.ascii(input, out),
                Phase::Window(window) => {
                    let n = window.take(input);
                    if window.is_full() {
                        self.end_window(self.bytes_in + n as u64, false, out);
                    }
                    n
                }
                Phase::Known(decode) => decode.step(input, &mut self.cutter, &mut self.counts, out),
            };
            self.bytes_in += used as u64;
            input.advance(used);
        }
        Progress::Done
    }

    /// All that `held` can tell is there.
    fn end_head(&mut self, out: &mut Out) {
        let Phase::Head(held) = std::mem::replace(&mut self.phase, Phase::Ascii) else {
            unreachable!("only called at the beginning")
        };
        let found = match self.fixed {
            Some(encoding) => Some(detect::fixed(encoding, &held, self.rules, &mut self.at_head)),
            None => detect::head(&held, self.rules, &mut self.at_head),
        };
        let mark = found.as_ref().map_or(0, |(_, mark)| *mark);
        if let Some((found, _)) = found {
            self.know(found);
        }
        self.again(&held[mark..], out);
    }

    /// The window ends with the byte before `end`. `whole`: so does the file.
    fn end_window(&mut self, end: u64, whole: bool, out: &mut Out) {
        let Phase::Window(window) = std::mem::replace(&mut self.phase, Phase::Ascii) else {
            unreachable!("only called within the window")
        };
        let begin = end - window.held.len() as u64;
        let mut losers = self.at_head.of(begin);
        let found = detect::window(&window.held, whole, self.default, self.rules, &mut losers);
        if window.is_evidence() {
            self.early.decided_at = Some(begin);
            self.in_window = losers;
            self.know(found);
            return self.again(&window.held, out);
        }
        let (guessed, rest) = window.held.split_at(if whole { window.held.len() } else { window.separable() });
        self.guess(guessed, found, losers, out);
        if !whole || self.early.to > 0 {
            self.early.to = begin + guessed.len() as u64;
        }
        self.again(rest, out);
    }

    /// Decodes bytes that are too little to decide by, and decides nothing for what follows.
    fn guess(&mut self, mut bytes: &[u8], found: Found, losers: Losers, out: &mut Out) {
        let mut decode = Decode::new(found.encoding);
        let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
        if high > 0 {
            self.early.high += high;
            self.in_window = losers;
            self.tell(found);
        }
        while !bytes.is_empty() {
            let used = decode.step(bytes, &mut self.cutter, &mut self.counts, out);
            bytes = &bytes[used..];
        }
        decode.finish(&mut self.cutter, &mut self.counts, out);
    }

    fn know(&mut self, found: Found) {
        self.phase = Phase::Known(Decode::new(found.encoding));
        self.tell(found);
    }

    fn tell(&mut self, found: Found) {
        self.cutter.encoding = found.encoding.name().to_owned();
        self.found = Some(found);
    }

    /// Reads bytes that were held back, and are counted already where they came in. At most a window: `out` is not
    /// asked.
    fn again(&mut self, mut bytes: &[u8], out: &mut Out) {
        while !bytes.is_empty() {
            let used = match &mut self.phase {
                Phase::Ascii => self.ascii(bytes, out),
                Phase::Known(decode) => decode.step(bytes, &mut self.cutter, &mut self.counts, out),
                // What the head held, or the rest of a window without evidence: neither fills a window.
                Phase::Window(window) => window.take(bytes),
                Phase::Head(_) => unreachable!("the head comes once"),
            };
            bytes = &bytes[used..];
        }
    }

    /// Passes ASCII on as it is; at its end the window begins.
    fn ascii(&mut self, bytes: &[u8], out: &mut Out) -> usize {
        let n = bytes.len().min(self.cutter.room());
        let end = detect::ascii_end(&bytes[..n]);
        let ascii = end.unwrap_or(n);
        self.cutter.text.extend_from_slice(&bytes[..ascii]);
        self.cutter.valid += ascii;
        self.cutter.cut(out);
        if end.is_some() {
            self.phase = Phase::Window(Window::default());
        }
        ascii
    }

    /// Ends the file, and says why it is not in the other encodings, where that was asked for.
    pub(crate) fn finish(mut self, end: End, out: &mut Out) -> (Outcome, Vec<Lost>) {
        if matches!(self.phase, Phase::Head(_)) {
            self.end_head(out);
        }
        if matches!(self.phase, Phase::Window(_)) {
            self.end_window(self.bytes_in, true, out);
        }
        if let Phase::Known(decode) = &mut self.phase {
            decode.finish(&mut self.cutter, &mut self.counts, out);
        }
        let totals = self.cutter.finish(out);
        let outcome = end.outcome();
        if self.found.is_none() {
            self.in_window.others(|| "not looked for, as all bytes are ASCII".into());
        }
        let mut found = self.found.unwrap_or_else(|| Found { encoding: UTF_8, evidence: "ASCII".into() });
        self.early.explain(&mut found.evidence);
        self.counts.foreign.explain(&mut found.evidence);
        if let Some(line) = totals.long_header {
            let most = Header::BYTES;
            found.evidence.push_str(&format!(
                "; the header in line {line} is longer than line_bytes or {most} bytes: the lines behind it go without"
            ));
        }
        let name = found.encoding.name();
        let malformed = self.counts.malformed;
        let too_many = malformed.saturating_mul(1_000_000) > self.malformed_per_million * self.bytes_in.max(1);
        let quarantine = (malformed > 0 && too_many).then(|| {
            format!(
                "{malformed} malformed sequences in {} bytes as {name}, more than {} in a million",
                self.bytes_in, self.malformed_per_million
            )
        });
        out.event(Event::Closed {
            outcome,
            bytes_in: self.bytes_in,
            bytes_out: totals.bytes,
            lines: totals.lines,
            rows: totals.rows,
            malformed,
            crc32: None,
            found: Some(name.to_owned()),
            evidence: Some(found.evidence),
            quarantine,
        });
        let mut lost = self.at_head.told();
        lost.extend(self.in_window.told());
        // A way by which it was not found is no reason against what was found in another.
        lost.retain_mut(|Lost { candidates, .. }| {
            let is_of_others = candidates.is_empty();
            candidates.retain(|candidate| candidate.encoding != name);
            self.bytes_in > 0 && (is_of_others || !candidates.is_empty())
        });
        (outcome, lost)
    }
}
