//! What the screen shows, put together of what the servers said last.

use crate::clusters::Line;
use crate::lag::Lag;
use crate::migrate::database;
use crate::status;
use crate::waiting;
use anyhow::{Context, Result};
use logmill_clickhouse::ledger::files::{self, Listed, State};
use logmill_clickhouse::ledger::letters::{self, Letter};
use logmill_clickhouse::ledger::{Selector, Status, rates};
use logmill_config::Config;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Files and letters that are kept of each look.
const MOST: usize = 200;

/// What the ledger, and the tasks that wait, say.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub status: Status,
    /// Under way or failed, oldest first.
    pub open: Vec<Listed>,
    pub counts: BTreeMap<State, u64>,
    pub letters: u64,
    /// The newest of them.
    pub newest: Vec<Letter>,
    /// Bytes a second by stage.
    pub rates: HashMap<String, f64>,
}

/// What each server said last, or why it said nothing; nothing where it was not asked yet.
#[derive(Default)]
pub struct Said {
    pub lags: Option<Result<Vec<Lag>, String>>,
    pub ledger: Option<Result<Ledger, String>>,
    pub clusters: Option<Result<Vec<Line>, String>>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    pub stage: &'static str,
    /// Before it.
    pub records: i64,
    /// Records a second that it takes.
    pub rate: f64,
    /// Bytes a second, where the ledger tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
    /// None while nothing moves.
    pub seconds_to_drain: Option<f64>,
    /// Loads of files that wait for it.
    pub files: u64,
}

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    pub chain: String,
    pub now_ms: u64,
    pub verdict: &'static str,
    /// Why a server says nothing.
    pub silent: Vec<String>,
    pub stages: Vec<Stage>,
    /// The ledger has said something: else what follows is not known, and does not mean that there is nothing.
    pub ledger: bool,
    pub clusters: Vec<Line>,
    pub open: Vec<Listed>,
    /// Loads by state.
    pub counts: BTreeMap<&'static str, u64>,
    pub rows: u64,
    pub last_row_ms: u64,
    /// What the oldest unfinished file waits for.
    pub waits_for: Option<&'static str>,
    pub letters: u64,
    pub newest_letters: Vec<Letter>,
}

/// Asks ClickHouse, and Kafka for the tasks that wait.
///
/// # Errors
/// One of them does not answer.
pub fn ledger(config: &Config) -> Result<Ledger> {
    let status = status::of_ledger(config)?;
    let database = database(config)?;
    let topic = config.topics().dead_letters();
    let asked = crate::runtime()?.block_on(async {
        let listing = files::files(&database, &Selector::All, &State::ALL, 0).await?;
        let letters = letters::count(&database, &topic).await?;
        let newest = letters::newest(&database, &topic, MOST).await?;
        Ok::<_, logmill_clickhouse::Error>((listing, letters, newest, rates(&database).await?))
    });
    let place = || format!("the ledger in {:?} on {}", database.name(), database.url());
    let (listing, letters, newest, rates) = asked.with_context(place)?;
    let (mut open, _, counts) = crate::file_list::joined(listing, waiting::tasks(config)?, &State::ALL);
    open.truncate(MOST);
    Ok(Ledger { status, open, counts, letters, newest, rates })
}

impl Look {
    pub fn of(config: &Config, said: &Said, now_ms: u64) -> Self {
        let lags = said.lags.as_ref().and_then(|lags| lags.as_ref().ok());
        let ledger = said.ledger.as_ref().and_then(|ledger| ledger.as_ref().ok());
        let clusters = said.clusters.as_ref().and_then(|clusters| clusters.as_ref().ok());
        let why = |error: Option<&String>| error.cloned();
        let silent: Vec<String> = [
            why(said.lags.as_ref().and_then(|one| one.as_ref().err())),
            why(said.ledger.as_ref().and_then(|one| one.as_ref().err())),
            why(said.clusters.as_ref().and_then(|one| one.as_ref().err())),
        ]
        .into_iter()
        .flatten()
        .collect();
        let verdict = match (silent.is_empty(), lags, ledger) {
            (false, _, _) => "a server does not answer",
            (true, Some(lags), Some(ledger)) => status::judge(Some(&ledger.status), lags, now_ms),
            _ => "looking",
        };
        let counts = ledger.map(|ledger| ledger.counts.iter().map(|(state, n)| (state.name(), *n)).collect());
        let status = ledger.map(|ledger| &ledger.status);
        Self {
            chain: config.chain.clone(),
            now_ms,
            verdict,
            silent: unique(silent),
            stages: config.topics().stages().iter().map(|stage| Stage::of(stage, lags, ledger)).collect(),
            ledger: ledger.is_some(),
            clusters: clusters.cloned().unwrap_or_default(),
            open: ledger.map(|ledger| ledger.open.clone()).unwrap_or_default(),
            counts: counts.unwrap_or_default(),
            rows: status.map_or(0, |status| status.rows),
            last_row_ms: status.map_or(0, |status| status.last_row_ms),
            waits_for: status.and_then(|status| status.oldest.as_ref()).map(|oldest| oldest.waits_for),
            letters: ledger.map_or(0, |ledger| ledger.letters),
            newest_letters: ledger.map(|ledger| ledger.newest.clone()).unwrap_or_default(),
        }
    }
}

/// The same server may be silent to several questions.
fn unique(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.dedup();
    all
}

impl Stage {
    fn of(stage: &'static str, lags: Option<&Vec<Lag>>, ledger: Option<&Ledger>) -> Self {
        let lags = lags.map(Vec::as_slice).unwrap_or_default().iter().filter(|lag| lag.stage == stage);
        let (records, rate) = lags.fold((0, 0.0), |(records, rate), lag| (records + lag.records, rate + lag.rate));
        #[allow(clippy::cast_precision_loss, reason = "seconds for people")]
        let seconds_to_drain = match records {
            0 => Some(0.0),
            records if rate > 0.0 => Some(records as f64 / rate),
            _ => None,
        };
        let waits = format!("waits for {stage}");
        let files = ledger.and_then(|ledger| ledger.status.loads.get(&waits)).copied().unwrap_or_default();
        let bytes = ledger.and_then(|ledger| ledger.rates.get(stage)).copied();
        Self { stage, records, rate, bytes, seconds_to_drain, files }
    }
}
