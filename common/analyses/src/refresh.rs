//! Which days differ from the rows, and how one is computed anew.
//!
//! What a day was computed of is compared with what there is: the number of its rows that analysts see, and a sum of
//! their hashes. The one is counted in the very scan that counts the facts, and stands in the partition with them; the other
//! comes from the projection `days` of `rows` and from `hidden`. So nothing that changes rows (a late file, a load that is
//! hidden, shown or superseded, rows that are deleted) has to tell anybody, and nothing can be missed: as long as the two
//! differ, the day is stale. Dying at any point leaves the old partition or the new one, and perhaps a table of a refresh, which
//! a later one drops; the erasure of a file drops those of its application at once, whoever uses them. Two at once do no harm: the
//! last partition stays, and it knows what it was computed of.

use crate::Error;
use crate::day::{Day, Span};
use crate::mapping;
use crate::words::Words;
use bytes::Bytes;
use logmill_clickhouse::{DAY, Database, Insertion, REFRESHES, ROW_HASH, SHOWN, literal};
use logmill_config::{Analysis, Config};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A day whose counts are not those of its rows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Stale {
    pub app: String,
    pub day: Day,
    /// Rows of it that analysts see; without any, the day has to go.
    pub rows: u64,
    /// Rows of which it was computed last.
    pub counted: u64,
    /// Rows of its oldest files may be gone, because their time is over: it stays as it is.
    #[serde(deserialize_with = "zero_or_one")]
    pub kept: bool,
}

fn zero_or_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    u8::deserialize(from).map(|number| number != 0)
}

/// A day that was computed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    pub app: String,
    pub day: Day,
    /// Rows of which it was computed.
    pub rows: u64,
    pub took: Duration,
}

/// A table of a refresh that is so old is nobody's.
const NOBODYS: Duration = Duration::from_secs(86_400);
/// How often a day is counted at most, where its tables are dropped meanwhile.
const TRIES: u32 = 3;

/// The days that have to be computed anew: of one application or of all that the configuration has a mapping for, in `span`
/// or ever.
///
/// # Errors
/// As the server says.
pub async fn stale(
    database: &Database,
    config: &Config,
    app: Option<&str>,
    span: Option<Span>,
) -> Result<Vec<Stale>, Error> {
    let mapped = config.analyses.iter().filter(|(name, _)| app.is_none_or(|app| app == *name));
    let by: Vec<(String, String)> =
        mapped.map(|(name, mapping)| (literal(name), literal(&mapping::fingerprint(mapping)))).collect();
    if by.is_empty() {
        return Ok(Vec::new());
    }
    let apps: Vec<&str> = by.iter().map(|(app, _)| app.as_str()).collect();
    let fingerprints: Vec<&str> = by.iter().map(|(_, by)| by.as_str()).collect();
    let (apps, fingerprints) = (apps.join(","), fingerprints.join(","));
    let span = span.map_or_else(|| "1".into(), Span::sql);
    let over = config.clickhouse.keep.map_or_else(
        || "0".into(),
        |keep| {
            format!(
                "least(if(o1 = 0, o2, o1), if(o2 = 0, o1, o2)) < toUnixTimestamp64Milli(now64(3)) - {}",
                keep.as_millis()
            )
        },
    );
    let sql = format!(
        "WITH now AS (\
           SELECT app, day, sum(n) AS rows, sum(h) AS hash, toInt64(min(oldest)) AS oldest FROM (\
             SELECT app, {DAY} AS day, file_id, load, count() AS n, sum({ROW_HASH}) AS h, \
               toUnixTimestamp64Milli(min(file_time)) AS oldest \
             FROM rows WHERE app IN ({apps}) AND {SHOWN} GROUP BY app, day, file_id, load) \
           WHERE {span} GROUP BY app, day), \
         was AS (\
           SELECT app, day, sumIf(n, kind = 'source') AS rows, sumIf(whom, kind = 'source') AS hash, anyIf(key, kind = 'by') AS by, \
             toInt64(maxIf(toUnixTimestamp64Milli(file_time), kind = 'source')) AS oldest \
           FROM analyzed WHERE kind IN ('source', 'by') AND app IN ({apps}) AND {span} GROUP BY app, day) \
         SELECT app, toInt32(day) AS day, sum(r1) AS rows, sum(r2) AS counted, sum(a1) AS o1, sum(a2) AS o2, \
           o2 > 0 AND {over} AS kept FROM (\
           SELECT app, day, rows AS r1, 0 AS r2, hash AS h1, 0 AS h2, '' AS by, oldest AS a1, 0 AS a2 FROM now UNION ALL \
           SELECT app, day, 0 AS r1, rows AS r2, 0 AS h1, hash AS h2, by, 0 AS a1, oldest AS a2 FROM was) \
         GROUP BY app, day \
         HAVING r1_ != r2_ OR h1_ != h2_ OR max(by) != [{fingerprints}][indexOf([{apps}], app)] ORDER BY app, day"
    )
    .replace("r1_", "sum(r1)")
    .replace("r2_", "sum(r2)")
    .replace("h1_", "sum(h1)")
    .replace("h2_", "sum(h2)");
    Ok(database.select(&sql).await?)
}

