//! The analyses over a table of generated rows: what is asked, and what it takes to count a day anew.

use crate::report::Row;
use anyhow::Context;
use logmill_analyses::{Question, Span, ask, refresh, stale};
use logmill_clickhouse::{Database, migrate};
use logmill_config::{Analysis, ClickHouse, Config};
use logmill_stack::Stack;
use std::collections::BTreeMap;
use std::time::Instant;

/// The table's rows are so many files of so many lines, so many of each day, of two applications in turn.
const LINES: usize = 100_000;
const FILES_A_DAY: usize = 50;
const APP: &str = "shop";
/// Rows of one INSERT.
const SOME: usize = 5_000_000;
/// 2026-11-01.
const FIRST_DAY: i32 = 20_758;
/// Attempts of which the fastest counts.
const TIMES: usize = 3;

const ROWS: &str = include_str!("generated_rows.sql");

/// Makes `rows` rows, counts all days, one day anew, and asks all that can be asked; then the table is dropped.
///
/// # Errors
/// The engine does not do its part.
pub async fn measure(stack: &Stack, rows: usize) -> anyhow::Result<Vec<Row>> {
    let server = stack.clickhouse();
    let clickhouse = ClickHouse {
        url: server.url.clone(),
        database: "bench_analyses".into(),
        user: server.admin.user.clone(),
        password: Some(server.admin.password.clone()),
        ..ClickHouse::default()
    };
    let analyses = BTreeMap::from([(APP.to_owned(), Analysis::default())]);
    let config = Config { clickhouse, analyses, ..Config::default() };
    let database = Database::new(&config.clickhouse)?;
    migrate(&database).await?;
    let measured = Bench { database: &database, config: &config, rows }.all().await;
    // SYNC: the disk is free when it returns.
    database.execute("DROP DATABASE bench_analyses SYNC").await?;
    measured
}

struct Bench<'a> {
    database: &'a Database,
    config: &'a Config,
    rows: usize,
}

impl Bench<'_> {
    async fn all(&self) -> anyhow::Result<Vec<Row>> {
        let name = |what: &str| format!("analyses of {:.0e} rows: {what}", self.rows as f64);
        let mut measured = Vec::new();
        let begun = Instant::now();
        for from in (0..self.rows).step_by(SOME) {
            let sql =
                ROWS.replace("{from}", &from.to_string()).replace("{count}", &SOME.min(self.rows - from).to_string());
            self.database.execute(sql.trim_end().trim_end_matches(';')).await.context("making rows")?;
        }
        eprintln!("{} rows in {:.0} s", self.rows, begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let days = self.counted().await?;
        measured.push(Row::new(name("all days, first"), "s/day", begun.elapsed().as_secs_f64() / days as f64));

        let last = FIRST_DAY + i32::try_from(self.rows.div_ceil(LINES * FILES_A_DAY))? - 1;
        let day = |day| logmill_analyses::Day(day);
        let whole = Span { first: day(FIRST_DAY), last: day(last) };
        let week = Span { first: day((last - 6).max(FIRST_DAY)), last: day(last) };
        measured.push(Row::new(
            name("which days are stale"),
            "s",
            self.least(|| stale(self.database, self.config, None, None)).await?,
        ));
        for (what, question, span) in [
            ("calls, all days", Question::Calls, whole),
            ("popups, all days", Question::Popups, whole),
            ("topics, a week", Question::Topics { before: 7 }, week),
            ("new-users, all days", Question::NewUsers, whole),
            ("new-users, a week", Question::NewUsers, week),
        ] {
            let asked = || ask(self.database, self.config, question, APP, span, 30);
            measured.push(Row::new(name(what), "s", self.least(asked).await?));
        }
        let begun = Instant::now();
        let file = "SELECT file_id, 0, 1, 'measured', 1 FROM rows WHERE app = 'shop' ORDER BY file_time LIMIT 1";
        self.database.execute(&format!("INSERT INTO hidden {file}")).await?;
        let days = self.counted().await?;
        measured.push(Row::new(
            name("one day anew, after a file was hidden"),
            "s",
            begun.elapsed().as_secs_f64() / days.max(1) as f64,
        ));
        Ok(measured)
    }

    /// How many days were counted.
    async fn counted(&self) -> anyhow::Result<usize> {
        let mut days = 0;
        refresh(self.database, self.config, None, |_| days += 1).await?;
        Ok(days)
    }

    async fn least<T, F: Future<Output = Result<T, logmill_analyses::Error>>>(
        &self,
        asked: impl Fn() -> F,
    ) -> anyhow::Result<f64> {
        let mut least = f64::INFINITY;
        for _ in 0..TIMES {
            let begun = Instant::now();
            asked().await?;
            least = least.min(begun.elapsed().as_secs_f64());
        }
        Ok(least)
    }
}
