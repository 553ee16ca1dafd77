//! The screen: what a look becomes in a terminal, and what a key does. Without a terminal in sight.

use super::look::{Look, Stage};
use crate::files::time;
use crate::output::escaped;
use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table};
use std::time::Duration;

/// What the lower half shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    #[default]
    Files,
    Clusters,
    Letters,
}

impl Panel {
    const ALL: [Panel; 3] = [Panel::Files, Panel::Clusters, Panel::Letters];

    fn name(self, look: &Look) -> String {
        match self {
            Self::Files => "unfinished files".to_owned(),
            Self::Clusters => "clusters".to_owned(),
            Self::Letters => format!("dead letters ({})", look.letters),
        }
    }

    fn by(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|panel| *panel == self).unwrap_or_default();
        Self::ALL[(at + steps) % Self::ALL.len()]
    }
}

/// What a person has chosen to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub panel: Panel,
    /// Lines of the panel above the first that is shown.
    pub scrolled: usize,
}

/// Rows that a page up or down moves by.
const PAGE: usize = 10;

impl View {
    /// Does what the key says; `false`: the person wants to leave.
    pub fn press(&mut self, key: KeyEvent, look: &Look) -> bool {
        let panel = |panel| View { panel, scrolled: 0 };
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Tab | KeyCode::Right => *self = panel(self.panel.by(1)),
            KeyCode::BackTab | KeyCode::Left => *self = panel(self.panel.by(Panel::ALL.len() - 1)),
            KeyCode::Down => self.scrolled += 1,
            KeyCode::Up => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::PageDown => self.scrolled += PAGE,
            KeyCode::PageUp => self.scrolled = self.scrolled.saturating_sub(PAGE),
            KeyCode::Home => self.scrolled = 0,
            KeyCode::End => self.scrolled = usize::MAX,
            _ => {}
        }
        let lines = match self.panel {
            Panel::Files => look.open.len(),
            Panel::Clusters => look.clusters.len(),
            Panel::Letters => look.newest_letters.len(),
        };
        self.scrolled = self.scrolled.min(lines.saturating_sub(1));
        true
    }
}

/// Draws the look.
pub fn draw(frame: &mut Frame<'_>, look: &Look, view: View) {
    let silent = u16::try_from(look.silent.len()).unwrap_or_default();
    let stages = u16::try_from(look.stages.len()).unwrap_or_default();
    let rows = [Constraint::Length(4 + silent), Constraint::Length(stages + 2), Constraint::Min(3)];
    let [head, middle, below] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(header(look, head.width), head);
    frame.render_widget(stage_table(look), middle);
    panel(frame, below, look, view);
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn colour(verdict: &str) -> Style {
    let colour = match verdict {
        "moves" => Color::Green,
        "looking" => Color::Gray,
        text if text.starts_with("idle:") => Color::Green,
        text if text.starts_with("idle,") => Color::Yellow,
        _ => Color::Red,
    };
    bold().fg(colour)
}

fn header(look: &Look, width: u16) -> Paragraph<'static> {
    let title = format!("logmill {}: ", look.chain);
    let clock = time(look.now_ms / 1000 * 1000).replace(".000", "");
    let used = title.chars().count() + look.verdict.chars().count() + clock.chars().count();
    let gap = usize::from(width).saturating_sub(used).max(1);
    let mut lines = vec![Line::from(vec![
        Span::styled(title, bold()),
        Span::styled(look.verdict, colour(look.verdict)),
        Span::raw(" ".repeat(gap)),
        Span::styled(clock, dim()),
    ])];
    lines.extend(look.silent.iter().map(|why| Line::styled(escaped(why), Style::new().fg(Color::Red))));
    let labelled = |label: &'static str, spans: Vec<Span<'static>>| {
        Line::from([vec![Span::styled(format!("{label:<9}"), dim())], spans].concat())
    };
    let mut files = Vec::new();
    for (state, count) in &look.counts {
        let style =
            if matches!(*state, "failed" | "quarantined") { Style::new().fg(Color::Yellow) } else { Style::new() };
        let comma = if files.is_empty() { "" } else { ", " };
        files.push(Span::raw(comma));
        files.push(Span::styled(format!("{count} {state}"), style));
    }
    let unknown = "not known";
    if files.is_empty() {
        files.push(Span::raw(if look.ledger { "none yet" } else { unknown }));
    }
    lines.push(labelled("files", files));
    let newest = match look.last_row_ms {
        _ if !look.ledger => unknown.to_owned(),
        0 => "none yet".to_owned(),
        at => format!("{} in the table, the newest {} ago", grouped(look.rows), ago(look.now_ms, at)),
    };
    lines.push(labelled("rows", vec![Span::raw(newest)]));
    let oldest = match look.open.first() {
        None if !look.ledger => unknown.to_owned(),
        None => "no file is unfinished".to_owned(),
        Some(file) => {
            let waits = look.waits_for.map(|stage| format!(", waits for the {stage}")).unwrap_or_default();
            let (cluster, path, age) = (escaped(&file.cluster), escaped(&file.path), ago(look.now_ms, file.since_ms));
            format!("{age}: {cluster}:{path}{waits}")
        }
    };
    lines.push(labelled("oldest", vec![Span::raw(oldest)]));
    Paragraph::new(lines)
}

