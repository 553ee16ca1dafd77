//! One stream of brotli (RFC 7932), fed with any pieces.

use crate::member::{Step, Then};
use brotli_decompressor::{
    BrotliDecoderHasMoreOutput, BrotliDecoderTakeOutput, BrotliDecompressStream, BrotliResult, BrotliState,
    StandardAlloc,
};

/// The decoder of one stream.
pub(crate) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    /// `None` before the first byte, which says how large the window is.
    window_log: Option<u32>,
    largest_log: u32,
    /// It ended or failed; what it decoded before may not have been handed on.
    over: Option<Then>,
}

/// The window that the first byte of a stream asks for, as a power of two (RFC 7932, 9.1).
fn window_log(first: u8) -> u32 {
    let (three, next_three) = (u32::from(first >> 1 & 7), u32::from(first >> 4 & 7));
    match (first & 1, three, next_three) {
        (0, _, _) => 16,
        (_, 0, 0) => 17,
        (_, 0, more) => 8 + more,
        (_, more, _) => 17 + more,
    }
}

impl Brotli {
    /// `largest_log`: the largest window that it may ask for, a power of two.
    pub(crate) fn new(largest_log: u32) -> Self {
        let alloc = StandardAlloc::default;
        let state = BrotliState::new_strict(alloc(), alloc(), alloc());
        Self { state, window_log: None, largest_log, over: None }
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let go_on = |read| Step { read, back: Vec::new(), then: Then::GoOn };
        if self.window_log.is_none() {
            let Some(first) = input.first() else { return go_on(0) };
            let log = *self.window_log.insert(window_log(*first));
            if log > self.largest_log {
                let then = Then::TooLarge("its window is larger than the plan's".into());
                return Step { read: 0, back: Vec::new(), then };
            }
        }
        let mut read = 0;
        loop {
            let mut wants_input = false;
            if self.over.is_none() && !BrotliDecoderHasMoreOutput(&self.state) {
                // Byte by byte: a call that fails drops what it decoded before, which has to be the same however the input comes.
                let one = &input[read..input.len().min(read + 1)];
                let (mut left, mut taken) = (one.len(), 0);
                let state = &mut self.state;
                match BrotliDecompressStream(&mut left, &mut taken, one, &mut 0, &mut 0, &mut [], &mut 0, state) {
                    BrotliResult::NeedsMoreInput => wants_input = read + taken == input.len(),
                    BrotliResult::NeedsMoreOutput => {}
                    BrotliResult::ResultSuccess => self.over = Some(Then::Ended),
                    BrotliResult::ResultFailure => self.over = Some(Then::Unplaced("invalid data".into())),
                }
                read += taken;
            }
            self.hand_on(plain);
            let full = plain.len() == plain.capacity() && BrotliDecoderHasMoreOutput(&self.state);
            if full || (wants_input && self.over.is_none()) {
                return go_on(read);
            }
            if let Some(then) = self.over.take() {
                return Step { read, back: Vec::new(), then };
            }
        }
    }

    /// Appends what is decoded, as far as there is room.
    fn hand_on(&mut self, plain: &mut Vec<u8>) {
        while plain.len() < plain.capacity() {
            let mut room = plain.capacity() - plain.len();
            let some = BrotliDecoderTakeOutput(&mut self.state, &mut room);
            if some.is_empty() {
                return;
            }
            plain.extend_from_slice(some);
        }
    }
}
