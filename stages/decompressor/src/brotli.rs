//! One stream of brotli (RFC 7932), fed with any pieces.

use crate::member::{Step, Then};
use brotli_decompressor::{
    BrotliDecoderErrorCode, BrotliDecoderTakeOutput, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};

/// The decoder is fed so many bytes a call, from the stream's first on: how much it gives of what stands before damage depends
/// on what else it was fed with it. More costs hardly less, and loses more. The limits' steps are multiples of it.
const CELL: usize = 256;

/// The decoder of one stream.
pub(crate) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    /// `None` before the first byte, which says how large the window is.
    window_log: Option<u32>,
    largest_log: u32,
    /// The cell under way, and how much of it the decoder has taken.
    cell: Vec<u8>,
    taken: usize,
    /// The decoder has taken nothing of the cell, and waits until it is whole, or the last one.
    waits: bool,
    /// No more input comes.
    last: bool,
    /// The bytes of the stream that have come, and how many there are, where that is known.
    fed: u64,
    all: Option<u64>,
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
        Self {
            state,
            window_log: None,
            largest_log,
            cell: Vec::new(),
            taken: 0,
            waits: true,
            last: false,
            fed: 0,
            all: None,
            over: None,
        }
    }

    /// As [`crate::member::Member::expect`]: the last cell is whole with the last byte, and what comes out of it is handed on as
    /// anything before it is.
    pub(crate) fn expect(&mut self, bytes: u64) {
        self.all = Some(bytes);
    }

    /// As [`crate::member::Member::end_input`].
    pub(crate) fn end_input(&mut self) -> bool {
        self.last = true;
        !self.cell.is_empty()
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
            self.hand_on(plain);
            if plain.len() == plain.capacity() {
                return go_on(read);
            }
            if let Some(then) = self.over.take() {
                let mut back = self.cell.split_off(self.taken);
                let new = back.len().min(read); // came with this step: it is left, not put back
                back.truncate(back.len() - new);
                return Step { read: read - new, back, then };
            }
            if self.waits {
                let new = (CELL - self.cell.len()).min(input.len() - read);
                self.cell.extend_from_slice(&input[read..read + new]);
                read += new;
                self.fed += new as u64;
                self.last |= self.all == Some(self.fed);
                if self.cell.is_empty() || (self.cell.len() < CELL && !self.last) {
                    return go_on(read);
                }
                self.waits = false;
            }
            self.decode();
        }
    }

    /// Has the decoder take what it wants of the cell.
    fn decode(&mut self) {
        let mut left = self.cell.len() - self.taken;
        let (cell, state) = (&self.cell[..], &mut self.state);
        match BrotliDecompressStream(&mut left, &mut self.taken, cell, &mut 0, &mut 0, &mut [], &mut 0, state) {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => {
                self.cell.clear();
                (self.taken, self.waits) = (0, true);
            }
            BrotliResult::ResultSuccess => self.over = Some(Then::Ended),
            BrotliResult::ResultFailure => {
                // It refuses to give out what it decoded before the damage, unless it forgets that there is any.
                self.state.error_code = BrotliDecoderErrorCode::BROTLI_DECODER_SUCCESS;
                self.over = Some(Then::Unplaced("invalid data".into()));
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
