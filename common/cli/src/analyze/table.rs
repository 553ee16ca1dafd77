//! An answer as text: aligned for people, with bars, or separated by commas.

use super::{lengths, shown};
use logmill_analyses::{Answer, Cell};
use unicode_width::UnicodeWidthStr;

/// Columns of the longest bar.
const BAR: f64 = 30.0;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A title, a head, and a line a row with its bar.
pub fn text(answer: &Answer) -> String {
    let head: Vec<String> = answer.columns.iter().map(|column| column.name.to_owned()).collect();
    let rows: Vec<Vec<String>> = answer.rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|index| rows.iter().chain([&head]).map(|row| row[index].width()).max().unwrap_or_default())
        .collect();
    // Numbers stand to the right; where there is no row, nothing is a number.
    let right: Vec<bool> = (0..head.len())
        .map(|index| answer.rows.first().is_some_and(|row| !matches!(row[index], Cell::Text(_))))
        .collect();
    let line = |row: &[String]| {
        let cells = row.iter().enumerate().map(|(index, cell)| {
            let pad = " ".repeat(widths[index] - cell.width());
            if right[index] { pad + cell } else { cell.clone() + &pad }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    let drawn = &answer.columns[answer.drawn];
    let mut out = format!("{}: {}\nbars: {}\n\n", answer.title, answer.note, drawn.meaning);
    out += line(&head).trim_end();
    out.push('\n');
    for (row, length) in rows.iter().zip(lengths(answer)) {
        out += format!("{}  {}", line(row), bar(length)).trim_end();
        out.push('\n');
    }
    out
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 8 x 30")]
fn bar(length: f64) -> String {
    let eighths = (length * BAR * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// RFC 4180, with a head; ratios in full.
pub fn csv(answer: &Answer) -> String {
    let head = answer.columns.iter().map(|column| column.name.to_owned()).collect();
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => quoted(text),
        Cell::Count(count) => count.to_string(),
        Cell::Ratio(ratio) => ratio.to_string(),
    };
    let rows = answer.rows.iter().map(|row| row.iter().map(cell).collect());
    std::iter::once(head).chain(rows).map(|row: Vec<String>| row.join(",") + "\r\n").collect()
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
