//! `logmill analyze`: what users of an application do.

mod drawing;
mod table;

use crate::args::{Analyze, Asked, Output};
use crate::exit::{Failure, Verdict};
use crate::migrate::database;
use crate::output::{Printer, escaped};
use anyhow::Context;
use logmill_analyses::{Answer, Cell, Day, Question, Span, Stale, ask, refresh, stale};
use logmill_clickhouse::Database;
use logmill_config::Config;
use serde_json::{Map, Value};

/// Days that are shown where none is named.
const USUAL: u32 = 7;

/// Counts what changed, where it is asked for, and answers the question, where one is put.
///
/// # Errors
/// The command line does not fit together, or ClickHouse does not do its part.
pub fn run(config: &Config, asked: &Analyze, format: Output) -> Result<Verdict, Failure> {
    let question = question(asked)?;
    let database = database(config)?;
    let work = async {
        if asked.refresh {
            counted_anew(&database, config, asked.app.as_deref()).await?;
        }
        match question {
            None => Ok(Verdict::Good),
            Some((question, app, span)) => {
                warn_of_stale(&database, config, app, question, span).await?;
                let answer = ask(&database, config, question, app, span, asked.limit).await;
                print(&answer.map_err(|error| failure(&database, error))?, format)
            }
        }
    };
    crate::runtime()?.block_on(work)
}

/// What is asked of which application; nothing where days are to be counted alone.
fn question(asked: &Analyze) -> Result<Option<(Question, &str, Span)>, Failure> {
    let usage = |text: &str| Failure::Usage(text.to_owned());
    let Some(what) = asked.what else {
        return if asked.refresh { Ok(None) } else { Err(usage("name what to analyze, or --refresh what is counted")) };
    };
    let app = asked.app.as_deref().ok_or_else(|| usage("--app APP names the application"))?;
    let last = asked.to.unwrap_or_else(Day::today);
    let span = Span { first: asked.from.unwrap_or_else(|| last.before(USUAL - 1)), last };
    if span.first > span.last {
        return Err(usage(&format!("--from {} is after --to {}", span.first, span.last)));
    }
    let question = match what {
        Asked::Calls => Question::Calls,
        Asked::Popups => Question::Popups,
        Asked::Topics => Question::Topics { before: asked.before },
        Asked::NewUsers => Question::NewUsers,
    };
    Ok(Some((question, app, span)))
}

fn failure(database: &Database, error: logmill_analyses::Error) -> Failure {
    match error {
        error @ logmill_analyses::Error::Unmapped { .. } => Failure::Usage(error.to_string()),
        error => Failure::Other(anyhow::Error::new(error).context(format!(
            "the analyses in {:?} on {}",
            database.name(),
            database.url()
        ))),
    }
}

async fn counted_anew(database: &Database, config: &Config, app: Option<&str>) -> Result<(), Failure> {
    if config.analyses.is_empty() {
        let text = "the configuration has no section [analyses.APP]: it says what an application's lines mean";
        return Err(Failure::Usage(text.into()));
    }
    if let Some(app) = app.filter(|app| !config.analyses.contains_key(*app)) {
        return Err(failure(database, logmill_analyses::Error::Unmapped { app: app.to_owned() }));
    }
    let kept = |error| failure(database, error);
    for day in stale(database, config, app, None).await.map_err(kept)?.iter().filter(|day| day.kept) {
        eprintln!(
            "logmill: {} of {} stays as it was counted: its rows are kept no longer, and {} differ now",
            day.day,
            escaped(&day.app),
            day.rows.abs_diff(day.counted)
        );
    }
    let done = |day: &logmill_analyses::Refreshed| {
        let took = day.took.as_secs_f64();
        eprintln!("logmill: counted {} rows of {} on {} in {took:.1} s", day.rows, escaped(&day.app), day.day);
    };
    refresh(database, config, app, done).await.map_err(kept)
}