fn stage_table(look: &Look) -> Table<'static> {
    let row = |stage: &Stage| {
        let drained = match stage.seconds_to_drain {
            Some(0.0) => "-".to_owned(),
            Some(seconds) => short(Duration::from_secs_f64(seconds.min(1e9))),
            None => "not moving".to_owned(),
        };
        let style = if stage.seconds_to_drain.is_none() { Style::new().fg(Color::Red) } else { Style::new() };
        let zero = |text: String, is_zero: bool| if is_zero { "-".to_owned() } else { text };
        let cells = [
            stage.stage.to_owned(),
            right(&zero(grouped(u64::try_from(stage.records).unwrap_or_default()), stage.records == 0), 12),
            right(&zero(format!("{:.1}", stage.rate), stage.rate == 0.0), 10),
            right(
                &stage.bytes.filter(|bytes| *bytes > 0.0).map_or("-".to_owned(), |bytes| format!("{}/s", size(bytes))),
                12,
            ),
            right(&drained, 11),
            right(&zero(stage.files.to_string(), stage.files == 0), 9),
        ];
        Row::new(cells).style(style)
    };
    let widths = [13, 12, 10, 12, 11, 9].map(Constraint::Length);
    let head = ["STAGE".to_owned()].into_iter().chain(
        [("RECORDS", 12), ("RECORDS/S", 10), ("BYTES/S", 12), ("DRAINED IN", 11), ("FILES", 9)]
            .map(|(text, width)| right(text, width)),
    );
    Table::new(look.stages.iter().map(row), widths)
        .header(Row::new(head).style(dim()))
        .column_spacing(2)
        .block(Block::new().borders(Borders::TOP).border_style(dim()))
}

fn panel(frame: &mut Frame<'_>, area: Rect, look: &Look, view: View) {
    let tabs = Panel::ALL.into_iter().flat_map(|panel| {
        let style = if panel == view.panel { bold().add_modifier(Modifier::REVERSED) } else { dim() };
        [Span::styled(format!(" {} ", panel.name(look)), style), Span::raw(" ")]
    });
    let keys = Line::styled(" q quit  tab panel  up/down scroll ", dim()).right_aligned();
    let block =
        Block::new().borders(Borders::TOP).border_style(dim()).title_top(Line::from_iter(tabs)).title_bottom(keys);
    let (head, rows, widths): (Vec<String>, Vec<Row<'static>>, Vec<Constraint>) = match view.panel {
        Panel::Files => files(look),
        Panel::Clusters => clusters(look),
        Panel::Letters => letters(look),
    };
    let inner = Rect { height: area.height.saturating_sub(1), ..area };
    if rows.is_empty() {
        let nothing = match view.panel {
            Panel::Files | Panel::Letters if !look.ledger => "not known",
            Panel::Files => "no file is unfinished",
            Panel::Clusters => "nothing is known of the clusters yet",
            Panel::Letters => "no letter waits for anybody",
        };
        frame.render_widget(Paragraph::new(nothing).style(dim()).block(block), area);
        return;
    }
    let shown = rows.into_iter().skip(view.scrolled);
    let table = Table::new(shown, widths).header(Row::new(head).style(dim())).column_spacing(2);
    frame.render_widget(&block, area);
    frame.render_widget(table, Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner });
}

