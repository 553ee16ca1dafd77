//! The database's side of an INSERT of the machine: prepared, sent, and its answer judged.

use crate::body::{Body, Table};
use crate::ledger::has_closed;
use futures::future::join_all;
use logmill_clickhouse::{Database, Error, Fault, Insertion, settle_loads};
use logmill_core::LineSpan;
use logmill_protocol::load::{Insert, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a chain's records go.
#[derive(Clone)]
pub struct Sink {
    pub database: Database,
    /// The chain's name: a part of every query id.
    pub chain: Arc<str>,
    /// The table of each topic.
    pub tables: Arc<BTreeMap<Arc<str>, Table>>,
}

impl Sink {
    /// Sends an INSERT once. What comes back decides whether it is sent again; nothing here does.
    pub async fn perform(&self, insert: &Insert) -> Verdict {
        let table = self.tables.get(&insert.partition.topic).copied().unwrap_or(Table::Rows);
        let prepared = table.prepare(insert, self.database.shards().len());
        let mut of_holder: BTreeMap<usize, Vec<Body>> = BTreeMap::new();
        for body in prepared.bodies {
            of_holder.entry(body.holder).or_default().push(body);
        }
        let sent = of_holder.into_iter().map(|(holder, bodies)| self.send(insert, table, holder, bodies, prepared.row));
        if let Err(verdict) = join_all(sent).await.into_iter().collect::<Result<(), Verdict>>() {
            return verdict;
        }
        // The state of loads follows from the events in the table, so that a repetition gives the same.
        if table == Table::FileEvents && has_closed(insert) {
            let partition = &insert.partition;
            let batch = (&*partition.topic, partition.index, insert.from.0, insert.to.0);
            if let Err(error) = settle_loads(&self.database, batch).await {
                return Verdict::Again(error.to_string());
            }
        }
        Verdict::Loaded { rejected: prepared.rejected }
    }

    /// Where the records of a topic go, for people.
    pub(crate) fn url(&self, topic: &str) -> String {
        match self.tables.get(topic) {
            Some(Table::FileEvents | Table::Rejects) => self.database.url().to_owned(),
            _ => self.database.holders().iter().map(Database::url).collect::<Vec<_>>().join(" "),
        }
    }

    /// Sends bodies to one database, one after the other.
    async fn send(
        &self,
        insert: &Insert,
        table: Table,
        holder: usize,
        bodies: Vec<Body>,
        row: Option<LineSpan>,
    ) -> Result<(), Verdict> {
        let shard = self.database.shards().get(holder).filter(|_| table == Table::Rows);
        for (index, body) in bodies.into_iter().enumerate() {
            let mut query_id = insert.query_id(&self.chain);
            if shard.is_some() {
                query_id += &format!(":shard-{holder}");
            }
            if index > 0 {
                query_id += &format!(":schema-{index}");
            }
            let insertion = Insertion { sql: body.sql, query_id, body: body.pieces };
            let sent = shard.unwrap_or(&self.database).insert(&insertion).await;
            sent.map_err(|error| match (judge(&error, row), shard) {
                (Verdict::Again(why), Some(shard)) => {
                    Verdict::Again(format!("shard {} at {}: {why}", holder + 1, shard.url()))
                }
                (verdict, _) => verdict,
            })?;
        }
        Ok(())
    }
}

fn judge(error: &Error, row: Option<LineSpan>) -> Verdict {
    match error.fault() {
        Fault::Data => Verdict::Refused { why: error.to_string(), row },
        Fault::Busy => Verdict::Again("the same INSERT is running already".into()),
        Fault::Wait => Verdict::Again(error.to_string()),
    }
}
