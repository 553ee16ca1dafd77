//! A database with loads of generated files, and what has to be counted of them.

use logmill_analyses::{Answer, Cell, Day, Question, Span, ask, refresh, stale};
use logmill_clickhouse::{Database, Place, id_literal, literal, migrate};
use logmill_config::{Analysis, ClickHouse, Config};
use logmill_core::{FileId, Load};
use logmill_generated::{Line, Tally, tally};
use std::collections::BTreeMap;

pub const APP: &str = "it's a shop";
const DAY_MS: u64 = 86_400_000;

pub struct Bench {
    pub database: Database,
    pub config: Config,
    /// Of each load its lines that are in the table, and whether it is shown.
    loads: BTreeMap<(FileId, Load), (Vec<Line>, bool)>,
    version: u64,
}

/// A row of the table, but for where it stands.
#[derive(Clone)]
pub struct Row {
    pub time_ms: Option<u64>,
    pub text: String,
    pub fields: Vec<(String, String)>,
}

impl Bench {
    /// A migrated database of that name, emptied.
    pub async fn empty(name: &str) -> Self {
        let clickhouse = ClickHouse { database: format!("analyses_{name}"), ..crate::servers() };
        let database = Database::new(&clickhouse).unwrap();
        migrate(&database).await.unwrap();
        for table in ["loads", "hidden", "analyzed"] {
            database.execute(&format!("TRUNCATE TABLE {table}")).await.unwrap();
        }
        for holder in database.holders() {
            holder.execute("TRUNCATE TABLE rows").await.unwrap();
        }
        let analyses = BTreeMap::from([(APP.to_owned(), Analysis::default())]);
        Self {
            database,
            config: Config { clickhouse, analyses, ..Config::default() },
            loads: BTreeMap::new(),
            version: 10_000,
        }
    }

    /// Lines of a load come into the table, numbered on from those that are there, in a file of that day.
    pub async fn load(&mut self, id: FileId, load: Load, day: u32, lines: &[Line]) {
        let there = self.loads.entry((id, load)).or_insert((Vec::new(), true));
        let first = there.0.len() + 1;
        there.0.extend_from_slice(lines);
        let row = |(line, number): (&Line, usize)| {
            // A line without a time counts for the day of its file.
            let timeless = line.day() == day && number % 7 == 0;
            Row { time_ms: (!timeless).then_some(line.time_ms), text: line.json(), fields: line.fields() }
        };
        let rows: Vec<Row> = lines.iter().zip(first..).map(row).collect();
        self.insert(id, load, day, first, &rows).await;
    }

    /// Rows of a load, numbered from `first` on.
    pub async fn insert(&self, id: FileId, load: Load, day: u32, first: usize, rows: &[Row]) {
        let mut values = Vec::new();
        for (row, number) in rows.iter().zip(first..) {
            let fields: Vec<String> =
                row.fields.iter().map(|(name, value)| format!("{},{}", literal(name), literal(value))).collect();
            let time = |ms: u64| format!("fromUnixTimestamp64Milli(toInt64({ms}),'UTC')");
            values.push(format!(
                "({},{load},{number},'a','/logs/{id}',{},{},{},{},map({}))",
                id_literal(id),
                literal(APP),
                time(u64::from(day) * DAY_MS + 1),
                row.time_ms.map_or_else(|| "NULL".into(), time),
                literal(&row.text),
                fields.join(",")
            ));
        }
        let columns = "file_id,load,line,cluster,path,app,file_time,time,text,fields";
        for some in values.chunks(500) {
            let sql = format!("INSERT INTO rows ({columns}) SETTINGS async_insert=0 VALUES {}", some.join(","));
            self.holder(id).execute(&sql).await.unwrap();
        }
    }

    /// Where the rows of a file lie.
    fn holder(&self, id: FileId) -> &Database {
        let holders = self.database.holders();
        &holders[Place::of(id, holders.len()).number]
    }

    /// A load has come to its end.
    pub async fn settled(&self, id: FileId, load: Load, day: u32) {
        let sql = format!(
            "INSERT INTO loads (file_id,load,cluster,path,app,length,modified,state,closed,version) VALUES \
             ({},{load},'a','/logs/{id}',{},1,fromUnixTimestamp64Milli(toInt64({}),'UTC'),'complete',now64(3),{})",
            id_literal(id),
            literal(APP),
            u64::from(day) * DAY_MS + 1,
            1_000 + u64::from(load.0)
        );
        self.database.execute(&sql).await.unwrap();
    }

    /// One row of `hidden`: quarantined, or released.
    pub async fn show(&mut self, id: FileId, load: Load, shown: bool) {
        self.version += 1;
        let (version, hidden) = (self.version, u8::from(!shown));
        let sql = format!("INSERT INTO hidden VALUES ({},{load},{hidden},'a test',{version})", id_literal(id));
        self.database.execute(&sql).await.unwrap();
        self.sees(id, load, shown);
    }

