//! The stage `mask`: replaces the values of secrets (`password=…`, `token=…`, `secret=…`) by `***`.
//!
//! Text in, text out: every row stays a row, under its line and part. A value ends at a space, a quote, one of `&,;`,
//! or the row's end; one that the limit on a line's length cuts into parts is masked up to the cut.

use bytes::{Bytes, BytesMut};
use logmill_core::{Chunk, End, FileMeta, Flow, Out, Outcome, Product, Progress, Reject, Stage};
use memchr::memmem::Finder;
use std::sync::Arc;

const MASK: &[u8] = b"***";

/// The stage. What it needs for every file alike is made once.
pub struct Mask {
    /// Each with the `=` behind it.
    keys: Vec<Finder<'static>>,
}

impl Mask {
    #[must_use]
    pub fn new(keys: &[&str]) -> Self {
        Self { keys: keys.iter().map(|key| Finder::new(&format!("{key}=")).into_owned()).collect() }
    }

    /// Where the first value from `at` on begins.
    fn next_value(&self, text: &[u8], at: usize) -> Option<usize> {
        let found = |key: &Finder<'_>| key.find(&text[at..]).map(|offset| at + offset + key.needle().len());
        self.keys.iter().filter_map(found).min()
    }

    fn masked(&self, text: &Bytes) -> Bytes {
        let Some(mut value) = self.next_value(text, 0) else { return text.clone() };
        let mut masked = BytesMut::with_capacity(text.len());
        let mut copied = 0;
        loop {
            masked.extend_from_slice(&text[copied..value]);
            let length = text[value..].iter().position(|b| b" \t\r\n\"'&,;".contains(b)).unwrap_or(text.len() - value);
            if length > 0 {
                masked.extend_from_slice(MASK);
            }
            copied = value + length;
            match self.next_value(text, copied) {
                Some(next) => value = next,
                None => break,
            }
        }
        masked.extend_from_slice(&text[copied..]);
        masked.freeze()
    }
}

impl Stage for Mask {
    /// Every chunk of text stands alone: there is nothing to remember.
    type State = ();
    const NAME: &'static str = "mask";
    const INPUT: Flow = Flow::Standalone;
    const OUTPUT: Flow = Flow::Standalone;

    fn open(&self, _file: &Arc<FileMeta>) -> Self::State {}

    fn process(&self, (): &mut Self::State, chunk: &mut Chunk, out: &mut Out) -> Result<Progress, Reject> {
        let text = std::mem::take(&mut chunk.payload);
        let mut product = Product::new(self.masked(&text));
        product.span = chunk.span;
        out.push(product);
        Ok(Progress::Done)
    }

    fn finish(&self, (): Self::State, end: End, _out: &mut Out) -> Result<Outcome, Reject> {
        Ok(end.outcome())
    }
}