/// Computes anew what is stale, and hands each day to `done`. What is kept is passed over.
///
/// # Errors
/// As the server says. What is done stays; the same call goes on.
pub async fn refresh(
    database: &Database,
    config: &Config,
    app: Option<&str>,
    mut done: impl FnMut(&Refreshed),
) -> Result<(), Error> {
    drop_nobodys(database).await?;
    let mut words: Option<Words> = None;
    for stale in stale(database, config, app, None).await?.into_iter().filter(|stale| !stale.kept) {
        let begun = std::time::Instant::now();
        let mapping = &config.analyses[&stale.app];
        let rows = if stale.rows == 0 {
            let partition = format!("({}, {})", literal(&stale.app), stale.day.sql());
            database.execute(&format!("ALTER TABLE analyzed DROP PARTITION {partition}")).await?;
            0
        } else {
            let mut tries = 1;
            loop {
                let own = Own::create(database).await?;
                let rows = own.compute(&stale.app, stale.day, mapping, &mut words).await;
                own.drop_tables().await?;
                match rows {
                    // A file was erased, and what was scanned may have had its lines.
                    Err(error) if is_dropped(&error) && tries < TRIES => tries += 1,
                    rows => break rows?,
                }
            }
        };
        done(&Refreshed { app: stale.app, day: stale.day, rows, took: begun.elapsed() });
    }
    Ok(())
}

/// Whether a table is not there any more.
fn is_dropped(error: &Error) -> bool {
    match error {
        Error::Server(error) => error.is_not_there(),
        Error::Unmapped { .. } => false,
    }
}

/// Drops what refreshes left that died.
async fn drop_nobodys(database: &Database) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Table {
        name: String,
    }
    let begun = "toUInt64OrZero(splitByChar('_', name)[2])";
    let old = format!("{begun} < toUnixTimestamp(now()) - {}", NOBODYS.as_secs());
    let tables: Vec<Table> = database
        .select(&format!(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '{REFRESHES}') AND {old}"
        ))
        .await?;
    for Table { name } in tables {
        database.execute(&format!("DROP TABLE IF EXISTS `{name}`")).await?;
    }
    Ok(())
}

/// Two tables of one refresh: what the scan counts, and the partition that comes of it.
struct Own<'a> {
    database: &'a Database,
    scanned: String,
    made: String,
}

impl<'a> Own<'a> {
    async fn create(database: &'a Database) -> Result<Self, Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("{REFRESHES}{}_{}_{}", since.as_secs(), since.subsec_nanos(), std::process::id());
        let own = Self { database, scanned: format!("{name}_scanned"), made: format!("{name}_made") };
        for table in [&own.scanned, &own.made] {
            database.execute(&format!("CREATE TABLE `{table}` AS analyzed")).await?;
        }
        Ok(own)
    }

    async fn drop_tables(&self) -> Result<(), Error> {
        for table in [&self.scanned, &self.made] {
            self.database.execute(&format!("DROP TABLE IF EXISTS `{table}`")).await?;
        }
        Ok(())
    }

