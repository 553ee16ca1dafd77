//! Formats of blocks that say how long they are: each is decoded when all of it is there, so that damage is told by the place
//! where its block begins, however the input comes.

use crate::member::{Step, Then};

/// One format.
pub(crate) trait Format {
    /// The bytes of the next unit (a header, a block, a checksum): at least one.
    fn wants(&self) -> usize;

    /// Decodes one whole unit into `plain`, which is empty. What it leaves there of a corrupt one is dropped.
    fn unit(&mut self, unit: &[u8], plain: &mut Vec<u8>) -> Next;

    /// Whether the file may end before the next unit.
    fn may_end(&self) -> bool;
}

/// What follows a unit.
pub(crate) enum Next {
    Unit,
    /// The stream ended with this unit.
    Ended,
    /// The stream ended before this unit, which is something else.
    EndedBefore,
    Corrupt(&'static str),
    /// It asks for more memory than is allowed.
    TooLarge(&'static str),
}

/// The decoder of one stream.
pub(crate) struct Blocks<F> {
    format: F,
    /// The beginning of a unit of which the rest has not come.
    held: Vec<u8>,
    /// What was decoded, and how much of it was handed on.
    plain: Vec<u8>,
    handed: usize,
    ended: bool,
}

impl<F: Format> Blocks<F> {
    pub(crate) fn new(format: F) -> Self {
        Self { format, held: Vec::new(), plain: Vec::new(), handed: 0, ended: false }
    }

    /// Whether the file may end here.
    pub(crate) fn may_end(&self) -> bool {
        self.held.is_empty() && self.format.may_end()
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let mut step = Step { read: 0, back: Vec::new(), then: Then::GoOn };
        if self.handed == self.plain.len() && !self.ended {
            let missing = self.format.wants() - self.held.len();
            let new = input.len().min(missing);
            self.held.extend_from_slice(&input[..new]);
            step.read = new;
            if new < missing {
                return step;
            }
            let mut unit = std::mem::take(&mut self.held);
            self.plain.clear();
            self.handed = 0;
            let next = self.format.unit(&unit, &mut self.plain);
            if let Next::EndedBefore | Next::Corrupt(_) | Next::TooLarge(_) = next {
                unit.truncate(unit.len() - new);
                (step.read, step.back) = (0, unit);
            } else {
                unit.clear();
                self.held = unit; // its room serves the next one
            }
            match next {
                Next::Unit => {}
                Next::Ended => self.ended = true,
                Next::EndedBefore => step.then = Then::Ended,
                Next::Corrupt(why) => {
                    self.plain.clear();
                    step.then = Then::Corrupt(why.to_owned());
                }
                Next::TooLarge(why) => {
                    self.plain.clear();
                    step.then = Then::TooLarge(why.to_owned());
                }
            }
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
}
