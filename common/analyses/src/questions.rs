//! The four questions, each one query of `analyzed`.

use crate::Error;
use crate::answer::{Answer, Cell, Column};
use crate::day::{Day, Span};
use logmill_clickhouse::{Database, literal};
use logmill_config::Config;
use serde::Deserialize;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which processes the application calls, per start of it.
    Calls,
    /// How many pop-ups (advertisements) were shown on each day.
    Popups,
    /// On what the attention of users is: words, and how far they rose over the days before.
    Topics {
        /// How many days before the first one.
        before: u32,
    },
    /// How many users were there for the first time, on each day.
    NewUsers,
}

/// Answers a question about an application out of what was computed last. `most` rows at most, where the rows are no days.
///
/// # Errors
/// As the server says, or [`Error::Unmapped`].
pub async fn ask(
    database: &Database,
    config: &Config,
    question: Question,
    app: &str,
    span: Span,
    most: usize,
) -> Result<Answer, Error> {
    if !config.analyses.contains_key(app) {
        return Err(Error::Unmapped { app: app.to_owned() });
    }
    let asked = Asked { database, of: format!("app = {}", literal(app)), span, most };
    let mut answer = match question {
        Question::Calls => asked.calls().await?,
        Question::Popups => asked.popups().await?,
        Question::Topics { before } => asked.topics(before).await?,
        Question::NewUsers => asked.new_users().await?,
    };
    answer.title = format!("{} of {app}, {} to {}", answer.title, span.first, span.last);
    Ok(answer)
}

struct Asked<'a> {
    database: &'a Database,
    /// Which application, as a condition.
    of: String,
    span: Span,
    most: usize,
}

const fn column(name: &'static str, meaning: &'static str) -> Column {
    Column { name, meaning }
}

