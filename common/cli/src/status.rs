//! `logmill status`: the whole on one screen.

use crate::args::Format;
use crate::exit::{Failure, Verdict};
use crate::files::{now_ms, time};
use crate::lag::{self, Lag};
use crate::migrate::database;
use crate::notes::Told;
use crate::output::{Printer, escaped};
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::{self, Status};
use logmill_config::Config;
use logmill_protocol::PauseNote;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

/// How long the lags are watched to see whether they move.
const WATCHED: Duration = Duration::from_millis(300);
/// A chain with something to do from which nothing has come for this long stands still.
const STILL: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Screen {
    chain: String,
    verdict: &'static str,
    /// Why a server says nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    silent: Vec<String>,
    #[serde(flatten)]
    ledger: Option<Status>,
    lag: Vec<Lag>,
    /// What operators have paused.
    paused: Vec<PauseNote>,
}

/// Shows it.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(config: &Config, format: Format) -> Result<Verdict, Failure> {
    let mut silent = Vec::new();
    let mut said = |error: anyhow::Error| silent.push(format!("{error:#}"));
    let ledger = of_ledger(config).map_err(&mut said).ok();
    // The ages are those of the ledger's answer: to look at the lags takes its time.
    let now = now_ms();
    let (told, lag) = thread::scope(|scope| {
        let told = scope.spawn(|| Told::read(config));
        let lag = lag::measure(config, WATCHED);
        (told.join().expect("it does not panic"), lag)
    });
    let mut lag = lag.map_err(&mut said).unwrap_or_default();
    // Where Kafka is silent, the lags said so.
    let told = told.unwrap_or_default();
    lag::pass_over(config, &told, &mut lag);
    let verdict = if silent.is_empty() { judge(ledger.as_ref(), &lag, now) } else { "a server does not answer" };
    let screen = Screen { chain: config.chain.clone(), verdict, silent, ledger, lag, paused: told.paused(config) };
    let mut out = Printer::stdout();
    match format {
        Format::Json => out.json(&screen)?,
        Format::Text => out.text(&screen.page(now))?,
    }
    out.finish()?;
    Ok(Verdict::of(screen.silent.is_empty()))
}

/// What the ledger says of the whole.
///
/// # Errors
/// ClickHouse does not answer.
pub fn of_ledger(config: &Config) -> Result<Status> {
    let database = database(config)?;
    let status = crate::runtime()?.block_on(ledger::status(&database));
    status.with_context(|| format!("the ledger in {:?} on {}", database.name(), database.url()))
}

/// Whether it moves, in words.
pub fn judge(ledger: Option<&Status>, lag: &[Lag], now: u64) -> &'static str {
    let waits = ledger.is_some_and(|status| status.oldest.is_some()) || lag.iter().any(|lag| lag.records > 0);
    let newest = ledger.map_or(0, |status| status.last_event_ms.max(status.last_row_ms));
    let fresh = u128::from(now.saturating_sub(newest)) < STILL.as_millis();
    match (waits, fresh || lag.iter().any(|lag| lag.rate > 0.0)) {
        (false, _) if ledger.is_some_and(|status| status.loads.contains_key("failed")) => {
            "idle, but files failed: `logmill reconcile` says what is wrong with them"
        }
        (false, _) => "idle: all that came is loaded",
        (true, true) => "moves",
        (true, false) if ledger.is_some_and(|status| status.oldest.is_some()) => {
            "STANDS STILL: look at the stage that the oldest file waits for"
        }
        (true, false) => "STANDS STILL: look at the first stage that has records before it",
    }
}

impl Screen {
    fn page(&self, now: u64) -> String {
        let mut out = format!("chain   {}: {}\n", self.chain, self.verdict);
        for why in &self.silent {
            let _ = writeln!(out, "silent  {why}");
        }
        if let Some(status) = &self.ledger {
            let loads: Vec<_> = status.loads.iter().map(|(state, count)| format!("{count} {state}")).collect();
            let _ = writeln!(out, "files   {}; {} hidden", loads.join(", "), status.hidden);
            let _ = writeln!(out, "rows    {} in the table, {} rejects", status.rows, status.rejects);
            let _ =
                writeln!(out, "newest  event {}, row {}", ago(now, status.last_event_ms), ago(now, status.last_row_ms));
            match &status.oldest {
                None => out.push_str("oldest  no file is unfinished\n"),
                Some(oldest) => {
                    let place = format!("{}:{}", escaped(&oldest.cluster), escaped(&oldest.path));
                    let _ = writeln!(
                        out,
                        "oldest  {place} since {} ({}): waits for the {}",
                        time(oldest.since_ms),
                        ago(now, oldest.since_ms),
                        oldest.waits_for
                    );
                }
            }
        }
        for PauseNote { pause, name, who, why, at_ms, .. } in &self.paused {
            let why = why.as_ref().map_or(String::new(), |why| format!(": {}", escaped(why)));
            let _ = writeln!(out, "paused  the {pause} {name} since {} by {}{why}", time(*at_ms), escaped(who));
        }
        for (topic, why) in self.lag.iter().filter_map(|lag| Some((&lag.topic, lag.passed_over?))) {
            let _ = writeln!(out, "channel {topic} is passed over: it {why}");
        }
        let mut stages: BTreeMap<usize, (&str, i64, f64)> = BTreeMap::new();
        for lag in &self.lag {
            let place = self.lag.iter().position(|other| other.stage == lag.stage).unwrap_or_default();
            let (_, records, rate) = stages.entry(place).or_insert((lag.stage, 0, 0.0));
            *records += lag.records;
            *rate += lag.rate;
        }
        for (stage, records, rate) in stages.values() {
            let _ = writeln!(out, "lag     {stage:<13} {records:>9} records, {rate:.1}/s");
        }
        out
    }
}

fn ago(now: u64, then: u64) -> String {
    if then == 0 {
        return "none yet".into();
    }
    format!("{} ago", humantime::format_duration(Duration::from_secs(now.saturating_sub(then) / 1000)))
}
