//! Formats of blocks that say how long they are: each is decoded when all of it is there, so that damage is told by the place
//! where its block begins, however the input comes.

use crate::member::{Step, Then};

/// One format.
pub(crate) trait Format {
    /// The bytes of the next unit (a header, a block, a checksum): at least one.
    fn wants(&self) -> usize;

    /// Decodes one whole unit into `plain`, which is empty. What it leaves there of a corrupt one is dropped.
    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next;

    /// Whether the file may end before the next unit; `begun`: or within it.
    fn may_end(&self, begun: bool) -> bool;
}

/// What follows a unit.
pub(crate) enum Next {
    Unit,
    /// The same bytes are to be looked at again, with more behind them.
    More,
    /// The stream ended with this unit.
    Ended,
    /// The stream ended before this unit, which is something else.
    EndedBefore,
    /// So many of its first bytes are lost; the next unit follows them.
    Lost(usize, &'static str),
    Corrupt(&'static str),
    /// It asks for more memory than is allowed.
    TooLarge(&'static str),
}

/// The decoder of one stream.
pub(crate) struct Blocks<F> {
    format: F,
    /// What was taken and not decoded, from `next` on: the beginning of a unit, or more where bytes before it were lost.
    held: Vec<u8>,
    next: usize,
    /// The place of the next unit in the stream.
    place: u64,
    /// What was decoded, and how much of it was handed on.
    plain: Vec<u8>,
    handed: usize,
    ended: bool,
}

impl<F: Format> Blocks<F> {
    pub(crate) fn new(format: F) -> Self {
        Self { format, held: Vec::new(), next: 0, place: 0, plain: Vec::new(), handed: 0, ended: false }
    }

    /// As [`crate::member::Member::may_end`].
    pub(crate) fn may_end(&self) -> bool {
        self.format.may_end(self.next < self.held.len())
    }

    /// As [`crate::member::Member::can_go_on`].
    pub(crate) fn can_go_on(&self) -> bool {
        self.handed < self.plain.len() || self.ended || self.held.len() - self.next >= self.format.wants()
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let mut step = Step { read: 0, back: Vec::new(), then: Then::GoOn };
        if self.handed == self.plain.len() && !self.ended {
            let wants = self.format.wants();
            step.read = input.len().min(wants.saturating_sub(self.held.len() - self.next));
            self.held.extend_from_slice(&input[..step.read]);
            if self.held.len() - self.next < wants {
                return step;
            }
            self.unit(wants, &mut step);
        }
        let room = plain.capacity() - plain.len();
        let some = room.min(self.plain.len() - self.handed);
        plain.extend_from_slice(&self.plain[self.handed..self.handed + some]);
        self.handed += some;
        if self.ended && self.handed == self.plain.len() {
            step.then = Then::Ended;
        }
        step
    }

    /// Decodes the next unit, all of which is held.
    fn unit(&mut self, wants: usize, step: &mut Step) {
        self.plain.clear();
        self.handed = 0;
        let next = self.format.unit(&self.held[self.next..self.next + wants], &mut self.plain);
        if let Next::Lost(..) | Next::Corrupt(_) | Next::TooLarge(_) = next {
            self.plain.clear();
        }
        step.then = match next {
            Next::Unit | Next::Ended => {
                self.ended = matches!(next, Next::Ended);
                self.pass(wants);
                return;
            }
            Next::More => return,
            Next::Lost(bytes, why) => {
                let from = self.place;
                self.pass(bytes);
                step.then = Then::Lost { why: why.to_owned(), from, to: self.place };
                return;
            }
            Next::EndedBefore => Then::Ended,
            Next::Corrupt(why) => Then::Corrupt(why.to_owned()),
            Next::TooLarge(why) => Then::TooLarge(why.to_owned()),
        };
        step.back = self.held[self.next..self.held.len() - step.read].to_vec();
        step.read = 0;
    }

    fn pass(&mut self, bytes: usize) {
        self.next += bytes;
        self.place += bytes as u64;
        if self.next == self.held.len() {
            self.held.clear(); // its room serves the next unit
            self.next = 0;
        }
    }
}