const DAY: Column = column("day", "day, UTC");

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(part: u64, whole: u64) -> Cell {
    Cell::Ratio(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

impl Asked<'_> {
    async fn number(&self, sql: &str) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Number {
            n: u64,
        }
        let numbers: Vec<Number> = self.database.select(sql).await?;
        Ok(numbers.first().map_or(0, |number| number.n))
    }

    async fn calls(&self) -> Result<Answer, Error> {
        #[derive(Deserialize)]
        struct Row {
            process: String,
            calls: u64,
            starts: u64,
        }
        let (of, span, most) = (&self.of, self.span.sql(), self.most);
        let starts =
            self.number(&format!("SELECT sum(n) AS n FROM analyzed WHERE {of} AND {span} AND kind = 'start'")).await?;
        let rows: Vec<Row> = self
            .database
            .select(&format!(
                "SELECT key AS process, sum(n) AS calls, sum(whom) AS starts FROM analyzed \
                 WHERE {of} AND {span} AND kind = 'call' GROUP BY key ORDER BY calls DESC, key LIMIT {most}"
            ))
            .await?;
        let cells = |row: Row| {
            vec![
                Cell::Text(row.process),
                Cell::Count(row.calls),
                ratio(row.calls, starts),
                Cell::Count(row.starts),
                ratio(row.starts, starts),
            ]
        };
        Ok(Answer {
            title: "processes called per start".into(),
            columns: vec![
                column("process", "process"),
                column("calls", "times it was called"),
                column("per_start", "calls, over the starts of the application"),
                column("starts", "starts that called it"),
                column("share", "of the starts, how many called it"),
            ],
            rows: rows.into_iter().map(cells).collect(),
            drawn: 2,
            note: format!("{starts} starts"),
        })
    }

    async fn popups(&self) -> Result<Answer, Error> {
        #[derive(Deserialize)]
        struct Row {
            day: Day,
            shown: u64,
            users: u64,
            different: u64,
            most: String,
        }
        let (of, span) = (&self.of, self.span);
        let rows: Vec<Row> = self
            .database
            .select(&format!(
                "SELECT toInt32(d) AS day, shown, users, different, most FROM (\
                   SELECT day AS d, sumIf(n, kind = 'popups') AS shown, sumIf(whom, kind = 'popups') AS users, \
                     countIf(kind = 'popup') AS different, argMaxIf(key, tuple(n, key), kind = 'popup') AS most \
                   FROM analyzed WHERE {of} AND {} AND kind IN ('popup', 'popups') GROUP BY day \
                   ORDER BY d WITH FILL FROM {} TO {} + 1)",
                span.sql(),
                span.first.sql(),
                span.last.sql()
            ))
            .await?;
        let shown: u64 = rows.iter().map(|row| row.shown).sum();
        let cells = |row: Row| {
            vec![
                Cell::Text(row.day.to_string()),
                Cell::Count(row.shown),
                Cell::Count(row.users),
                ratio(row.shown, row.users),
                Cell::Count(row.different),
                Cell::Text(row.most),
            ]
        };
        Ok(Answer {
            title: "pop-ups shown".into(),
            columns: vec![
                DAY,
                column("shown", "pop-ups shown"),
                column("users", "users who saw one"),
                column("per_user", "pop-ups, over the users who saw one"),
                column("different", "different pop-ups"),
                column("most", "the one that was shown most"),
            ],
            rows: rows.into_iter().map(cells).collect(),
            drawn: 1,
            note: format!("{shown} shown"),
        })
    }

    async fn topics(&self, before: u32) -> Result<Answer, Error> {
        #[derive(Deserialize)]
        struct Row {
            topic: String,
            events: u64,
            before: u64,
            expected: f64,
        }
        let (of, span, most) = (&self.of, self.span, self.most);
        let earlier = Span { first: span.first.before(before), last: span.first.before(1) };
        let days = self
            .number(&format!(
                "SELECT uniqExact(day) AS n FROM analyzed WHERE {of} AND {} AND kind = 'source'",
                earlier.sql()
            ))
            .await?;
        let expected = if days == 0 { "toFloat64(0)".into() } else { format!("before * {} / {days}", span.days()) };
        let (whole, span, earlier) = (Span { first: earlier.first, ..span }.sql(), span.sql(), earlier.sql());
        let rows: Vec<Row> = self
            .database
            .select(&format!(
                "SELECT key AS topic, sumIf(n, {span}) AS events, sumIf(n, {earlier}) AS before, {expected} AS expected \
                 FROM analyzed WHERE {of} AND {whole} AND kind = 'topic' GROUP BY key HAVING events > 0 \
                 ORDER BY events - expected DESC, events DESC, key LIMIT {most}"
            ))
            .await?;
        #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
        let cells = |row: Row| {
            vec![
                Cell::Text(row.topic),
                Cell::Count(row.events),
                Cell::Ratio(row.events as f64 - row.expected),
                Cell::Ratio(row.expected),
                Cell::Count(row.before),
            ]
        };
        Ok(Answer {
            title: "hot topics".into(),
            columns: vec![
                column("topic", "word"),
                column("events", "events in whose text it is"),
                column("rise", "events more than the days before let expect"),
                column("expected", "as many as in as many days before"),
                column("before", "events in the days before"),
            ],
            rows: rows.into_iter().map(cells).collect(),
            drawn: 2,
            note: format!("{days} days before"),
        })
    }

    async fn new_users(&self) -> Result<Answer, Error> {
        #[derive(Deserialize)]
        struct Row {
            day: Day,
            users: u64,
            new: u64,
        }
        let (of, span) = (&self.of, self.span);
        let rows: Vec<Row> = self
            .database
            .select(&format!(
                "SELECT toInt32(d) AS day, users, new FROM (\
                   SELECT d, sum(u) AS users, sum(f) AS new FROM (\
                     SELECT day AS d, count() AS u, 0 AS f FROM analyzed WHERE {of} AND {} AND kind = 'user' GROUP BY day \
                     UNION ALL \
                     SELECT first AS d, 0 AS u, count() AS f FROM (\
                       SELECT min(day) AS first FROM analyzed WHERE {of} AND day <= {} AND kind = 'user' GROUP BY key) \
                     WHERE first >= {} GROUP BY first) \
                   GROUP BY d ORDER BY d WITH FILL FROM {} TO {} + 1)",
                span.sql(),
                span.last.sql(),
                span.first.sql(),
                span.first.sql(),
                span.last.sql()
            ))
            .await?;
        let new: u64 = rows.iter().map(|row| row.new).sum();
        let cells = |row: Row| {
            vec![
                Cell::Text(row.day.to_string()),
                Cell::Count(row.new),
                Cell::Count(row.users),
                ratio(row.new, row.users),
            ]
        };
        Ok(Answer {
            title: "new users".into(),
            columns: vec![
                DAY,
                column("new", "users who were there for the first time"),
                column("users", "users who were there"),
                column("share", "of them, how many were new"),
            ],
            rows: rows.into_iter().map(cells).collect(),
            drawn: 1,
            note: format!("{new} new users"),
        })
    }
}
