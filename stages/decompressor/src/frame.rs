//! One frame of a zstd file, fed with any pieces.

use crate::member::{Step, Then};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
use zstd::zstd_safe::DParameter;

/// RFC 8878, 3.1.1.2.
const BLOCK_HEADER: usize = 3;
/// No block is larger (RFC 8878, 3.1.1.2.4): what is larger is the content of a skippable frame.
const LARGEST_BLOCK: usize = 128 << 10;

/// The decoder of one frame.
///
/// It is shown one header or one block a call, and each of them whole: a call that fails delivers nothing, not even the
/// blocks that it decoded before; and what it finds wrong with half a header depends on where the half ends.
pub(crate) struct Frame {
    decoder: Decoder<'static>,
    /// The bytes that the decoder wants next: the rest of a header or block, and the header of the block after it.
    wants: usize,
    /// The beginning of a header or block of which the rest has not come.
    held: Vec<u8>,
}

impl Frame {
    /// `window_log`: the largest window that it may ask for, from 2^10 to 2^31 bytes.
    ///
    /// # Panics
    /// When zstd has no memory for a context.
    pub(crate) fn new(window_log: u32) -> Self {
        let mut decoder = Decoder::new().expect("memory for a zstd context");
        decoder.set_parameter(DParameter::WindowLogMax(window_log)).expect("the window limit is a valid one");
        Self { decoder, wants: 1, held: Vec::new() }
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let some = if self.wants > BLOCK_HEADER { self.wants - BLOCK_HEADER } else { self.wants };
        let new = input.len().min(some - self.held.len());
        if new == 0 || some > LARGEST_BLOCK || (self.held.is_empty() && new == some) {
            return self.run(&input[..new], plain);
        }
        self.held.extend_from_slice(&input[..new]);
        if self.held.len() < some {
            return Step { read: new, back: Vec::new(), then: Then::GoOn };
        }
        let mut whole = std::mem::take(&mut self.held);
        let earlier = whole.len() - new;
        let step = self.run(&whole, plain);
        if matches!(step.then, Then::Corrupt(_) | Then::TooLarge(_)) {
            whole.truncate(earlier);
            return Step { back: whole, ..step };
        }
        let read = step.read.checked_sub(earlier).expect("zstd leaves at most the last byte of a block");
        Step { read, ..step }
    }

    fn run(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let mut from = InBuffer::around(input);
        let at = plain.len();
        let mut to = OutBuffer::around_pos(plain, at);
        let (read, then) = match self.decoder.run(&mut from, &mut to) {
            Ok(hint) => {
                self.wants = hint;
                (from.pos(), if hint == 0 { Then::Ended } else { Then::GoOn })
            }
            Err(error) => {
                let text = error.to_string();
                (0, if text.contains("too much memory") { Then::TooLarge(text) } else { Then::Corrupt(text) })
            }
        };
        Step { read, back: Vec::new(), then }
    }
}