/// Says of which days the rows are others by now than those that were counted.
async fn warn_of_stale(
    database: &Database,
    config: &Config,
    app: &str,
    question: Question,
    span: Span,
) -> Result<(), Failure> {
    // Who is new hangs on all days before.
    let first = match question {
        Question::NewUsers => Day(0),
        Question::Topics { before } => span.first.before(before),
        Question::Calls | Question::Popups => span.first,
    };
    let span = Span { first, ..span };
    let stale = stale(database, config, Some(app), Some(span)).await.map_err(|error| failure(database, error))?;
    let stale: Vec<&Stale> = stale.iter().filter(|day| !day.kept).collect();
    if let [first, ..] = &stale[..] {
        let days = stale.len();
        eprintln!(
            "logmill: {days} days, from {} on, have other rows by now than were counted: --refresh counts them anew",
            first.day
        );
    }
    Ok(())
}

fn print(answer: &Answer, format: Output) -> Result<Verdict, Failure> {
    let mut out = Printer::stdout();
    match format {
        Output::Text => out.text(&table::text(answer))?,
        Output::Csv => out.text(&table::csv(answer))?,
        Output::Svg => out.text(&drawing::svg(answer).context("drawing the plot")?)?,
        Output::Json => {
            for row in &answer.rows {
                let named = answer.columns.iter().zip(row).map(|(column, cell)| (column.name.to_owned(), json(cell)));
                out.json(&named.collect::<Map<String, Value>>())?;
            }
        }
    }
    out.finish()?;
    Ok(Verdict::Good)
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => text.as_str().into(),
        Cell::Count(count) => (*count).into(),
        Cell::Ratio(ratio) => (*ratio).into(),
    }
}

/// A cell as people read it.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escaped(text),
        Cell::Count(count) => count.to_string(),
        Cell::Ratio(ratio) => format!("{ratio:.2}"),
    }
}

/// How much of the longest bar is drawn for each row: from 0 to 1. What is below 0 has no bar.
#[allow(clippy::cast_precision_loss, reason = "a bar")]
fn lengths(answer: &Answer) -> Vec<f64> {
    let value = |row: &Vec<Cell>| match row[answer.drawn] {
        Cell::Count(count) => count as f64,
        Cell::Ratio(ratio) => ratio,
        Cell::Text(_) => 0.0,
    };
    let most = answer.rows.iter().map(value).fold(0.0, f64::max);
    let length = |row| if most > 0.0 { (value(row) / most).max(0.0) } else { 0.0 };
    answer.rows.iter().map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_analyses::Column;

    fn topics() -> Answer {
        let column = |name, meaning| Column { name, meaning };
        let row = |topic: &str, events, rise| vec![Cell::Text(topic.into()), Cell::Count(events), Cell::Ratio(rise)];
        Answer {
            title: "hot topics of shop, 2026-11-01 to 2026-11-07".into(),
            columns: vec![
                column("topic", "word"),
                column("events", "events in whose text it is"),
                column("rise", "events more than the days before let expect"),
            ],
            rows: vec![
                row("世界杯", 1_200, 1_000.0),
                row("gold <&> \"silver\"", 400, 333.333),
                row("天气", 900, 12.5),
                row("cut,\nhere", 3, -7.0),
            ],
            drawn: 2,
            note: "7 days before".into(),
        }
    }

    #[test]
    fn a_table_with_bars_keeps_its_columns_with_characters_of_two() {
        insta::assert_snapshot!("text", table::text(&topics()));
    }

    #[test]
    fn commas_quotes_and_line_ends_stay_within_their_cell() {
        insta::assert_snapshot!("csv", table::csv(&topics()));
    }

    #[test]
    fn a_plot_has_each_row_and_no_markup_of_a_text() {
        insta::assert_snapshot!("svg", drawing::svg(&topics()).unwrap());
    }

    #[test]
    fn nothing_is_a_table_too() {
        let nothing = Answer { rows: Vec::new(), ..topics() };
        assert_eq!(table::text(&nothing).lines().count(), 4);
        drawing::svg(&nothing).unwrap();
    }
}
