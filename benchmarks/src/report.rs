//! The table, and the same as JSON.

use anyhow::Context;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub name: String,
    /// Such as `CPU-ns/byte`: per byte of UTF-8 text, whatever the stage's own input is.
    pub unit: &'static str,
    pub value: f64,
    /// The same work by the bare libraries in the same run, where there is such a thing.
    pub floor: Option<f64>,
    /// `value / floor`.
    pub ratio: Option<f64>,
    /// The highest ratio that is good enough, where one is set.
    pub goal: Option<f64>,
}

impl Row {
    #[must_use]
    pub fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value, floor: None, ratio: None, goal: None }
    }

    #[must_use]
    pub fn floor(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self.ratio = Some(self.value / floor);
        self
    }

    #[must_use]
    pub fn goal(mut self, ratio: f64) -> Self {
        self.goal = Some(ratio);
        self
    }

    /// Whether the goal is met; `None` without one.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        Some(self.ratio? <= self.goal?)
    }
}

/// The rows for people.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default().max(4);
    let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.3}"));
    let mut text = format!("{:width$}  {:>8} {:>8} {:>7} {:>7}  unit\n", "what", "value", "floor", "ratio", "goal");
    for row in rows {
        let goal = row.goal.map_or(String::new(), |goal| format!("<={goal:.2}"));
        let verdict = row.met().map_or("", |met| if met { "  met" } else { "  MISSED" });
        let (value, floor, ratio) = (number(Some(row.value)), number(row.floor), number(row.ratio));
        writeln!(text, "{:width$}  {value:>8} {floor:>8} {ratio:>7} {goal:>7}  {}{verdict}", row.name, row.unit)
            .expect("writing to memory does not fail");
    }
    text
}

/// The rows for programs: a JSON list, in `path`, whose folder is made where it is missing.
///
/// # Errors
/// The file cannot be written.
pub fn write(rows: &[Row], path: &Path) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    std::fs::write(path, serde_json::to_vec_pretty(rows)?).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line() {
        let rows = [
            Row::new("front end", "CPU-ns/byte", 0.9).floor(0.8).goal(1.18),
            Row::new("hop", "CPU-ns/byte", 2.0).floor(1.0).goal(1.18),
            Row::new("floor", "CPU-ns/byte", 1.0),
        ];
        let expected = "\
what          value    floor   ratio    goal  unit
front end     0.900    0.800   1.125  <=1.18  CPU-ns/byte  met
hop           2.000    1.000   2.000  <=1.18  CPU-ns/byte  MISSED
floor         1.000                           CPU-ns/byte
";
        assert_eq!(table(&rows), expected);
    }
}
