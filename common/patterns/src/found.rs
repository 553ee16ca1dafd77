//! What was found in a record.

use crate::cursor::Lost;
use crate::level::Level;
use crate::spec::FieldType;

/// A record has at most so many fields; the others stand in its text alone.
pub const MOST_FIELDS: usize = 512;
/// A field with a name of more bytes is left out.
pub const LONGEST_NAME: usize = 256;

/// A stretch of the record, or of the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    from: u32,
    to: u32,
    is_scratch: bool,
}

impl Span {
    pub fn new(from: usize, to: usize) -> Self {
        debug_assert!(from <= to);
        Self { from: from as u32, to: to as u32, is_scratch: false } // a reader takes no record of 4 GiB
    }

    pub fn scratch(from: usize, to: usize) -> Self {
        Self { is_scratch: true, ..Self::new(from, to) }
    }

    pub fn is_scratch(self) -> bool {
        self.is_scratch
    }

    pub fn is_empty(self) -> bool {
        self.from == self.to
    }

    pub fn len(self) -> usize {
        (self.to - self.from) as usize
    }

    pub fn from(self) -> usize {
        self.from as usize
    }

    pub fn to(self) -> usize {
        self.to as usize
    }

    /// Of a span of the record.
    pub fn of(self, record: &[u8]) -> &[u8] {
        debug_assert!(!self.is_scratch);
        &record[self.from as usize..self.to as usize]
    }

    /// Without blanks at its ends.
    pub fn trimmed(self, record: &[u8]) -> Self {
        let text = self.of(record);
        let start = text.len() - text.trim_ascii_start().len();
        let end = text.trim_ascii_end().len().max(start);
        Self::new(self.from() + start, self.from() + end)
    }
}

/// A field whose name is known beforehand.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub name: &'static str,
    pub kind: FieldType,
}

impl Known {
    pub(crate) const fn new(name: &'static str, kind: FieldType) -> Self {
        Self { name, kind }
    }
}

/// The rest of a line, which its program calls the message.
pub(crate) static MESSAGE: Known = Known::new("message", FieldType::Str);
/// The word for the level, where the level is called otherwise.
pub(crate) static SEVERITY: Known = Known::new("severity", FieldType::Str);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    Known(&'static Known),
    /// A name of the pattern itself: a column of the header, a group of one's own.
    Column(u32),
    /// It stands in the record.
    At(Span, FieldType),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub name: Name,
    pub value: Span,
}

/// What was found in one record; a buffer that is used again for the next.
#[derive(Debug, Default)]
pub struct Found {
    /// Milliseconds since 1970, UTC.
    pub time: Option<i64>,
    pub level: Level,
    /// Which pattern it was, as [`crate::Reader::pattern`] names it.
    pub(crate) layout: usize,
    pub(crate) slots: Vec<Slot>,
    pub(crate) message: Option<usize>,
    /// What does not stand in the record as it is: names joined of several keys, values with their escapes resolved.
    pub(crate) scratch: Vec<u8>,
}

/// A field as it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    pub kind: FieldType,
}

impl Found {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn clear(&mut self) {
        self.time = None;
        self.level = Level::None;
        self.slots.clear();
        self.message = None;
        self.scratch.clear();
    }

    /// Which of the fields is the message: one that the text of a line mostly ends with anyway.
    #[must_use]
    pub fn message(&self) -> Option<usize> {
        self.message
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn add(&mut self, known: &'static Known, value: Span) {
        self.push(Name::Known(known), value);
    }

    /// Adds what is not empty and not `-`, which stands for nothing in many formats.
    pub(crate) fn add_given(&mut self, known: &'static Known, value: Span, record: &[u8]) {
        if value.of(record) != b"-" {
            self.add(known, value);
        }
    }

    /// As [`Found::push`], with a name that stands in the record.
    pub(crate) fn add_at(&mut self, name: Span, kind: FieldType, value: Span) -> bool {
        name.len() <= LONGEST_NAME && self.push(Name::At(name, kind), value)
    }

    /// Adds what is not empty; whether it is a field now.
    pub(crate) fn push(&mut self, name: Name, value: Span) -> bool {
        let is_field = !value.is_empty() && self.slots.len() < MOST_FIELDS;
        if is_field {
            self.slots.push(Slot { name, value });
        }
        is_field
    }

    pub(crate) fn add_message(&mut self, value: Span) {
        let at = self.slots.len();
        self.message = self.push(Name::Known(&MESSAGE), value).then_some(at);
    }

    /// Takes a word for the level, and keeps it as a field where the level has another name.
    pub(crate) fn set_level(&mut self, word: Span, record: &[u8]) -> bool {
        let word_is = word.of(record);
        let Some(level) = Level::of(word_is) else { return false };
        self.level = level;
        if !level.is_called(word_is) {
            self.add(&SEVERITY, word);
        }
        true
    }

    /// As [`Found::set_level`]; loses where it is none.
    pub(crate) fn want_level(&mut self, word: Span, record: &[u8]) -> Result<(), Lost> {
        if self.set_level(word, record) { Ok(()) } else { Err(Lost { at: word.from(), wanted: "a level" }) }
    }

    /// The bytes of a span, wherever it is.
    pub(crate) fn bytes<'a>(&'a self, span: Span, record: &'a [u8]) -> &'a [u8] {
        let of = if span.is_scratch { &self.scratch } else { record };
        &of[span.from()..span.to()]
    }

    /// Removes a field, and returns its value.
    pub(crate) fn remove(&mut self, at: usize) -> Span {
        self.message = self.message.filter(|&message| message != at).map(|m| if m > at { m - 1 } else { m });
        self.slots.remove(at).value
    }
}
