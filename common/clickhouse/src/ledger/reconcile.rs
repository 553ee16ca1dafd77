//! The proof that every line arrived: what the stages cut covers every line once, and is *in the table* once.
//!
//! Rows are counted as lines here, and as parts of lines that were too long ([`logmill_core::LineSpan`]): a row of the table
//! that holds a record of several lines counts as many as it says it holds.

use super::queries::{self, Counted, Coverage, Ends, Key, Proven, Rejected, Scope};
use super::selector::Selector;
use crate::client::Database;
use crate::error::Error;
use crate::sql::{id_literal, literal};
use logmill_core::{FileId, Load, RejectReason};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// How strict to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The caller knows that nothing is on its way any more: what is not there is missing, not late.
    pub settled: bool,
    /// Leave out what was proven before.
    pub skip_proven: bool,
}

/// One loading of one file, held to what the stages said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    pub path: String,
    pub modified_ms: u64,
    /// When the first event came, ms since 1970.
    pub first_ms: u64,
    /// Lines and rows that the re-encoder cut; as far as the distributor has seen them while it has not ended the file.
    pub lines: u64,
    pub rows: u64,
    /// Rows in the table, a record counting as its lines: all, and distinct ones.
    pub total: u64,
    pub distinct: u64,
    /// Rows among the rejects.
    pub rejected: u64,
    /// Bytes fetched and their checksum; of a member of an archive none.
    pub bytes: u64,
    pub crc32: String,
    /// It was proven before; since then its rows passed their time, and their day has left the table.
    pub expired: bool,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Proven,
    /// Something is on its way still; the stage that has to do something next.
    Unfinished {
        waits_for: &'static str,
    },
    /// What is wrong.
    Failed {
        faults: Vec<Fault>,
    },
}

/// A row's place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub line: u64,
    pub part: u32,
}

/// What is wrong with a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// A stage could not go on with the file and passed over the rest of it, for this reason.
    GivenUp { stage: String, reason: String },
    /// A stage took in another number of bytes than the one before gave out.
    Bytes { from: &'static str, gave: u64, to: &'static str, took: u64 },
    /// What the decompressor read is not what the fetcher sent.
    Checksum { fetched: String, decompressed: String },
    /// Lines that did not go through the stage, before this line.
    Gap { stage: String, line: u64 },
    /// Lines that went through the stage twice, from this line on.
    Overlap { stage: String, line: u64 },
    /// Rows that stand in the table more than once; the first of them.
    Doubled { rows: u64, places: Vec<Place> },
    /// Rows that were cut, and are neither in the table nor among the rejects; the first of them.
    Missing { rows: u64, places: Vec<Place> },
    /// The table has more rows than were cut.
    Surplus { rows: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |places: &[Place]| -> String {
            let all: Vec<String> = places
                .iter()
                .map(|place| match place.part {
                    0 => format!("line {}", place.line),
                    part => format!("line {} part {part}", place.line),
                })
                .collect();
            if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }
        };
        match self {
            Self::GivenUp { stage, reason } => {
                write!(f, "the {stage} gave it up ({reason}): what came after is not there")
            }
            Self::Bytes { from, gave, to, took } => write!(f, "the {from} gave {gave} bytes, the {to} took {took}"),
            Self::Checksum { fetched, decompressed } => {
                write!(f, "the fetcher sent bytes of CRC-32 {fetched}, the decompressor read {decompressed}")
            }
            Self::Gap { stage, line } => write!(f, "lines before line {line} did not go through the {stage}"),
            Self::Overlap { stage, line } => write!(f, "line {line} went through the {stage} twice"),
            Self::Doubled { rows, places } => write!(f, "{rows} rows too many, some are doubled{}", named(places)),
            Self::Missing { rows, places } => write!(f, "{rows} rows are missing{}", named(places)),
            Self::Surplus { rows } => write!(f, "{rows} distinct rows more than were cut"),
        }
    }
}

/// Judges every load of the selected files, oldest first, and keeps what is proven in the table `reconciled`.
///
/// # Errors
/// As the server says.
pub async fn reconcile(
    database: &Database,
    selector: &Selector,
    options: Options,
) -> Result<Vec<Reconciliation>, Error> {
    let scope = Scope::new(selector, options.skip_proven);
    let ends = queries::ends(database, &scope).await?;
    let mut coverage: HashMap<Key, Vec<Coverage>> = HashMap::new();
    for row in queries::coverage(database, &scope).await? {
        coverage.entry((row.id, row.load)).or_default().push(row);
    }
    let rejected = queries::rejected(database, &scope).await?;
    let counted = queries::counted(database, &scope).await?;
    let proven = queries::proven(database, &scope).await?;
    let days = queries::days(database).await?;
    let mut judged: Vec<Reconciliation> = ends
        .into_iter()
        .map(|ends| {
            let key = (ends.id, ends.load);
            let known = Known {
                has_day: days.contains(&ends.day),
                covered: coverage.get(&key).map_or(&[], Vec::as_slice),
                rejected: rejected.get(&key).cloned().unwrap_or_default(),
                counted: counted.get(&key).copied().unwrap_or_default(),
                proven: proven.get(&key).copied(),
                settled: options.settled,
            };
            known.judge(ends)
        })
        .collect();
    judged.sort_by(|a, b| (a.first_ms, &a.path, a.load).cmp(&(b.first_ms, &b.path, b.load)));
    name_places(database, &mut judged).await?;
    let fresh = |r: &&Reconciliation| {
        let before = proven.get(&(r.file_id, r.load));
        r.verdict == Verdict::Proven && !r.expired && before.is_none_or(|before| before.rows != r.distinct)
    };
    keep(database, &judged.iter().filter(fresh).collect::<Vec<_>>()).await?;
    Ok(judged)
}

