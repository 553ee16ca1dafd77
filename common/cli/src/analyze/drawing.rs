//! An answer as a plot: a bar a row, in an SVG.

use super::{lengths, shown};
use anyhow::Result;
use logmill_analyses::Answer;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const WIDTH: i32 = 900;
const LABELS: i32 = 220;
const VALUES: i32 = 100;
const TOP: i32 = 76;
const ROW: i32 = 24;
const BAR: RGBColor = RGBColor(47, 110, 165);
const TEXT: RGBColor = RGBColor(30, 30, 30);
const FAINT: RGBColor = RGBColor(110, 110, 110);

/// The plot.
///
/// # Errors
/// None that is known: the library says so.
pub fn svg(answer: &Answer) -> Result<String> {
    let rows = i32::try_from(answer.rows.len())?;
    let height = TOP + rows.max(1) * ROW + 16;
    let mut text = String::new();
    {
        let area =
            SVGBackend::with_string(&mut text, (WIDTH.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
        area.fill(&WHITE)?;
        let style = |size: i32, color: &RGBColor, across: HPos| {
            ("sans-serif", size).into_font().color(color).pos(Pos::new(across, VPos::Center))
        };
        area.draw_text(&answer.title, &style(20, &TEXT, HPos::Left), (16, 24))?;
        let meaning = format!("{}; {}", answer.columns[answer.drawn].meaning, answer.note);
        area.draw_text(&meaning, &style(14, &FAINT, HPos::Left), (16, 50))?;
        let room = f64::from(WIDTH - LABELS - VALUES);
        for ((row, length), top) in
            answer.rows.iter().zip(lengths(answer)).zip((TOP..).step_by(ROW.unsigned_abs() as usize))
        {
            let middle = top + ROW / 2;
            area.draw_text(&shortened(&shown(&row[0])), &style(14, &TEXT, HPos::Right), (LABELS - 10, middle))?;
            #[allow(clippy::cast_possible_truncation, reason = "at most the room there is")]
            let end = LABELS + (length * room).round() as i32;
            area.draw(&Rectangle::new([(LABELS, top + 3), (end.max(LABELS + 1), top + ROW - 3)], BAR.filled()))?;
            area.draw_text(&shown(&row[answer.drawn]), &style(14, &TEXT, HPos::Left), (end + 8, middle))?;
        }
        area.present()?;
    }
    Ok(text)
}

/// A label that fits before its bar.
fn shortened(label: &str) -> String {
    use unicode_width::UnicodeWidthChar;
    const MOST: usize = 24;
    let mut width = 0;
    let mut fits = label.chars().take_while(|c| {
        width += c.width().unwrap_or_default();
        width <= MOST
    });
    let short: String = fits.by_ref().collect();
    if short.len() < label.len() { short + "…" } else { short }
}
