//! The database's side of an INSERT of the machine: prepared, sent, and its answer judged.

use crate::body::Table;
use crate::ledger::has_closed;
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
        let prepared = table.prepare(insert);
        for (index, body) in prepared.bodies.into_iter().enumerate() {
            let mut query_id = insert.query_id(&self.chain);
            if index > 0 {
                query_id += &format!(":schema-{index}");
            }
            let insertion = Insertion { sql: body.sql, query_id, body: body.pieces };
            if let Err(error) = self.database.insert(&insertion).await {
                return judge(&error, prepared.row);
            }
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
}

fn judge(error: &Error, row: Option<LineSpan>) -> Verdict {
    match error.fault() {
        Fault::Data => Verdict::Refused { why: error.to_string(), row },
        Fault::Busy => Verdict::Again("the same INSERT is running already".into()),
        Fault::Wait => Verdict::Again(error.to_string()),
    }
}