/// What is known of one load.
struct Known<'a> {
    covered: &'a [Coverage],
    rejected: Rejected,
    counted: Counted,
    proven: Option<Proven>,
    /// The table has rows of the file's day, be it of other files.
    has_day: bool,
    settled: bool,
}

impl Known<'_> {
    fn judge(&self, mut ends: Ends) -> Reconciliation {
        if ends.reencoded == 0 {
            // What was cut is known from its chunks alone.
            let distributed = self.coverage("distributor");
            (ends.lines, ends.rows) = (distributed.last_line, distributed.rows);
        }
        let expired = self.counted.total == 0 && !self.has_day && self.proven.is_some_and(|proven| proven.rows > 0);
        let verdict = if expired { Verdict::Proven } else { self.verdict(&ends) };
        Reconciliation {
            file_id: ends.id,
            load: ends.load,
            cluster: ends.cluster,
            path: ends.path,
            modified_ms: ends.modified_ms,
            first_ms: ends.first_ms,
            lines: ends.lines,
            rows: ends.rows,
            total: self.counted.total,
            distinct: self.counted.distinct,
            rejected: self.rejected.rows,
            bytes: ends.fetched_bytes,
            crc32: ends.fetched_crc32,
            expired,
            verdict,
        }
    }

    fn coverage(&self, stage: &str) -> Coverage {
        let seen = self.covered.iter().find(|c| c.stage == stage).cloned();
        seen.unwrap_or_else(|| Coverage { stage: stage.into(), ..Coverage::default() })
    }

    fn verdict(&self, ends: &Ends) -> Verdict {
        let mut faults = Vec::new();
        let unended = match (ends.fetched, ends.decompressed, ends.reencoded) {
            (0, _, _) if ends.is_member == 0 => Some("fetcher"),
            (_, 0, _) => Some("decompressor"),
            (_, _, 0) => Some("reencoder"),
            _ => None,
        };
        let given_up = self.given_up(unended);
        // Stages that gave a file up need not end it.
        let unended = unended.filter(|_| given_up.is_none());
        faults.extend(given_up);
        self.before_text(ends, &mut faults);
        let waits_for = unended.or_else(|| self.text_onwards(ends, &mut faults));
        match waits_for {
            _ if !faults.is_empty() => Verdict::Failed { faults },
            Some(waits_for) => Verdict::Unfinished { waits_for },
            None => Verdict::Proven,
        }
    }

    /// Whether a stage passed over the rest of the file. Of a file that changed, what came is whole as soon as the
    /// stages behind the fetcher have ended it too.
    fn given_up(&self, unended: Option<&str>) -> Option<Fault> {
        let Rejected { gave_up, why, aborted, .. } = &self.rejected;
        let fault = |stage: &str, reason: &str| Fault::GivenUp { stage: stage.into(), reason: reason.into() };
        if !gave_up.is_empty() {
            Some(fault(gave_up, why))
        } else if *aborted > 0 && unended.is_some() && self.settled {
            Some(fault("fetcher", RejectReason::Changed.name()))
        } else {
            None
        }
    }

    /// The stages with state per file: what one gave the next one took. A stage's own rejects are no excuse, it reads
    /// on behind what it cannot decode.
    fn before_text(&self, ends: &Ends, faults: &mut Vec<Fault>) {
        if !self.rejected.gave_up.is_empty() || self.rejected.aborted > 0 {
            return;
        }
        let mut compare = |from, gave, to, took| {
            if gave != took {
                faults.push(Fault::Bytes { from, gave, to, took });
            }
        };
        if ends.fetched > 0 && ends.decompressed > 0 {
            compare("fetcher", ends.fetched_bytes, "decompressor", ends.compressed_bytes);
        }
        if ends.decompressed > 0 && ends.reencoded > 0 {
            compare("decompressor", ends.plain_bytes, "re-encoder", ends.reencoder_bytes);
        }
        let (fetched, decompressed) = (&ends.fetched_crc32, &ends.compressed_crc32);
        if !fetched.is_empty() && !decompressed.is_empty() && fetched != decompressed {
            faults.push(Fault::Checksum { fetched: fetched.clone(), decompressed: decompressed.clone() });
        }
    }

    /// Chunks and rows. Returns the stage that something waits for.
    fn text_onwards(&self, ends: &Ends, faults: &mut Vec<Fault>) -> Option<&'static str> {
        // Where no re-encoder's end says how much was cut, only what is settled says it.
        let is_cut = ends.reencoded > 0 || self.settled;
        let Counted { total, distinct, .. } = self.counted;
        if total > distinct {
            faults.push(Fault::Doubled { rows: total - distinct, places: Vec::new() });
        }
        let arrived = distinct + self.rejected.rows;
        if is_cut && arrived > ends.rows {
            faults.push(Fault::Surplus { rows: arrived - ends.rows });
        }
        let mut waits_for = None;
        for stage in ["distributor", "splitter"] {
            let seen = self.coverage(stage);
            if seen.overlaps > 0 {
                faults.push(Fault::Overlap { stage: stage.into(), line: seen.overlap_line });
            }
            // As long as rows are on their way, what came may have gaps.
            if !is_cut || (seen.rows < ends.rows && !self.settled && self.proven.is_none()) {
                waits_for = waits_for.or(Some(stage));
                continue;
            }
            if seen.gaps > 0 {
                faults.push(Fault::Gap { stage: stage.into(), line: seen.gap_line });
            } else if seen.rows != ends.rows || seen.last_line != ends.lines {
                faults.push(Fault::Gap { stage: stage.into(), line: seen.last_line + 1 });
            }
        }
        if arrived < ends.rows {
            // What was proven once was there once.
            if self.settled || self.proven.is_some() {
                faults.push(Fault::Missing { rows: ends.rows - arrived, places: Vec::new() });
            } else {
                waits_for = waits_for.or(Some("loader"));
            }
        }
        waits_for
    }
}