type Content = (Vec<String>, Vec<Row<'static>>, Vec<Constraint>);

fn files(look: &Look) -> Content {
    let row = |file: &logmill_clickhouse::ledger::files::Listed| {
        let load = if file.load.0 == 0 { String::new() } else { format!(" load {}", file.load) };
        let detail = if file.detail.is_empty() { String::new() } else { format!(": {}", escaped(&file.detail)) };
        let style = if file.state.name() == "failed" { Style::new().fg(Color::Yellow) } else { Style::new() };
        Row::new([
            file.state.name().to_owned(),
            right(&ago(look.now_ms, file.since_ms), 9),
            right(&grouped(file.rows), 12),
            format!("{}:{}{load}{detail}", escaped(&file.cluster), escaped(&file.path)),
        ])
        .style(style)
    };
    let widths = vec![Constraint::Length(9), Constraint::Length(9), Constraint::Length(12), Constraint::Min(20)];
    let head = vec!["STATE".into(), right("AGE", 9), right("ROWS", 12), "FILE".into()];
    (head, look.open.iter().map(row).collect(), widths)
}

fn clusters(look: &Look) -> Content {
    let row = |line: &crate::clusters::Line| {
        let style = if line.fetchers == 0 || line.down > 0 { Style::new().fg(Color::Red) } else { Style::new() };
        let last = if line.volume.last_ms == 0 { "-".to_owned() } else { ago(look.now_ms, line.volume.last_ms) };
        Row::new([
            escaped(&line.cluster),
            line.state(),
            right(&format!("{} of {}", line.coroutines, line.own), 10),
            right(&line.waiting.to_string(), 8),
            right(&line.backfill.to_string(), 8),
            right(&grouped(line.volume.files), 9),
            right(&bytes(line.volume.bytes), 9),
            right(&last, 9),
        ])
        .style(style)
    };
    let widths = vec![
        Constraint::Min(8),
        Constraint::Length(12),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    let head = ["CLUSTER".to_owned(), "STATE".to_owned()].into_iter().chain(
        [("COROUTINES", 10), ("WAITING", 8), ("BACKFILL", 8), ("FILES/DAY", 9), ("BYTES/DAY", 9), ("LAST FILE", 9)]
            .map(|(text, width)| right(text, width)),
    );
    (head.collect(), look.clusters.iter().map(row).collect(), widths)
}

fn letters(look: &Look) -> Content {
    let row = |letter: &logmill_clickhouse::ledger::letters::Letter| {
        Row::new([
            format!("{}/{}", letter.partition, letter.offset),
            right(&ago(look.now_ms, letter.at_ms), 9),
            letter.stage.clone(),
            letter.reason.clone(),
            format!("{}:{}", escaped(&letter.cluster), escaped(&letter.path)),
        ])
    };
    let widths = vec![
        Constraint::Length(10),
        Constraint::Length(9),
        Constraint::Length(13),
        Constraint::Length(13),
        Constraint::Min(20),
    ];
    let head = vec!["PLACE".into(), right("AGE", 9), "STAGE".into(), "REASON".into(), "FILE".into()];
    (head, look.newest_letters.iter().map(row).collect(), widths)
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "a size for people")]
fn bytes(count: u64) -> String {
    size(count as f64)
}

/// A size in powers of 1000.
fn size(mut bytes: f64) -> String {
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if bytes < 999.5 {
            return if unit == "B" || bytes >= 99.95 {
                format!("{bytes:.0} {unit}")
            } else {
                format!("{bytes:.1} {unit}")
            };
        }
        bytes /= 1000.0;
    }
    format!("{bytes:.1} PB")
}

fn ago(now_ms: u64, then_ms: u64) -> String {
    short(Duration::from_millis(now_ms.saturating_sub(then_ms)))
}

/// The two greatest units: 3m 2s, 5h 7m, 2d 4h.
fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests;
