//! The ledger's tables, filled as loaders fill them.

use logmill_clickhouse::ledger::{Options, Reconciliation, Selector, Verdict, reconcile};
use logmill_clickhouse::{Database, id_literal, literal, migrate};
use logmill_config::ClickHouse;
use logmill_core::FileId;
use std::sync::atomic::{AtomicI64, Ordering};

/// A file of 2026-11-01.
#[derive(Clone)]
pub struct File {
    pub id: FileId,
    pub path: String,
    pub app: String,
    pub length: u64,
    /// When the stages told of it, as SQL.
    pub told: String,
}

impl File {
    pub fn of(id: u128) -> Self {
        let (path, told) = (format!("/logs/{id}.gz"), MODIFIED.into());
        Self { id: FileId(id), path, app: String::new(), length: 1_000, told }
    }

    pub fn at(id: u128, path: &str) -> Self {
        Self { path: path.into(), ..Self::of(id) }
    }

    fn identity(&self) -> String {
        format!("{}, 0, 'a', {}, {}", id_literal(self.id), literal(&self.path), literal(&self.app))
    }
}

const MODIFIED: &str = "toDateTime64('2026-11-01 00:00:00', 3, 'UTC')";

/// A migrated database.
pub struct Tables(pub Database);

impl Tables {
    /// One of that name, emptied.
    pub async fn empty(name: &str) -> Self {
        let database = Database::new(&ClickHouse { database: format!("ledger_{name}"), ..crate::servers() }).unwrap();
        migrate(&database).await.unwrap();
        for table in
            ["file_events", "rejects", "loads", "hidden", "reconciled", "dropped_letters", "forgotten", "analyzed"]
        {
            database.execute(&format!("TRUNCATE TABLE {table}")).await.unwrap();
        }
        let tables = Self(database);
        tables.on_rows("TRUNCATE TABLE rows").await;
        tables.on_rows("TRUNCATE TABLE forgotten").await;
        tables
    }

    /// Runs a statement wherever rows lie.
    pub async fn on_rows(&self, sql: &str) {
        for holder in self.0.holders() {
            holder.execute(sql).await.unwrap();
        }
    }

    /// Where the rows of a file lie, and what place that is among shards.
    pub fn holder(&self, file: FileId) -> (&Database, Option<logmill_clickhouse::Place>) {
        let shards = self.0.shards();
        let place = (!shards.is_empty()).then(|| logmill_clickhouse::Place::of(file, shards.len()));
        (place.map_or(&self.0, |place| &shards[place.number]), place)
    }

    async fn insert(&self, table: &str, columns: &str, values: &str) {
        self.0.execute(&format!("INSERT INTO {table} ({columns}) {values}")).await.unwrap();
    }

    /// Where the next record stands in Kafka.
    fn offset() -> i64 {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// A stage has ended the file; bytes in and out. Returns the event's offset in partition 0 of the topic `events`.
    pub async fn closed(&self, file: &File, stage: &str, bytes: (u64, u64), lines: u64) -> i64 {
        let offset = Self::offset();
        let columns = "topic, partition, offset, file_id, load, cluster, path, app, length, modified, stage, at, event, outcome, \
                       bytes_in, bytes_out, lines, rows";
        let values = format!(
            "VALUES ('events', 0, {offset}, {}, {}, {MODIFIED}, '{stage}', {}, 'closed', 'complete', {}, {}, {lines}, \
             {lines})",
            file.identity(),
            file.length,
            file.told,
            bytes.0,
            bytes.1
        );
        self.insert("file_events", columns, &values).await;
        offset
    }

    /// A chunk went through distributor and splitter.
    pub async fn passed(&self, file: &File, first_line: u64, rows: u64) {
        let columns = "topic, partition, offset, file_id, load, cluster, path, app, length, modified, stage, at, event, first_line, \
                       rows";
        for stage in ["distributor", "splitter"] {
            let values = format!(
                "VALUES ('events', 0, {}, {}, {}, {MODIFIED}, '{stage}', {}, 'passed', {first_line}, {rows})",
                Self::offset(),
                file.identity(),
                file.length,
                file.told,
            );
            self.insert("file_events", columns, &values).await;
        }
    }

    pub async fn rejected(&self, file: &File, stage: &str, reason: &str) {
        let columns = "topic, partition, offset, file_id, load, cluster, path, app, at, stage, reason";
        let values = format!(
            "VALUES ('letters', 0, {}, {}, {MODIFIED}, '{stage}', '{reason}')",
            Self::offset(),
            file.identity(),
        );
        self.insert("rejects", columns, &values).await;
    }

    pub async fn rows(&self, file: &File, first_line: u64, rows: u64) {
        let columns = "file_id, load, cluster, path, app, line, file_time, text";
        let values = format!(
            "SELECT {}, number + {first_line}, {MODIFIED}, concat('line ', toString(number)) FROM numbers({rows})",
            file.identity(),
        );
        let (holder, _) = self.holder(file.id);
        holder.execute(&format!("INSERT INTO rows ({columns}) {values}")).await.unwrap();
    }

    /// The rows of a table or view.
    pub async fn count(&self, table: &str) -> u64 {
        #[derive(serde::Deserialize)]
        struct Count {
            n: u64,
        }
        let counted: Vec<Count> = self.0.select(&format!("SELECT count() AS n FROM {table}")).await.unwrap();
        counted[0].n
    }

    pub async fn judged(&self, options: Options) -> Vec<Reconciliation> {
        reconcile(&self.0, &Selector::All, options).await.unwrap()
    }

    /// The one file's.
    pub async fn verdict(&self, options: Options) -> Verdict {
        let [judged] = <[_; 1]>::try_from(self.judged(options).await).expect("there is one file");
        judged.verdict
    }
}