/// Names the first doubled and missing rows of the first loads that failed.
async fn name_places(database: &Database, judged: &mut [Reconciliation]) -> Result<(), Error> {
    const LOADS: usize = 50;
    const PLACES: usize = 10;
    let failed = judged.iter_mut().filter(|r| matches!(r.verdict, Verdict::Failed { .. }));
    for file in failed.take(LOADS) {
        let (lines, condition) =
            (file.lines, format!("file_id = {} AND load = {}", id_literal(file.file_id), file.load));
        let Verdict::Failed { faults } = &mut file.verdict else { continue };
        for fault in faults {
            let sql = match fault {
                Fault::Doubled { .. } => format!(
                    "SELECT line, part FROM rows WHERE {condition} GROUP BY line, part HAVING count() > 1 \
                     ORDER BY line, part LIMIT {PLACES}"
                ),
                // Whole lines, then parts before a part that is there.
                Fault::Missing { .. } => format!(
                    "SELECT line, part FROM (\
                     SELECT number + 1 AS line, toUInt32(0) AS part FROM numbers({lines}) \
                     WHERE number + 1 NOT IN (SELECT arrayJoin(range(line + (part > 0), line + lines)) FROM rows \
                     WHERE {condition}) \
                     UNION ALL SELECT line, arrayJoin(arrayFilter(p -> p > 0 AND NOT has(parts, p), \
                     range(arrayMax(parts)))) AS part FROM (SELECT line, groupUniqArray(part) AS parts FROM rows \
                     WHERE {condition} AND line IN (SELECT line FROM rows WHERE {condition} AND part > 0) GROUP BY line)) \
                     ORDER BY line, part LIMIT {PLACES}"
                ),
                _ => continue,
            };
            let found: Vec<Place> = database.select(&sql).await?;
            if let Fault::Doubled { places, .. } | Fault::Missing { places, .. } = fault {
                *places = found;
            }
        }
    }
    Ok(())
}

/// Writes what is proven for the first time.
async fn keep(database: &Database, proven: &[&Reconciliation]) -> Result<(), Error> {
    for some in proven.chunks(1_000) {
        let values: Vec<String> = some
            .iter()
            .map(|r| {
                format!(
                    "({},{},{},{},fromUnixTimestamp64Milli(toInt64({}),'UTC'),{},{},{},{},{},now64(3))",
                    id_literal(r.file_id),
                    r.load,
                    literal(&r.cluster),
                    literal(&r.path),
                    r.modified_ms,
                    r.lines,
                    r.distinct,
                    r.rejected,
                    r.bytes,
                    literal(&r.crc32)
                )
            })
            .collect();
        database
            .execute(&format!(
                "INSERT INTO reconciled (file_id,load,cluster,path,modified,lines,rows,rejected,bytes,crc32,proven) \
                 SETTINGS async_insert=0 VALUES {}",
                values.join(",")
            ))
            .await?;
    }
    Ok(())
}
