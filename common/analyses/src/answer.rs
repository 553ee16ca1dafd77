//! An answer: a table of which one column is drawn.

use serde::Serialize;

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    Text(String),
    Count(u64),
    Ratio(f64),
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// One word, the key in JSON and the head in CSV.
    pub name: &'static str,
    /// What it counts, for people.
    pub meaning: &'static str,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub title: String,
    pub columns: Vec<Column>,
    /// Each as long as `columns`; the first cell is what the row is about.
    pub rows: Vec<Vec<Cell>>,
    /// The column that is drawn.
    pub drawn: usize,
    /// What is known of the whole, beside its rows.
    pub note: String,
}