    /// Computes the day and puts it in place. Gives the rows of which it was computed.
    async fn compute(&self, app: &str, day: Day, mapping: &Analysis, words: &mut Option<Words>) -> Result<u64, Error> {
        let (database, scanned, made) = (self.database, &self.scanned, &self.made);
        let (app, sql_day) = (literal(app), day.sql());
        database.execute(&scan(database.set(), scanned, &app, &sql_day, mapping)).await?;
        let rows = self.rows().await?;
        let partition = format!("({app}, {sql_day})");
        if rows == 0 {
            // Hidden or gone since it was looked at.
            database.execute(&format!("ALTER TABLE analyzed DROP PARTITION {partition}")).await?;
            return Ok(0);
        }
        let by = literal(&mapping::fingerprint(mapping));
        database
            .execute(&format!(
                "INSERT INTO `{made}` SELECT * FROM `{scanned}` WHERE kind != 'text' \
                 UNION ALL SELECT {app}, {sql_day}, 'by', {by}, 0, 0, toDateTime64(0, 3, 'UTC')"
            ))
            .await?;
        self.topics(&app, &sql_day, words).await?;
        database.execute(&format!("ALTER TABLE analyzed REPLACE PARTITION {partition} FROM `{made}`")).await?;
        Ok(rows)
    }

    async fn rows(&self) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Rows {
            n: u64,
        }
        let sql = format!("SELECT sum(n) AS n FROM `{}` WHERE kind = 'source'", self.scanned);
        let rows: Vec<Rows> = self.database.select(&sql).await?;
        Ok(rows.first().map_or(0, |rows| rows.n))
    }

    /// Counts the words of the scanned texts, each once a text.
    async fn topics(&self, app: &str, day: &str, words: &mut Option<Words>) -> Result<(), Error> {
        /// Texts in memory at a time.
        const SOME: usize = 100_000;
        #[derive(Deserialize)]
        struct Text {
            key: String,
            n: u64,
        }
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut after = String::new();
        loop {
            let texts: Vec<Text> = self
                .database
                .select(&format!(
                    "SELECT key, n FROM `{}` WHERE kind = 'text' AND key > {} ORDER BY key LIMIT {SOME}",
                    self.scanned,
                    literal(&after)
                ))
                .await?;
            for Text { key, n } in &texts {
                for word in words.get_or_insert_with(Words::new).of(key) {
                    match counts.get_mut(word) {
                        Some(count) => *count += n,
                        None => drop(counts.insert(word.to_owned(), *n)),
                    }
                }
            }
            match texts.into_iter().nth(SOME - 1) {
                Some(last) => after = last.key,
                None => break,
            }
        }
        if counts.is_empty() {
            return Ok(());
        }
        let mut body = Vec::new();
        for (key, n) in &counts {
            serde_json::to_writer(&mut body, &serde_json::json!({ "key": key, "n": n })).expect("memory takes all");
            body.push(b'\n');
        }
        let insertion = Insertion {
            sql: format!(
                "INSERT INTO `{}` (app, day, kind, key, n) SELECT {app}, {day}, 'topic', key, n \
                 FROM input('key String, n UInt64') FORMAT JSONEachRow",
                self.made
            ),
            query_id: format!("{} topics", self.made),
            body: vec![Bytes::from(body)],
        };
        Ok(self.database.insert(&insertion).await?)
    }
}

/// The scan: the facts of all rows of the day that analysts see, and what rows they were. Which files hold them is asked of the
/// projection; whatever it says, what was read is what is told. `is_in` compares with a set.
fn scan(is_in: &str, table: &str, app: &str, day: &str, mapping: &Analysis) -> String {
    let facts = mapping::facts(mapping);
    format!(
        "INSERT INTO `{table}` (app, day, kind, key, n, whom, file_time) \
         SELECT {app}, {day}, kind, key, sum(events), if(kind = 'source', sum(hash), countIf(whom != '')), min(oldest) FROM (\
           SELECT fact.1 AS kind, fact.2 AS key, fact.3 AS whom, count() AS events, sum(if(kind = 'source', h, 0)) AS hash, \
             min(file_time) AS oldest \
           FROM (SELECT arrayJoin({facts}) AS fact, {ROW_HASH} AS h, file_time FROM logs \
             WHERE app = {app} AND {DAY} = {day} AND (file_id, load) {is_in} (\
               SELECT file_id, load FROM (SELECT file_id, load, count() FROM rows WHERE app = {app} AND {DAY} = {day} \
                 GROUP BY app, {DAY}, file_id, load))) \
           GROUP BY kind, key, whom) \
         GROUP BY kind, key \
         SETTINGS async_insert = 0, max_bytes_before_external_group_by = 1000000000"
    )
}
