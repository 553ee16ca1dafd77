//! What was measured: names and values, as `make bench` prints and writes them.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The figures that are published, and where they come from.
const PUBLISHED: &str = include_str!("../../../../docs/figures.md");
/// When those were measured, and on what.
const PUBLISHED_SOURCE: &str = "docs/figures.md, of 2026-11-29, two virtual cores";

/// Figures by name.
#[derive(Clone, Debug)]
pub struct Figures {
    values: BTreeMap<String, f64>,
    /// For people.
    pub source: String,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    value: f64,
}

impl Figures {
    /// Those of docs/figures.md.
    pub fn published() -> Self {
        let rows = PUBLISHED.lines().filter_map(row);
        let mut values = BTreeMap::new();
        for (name, value) in rows {
            values.entry(name).or_insert(value);
        }
        Self { values, source: PUBLISHED_SOURCE.to_owned() }
    }

    /// Those of a file that the benchmark wrote.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self> {
        let place = || format!("the figures in {}", path.display());
        let text = std::fs::read_to_string(path).with_context(place)?;
        let rows: Vec<Row> = serde_json::from_str(&text).with_context(place)?;
        let values = rows.into_iter().map(|row| (row.name, row.value)).collect();
        Ok(Self { values, source: path.display().to_string() })
    }

    /// A figure.
    ///
    /// # Errors
    /// It was not measured.
    pub fn get(&self, name: &str) -> Result<f64> {
        match self.values.get(name) {
            Some(value) if value.is_finite() && *value > 0.0 => Ok(*value),
            Some(value) => bail!("{}: {name:?} is {value}, which nothing can be planned by", self.source),
            None => bail!("{} has no figure {name:?}: `make bench` measures all of them", self.source),
        }
    }
}

/// A line of the table that the benchmark prints: the name, two spaces or more, the value.
fn row(line: &str) -> Option<(String, f64)> {
    let (name, rest) = line.split_once("  ")?;
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_a_figure_and_prose_is_none() {
        let line = "chain fused: whole                                    38.834   22.584   1.720  <=1.25  CPU-ns/byte";
        assert_eq!(row(line), Some(("chain fused: whole".into(), 38.834)));
        for other in ["what                    value    floor", "- **Hop.** It meets its goal.", "", "a  b"] {
            assert_eq!(row(other), None, "{other}");
        }
    }
}
