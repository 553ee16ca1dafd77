//! Why a file is not in the other encodings: told where it is decided, to those who ask.

use logmill_encodings::Encoding;

/// Encodings that a file is not in, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// None: all that are named nowhere else.
    pub candidates: Vec<Candidate>,
    /// For people.
    pub why: String,
}

/// An encoding that was considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub encoding: &'static str,
    /// The first byte of the file that speaks against it, where one does.
    pub at_byte: Option<u64>,
    /// How much the text looks like its own, where that was asked.
    pub score: Option<i64>,
}

/// Takes down what is told, where someone asks.
#[derive(Debug)]
pub(crate) struct Losers {
    /// Nothing where nobody asks.
    told: Option<Vec<Lost>>,
    /// Where in the file the bytes begin of which is told.
    from: u64,
}

impl Losers {
    pub(crate) fn new(asked: bool) -> Self {
        Self { told: asked.then(Vec::new), from: 0 }
    }

    /// What is told of the bytes from this one of the file on.
    pub(crate) fn of(&self, from: u64) -> Self {
        Self { from, ..Self::new(self.is_asked()) }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.told.is_some()
    }

    /// An encoding is not the file's.
    pub(crate) fn add(&mut self, encoding: &'static Encoding, why: impl FnOnce() -> String) {
        self.put(encoding, None, None, why);
    }

    /// The same, for what stands at a byte of those of which is told.
    pub(crate) fn add_at(&mut self, encoding: &'static Encoding, at: usize, why: impl FnOnce() -> String) {
        self.put(encoding, Some(at), None, why);
    }

    /// The same, for its score.
    pub(crate) fn add_scored(&mut self, encoding: &'static Encoding, score: i64, why: impl FnOnce() -> String) {
        self.put(encoding, None, Some(score), why);
    }

    /// Why none of the others is.
    pub(crate) fn others(&mut self, why: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            told.push(Lost { candidates: Vec::new(), why: why() });
        }
    }

    fn put(
        &mut self,
        encoding: &'static Encoding,
        at: Option<usize>,
        score: Option<i64>,
        why: impl FnOnce() -> String,
    ) {
        let Some(told) = &mut self.told else { return };
        let at_byte = at.map(|at| self.from + at as u64);
        let (candidate, why) = (Candidate { encoding: encoding.name(), at_byte, score }, why());
        match told.iter_mut().find(|lost| lost.why == why && !lost.candidates.is_empty()) {
            Some(lost) => lost.candidates.push(candidate),
            None => told.push(Lost { candidates: vec![candidate], why }),
        }
    }

    /// What was told.
    pub(crate) fn told(self) -> Vec<Lost> {
        self.told.unwrap_or_default()
    }
}