    /// What analysts see by now, where something else than [`Bench::show`] changed it.
    pub fn sees(&mut self, id: FileId, load: Load, shown: bool) {
        self.loads.entry((id, load)).or_insert((Vec::new(), shown)).1 = shown;
    }

    /// The rows of a load are gone.
    pub async fn delete(&mut self, id: FileId, load: Load) {
        let sql = format!("DELETE FROM rows WHERE file_id = {} AND load = {load}", id_literal(id));
        self.holder(id).execute(&sql).await.unwrap();
        self.loads.remove(&(id, load));
    }

    pub fn tally(&self) -> Tally {
        tally(self.loads.values().filter(|(_, shown)| *shown).flat_map(|(lines, _)| lines))
    }

    pub async fn refresh(&self) -> usize {
        let mut days = 0;
        refresh(&self.database, &self.config, None, |_| days += 1).await.unwrap();
        days
    }

    pub async fn stale(&self) -> usize {
        stale(&self.database, &self.config, None, None).await.unwrap().len()
    }

    pub async fn ask(&self, question: Question, span: Span) -> Answer {
        ask(&self.database, &self.config, question, APP, span, 1_000).await.unwrap()
    }

    /// Every answer is what was counted line by line; `what` says what happened before.
    pub async fn is_exact(&self, what: &str) {
        let rows: Vec<Number> = self.database.select("SELECT count() AS n FROM logs").await.unwrap();
        let lines: usize = self.loads.values().filter(|(_, shown)| *shown).map(|(lines, _)| lines.len()).sum();
        assert_eq!(rows[0].n, lines as u64, "{what}: rows in logs");
        assert_eq!(self.stale().await, 0, "{what}: stale days");
        let tally = self.tally();
        for span in [span(20_700, 20_800), span(20_759, 20_759), span(20_758, 20_760)] {
            let within = |day: &u32| (span.first.0..=span.last.0).contains(&(*day as i32));
            let starts: u64 = tally.starts.iter().filter(|(day, _)| within(day)).map(|(_, n)| n).sum();
            let mut calls: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            for (process, (n, starts)) in tally.calls.iter().filter(|(day, _)| within(day)).flat_map(|(_, calls)| calls)
            {
                let sums = calls.entry(process.clone()).or_insert_with(|| vec![0, 0]);
                sums[0] += n;
                sums[1] += starts;
            }
            let answer = self.ask(Question::Calls, span).await;
            assert_eq!(answer.note, format!("{starts} starts"), "{what}");
            assert_eq!(counts(&answer, &["calls", "starts"]), calls, "{what}: calls, {span:?}");

            let of_days = |from: &BTreeMap<u32, (u64, u64)>| -> BTreeMap<String, Vec<u64>> {
                (span.first.0..=span.last.0)
                    .map(|day| {
                        let (one, other) = from.get(&(day as u32)).copied().unwrap_or_default();
                        (Day(day).to_string(), vec![one, other])
                    })
                    .collect()
            };
            let answer = self.ask(Question::Popups, span).await;
            assert_eq!(counts(&answer, &["shown", "users"]), of_days(&tally.popups), "{what}: pop-ups, {span:?}");
            let answer = self.ask(Question::NewUsers, span).await;
            assert_eq!(counts(&answer, &["users", "new"]), of_days(&tally.users), "{what}: new users, {span:?}");

            let mut words: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            for (day, of_day) in &tally.topics {
                for (word, n) in of_day.iter().filter(|_| *day as i32 <= span.last.0 && *day as i32 >= span.first.0 - 2)
                {
                    words.entry(word.clone()).or_insert_with(|| vec![0, 0])[usize::from(!within(day))] += n;
                }
            }
            words.retain(|_, counts| counts[0] > 0);
            let answer = self.ask(Question::Topics { before: 2 }, span).await;
            assert_eq!(counts(&answer, &["events", "before"]), words, "{what}: topics, {span:?}");
        }
    }
}

#[derive(serde::Deserialize)]
struct Number {
    n: u64,
}

pub fn span(first: i32, last: i32) -> Span {
    Span { first: Day(first), last: Day(last) }
}

/// Some columns of an answer, by its first one.
fn counts(answer: &Answer, columns: &[&str]) -> BTreeMap<String, Vec<u64>> {
    let of = |name: &&str| answer.columns.iter().position(|column| column.name == *name).expect("a column");
    let of: Vec<usize> = columns.iter().map(of).collect();
    let row = |row: &Vec<Cell>| {
        let Cell::Text(key) = &row[0] else { panic!("a row is about a text: {row:?}") };
        let count = |index: &usize| match row[*index] {
            Cell::Count(count) => count,
            ref other => panic!("not a count: {other:?}"),
        };
        (key.clone(), of.iter().map(count).collect())
    };
    answer.rows.iter().map(row).collect()
}
