//! A schema as it stands in a database, piece by piece, and how two of them differ.

use crate::client::Database;
use crate::error::Error;
use crate::sql::literal;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What each piece is, by its name: `table rows`, `column rows.text`, `index rows.files`, `projection rows.days`, `view logs`.
/// The order of columns is left out, and so is the TTL of rows by their file's time: the configuration says how long rows are
/// kept. What only a change by hand makes is a piece of its table: `ttl rows`, `column-ttls rows`, `constraints rows`,
/// `materialized-views rows`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schema(BTreeMap<String, String>);

/// How long rows are kept, as the configuration has it written.
const OF_THE_CONFIGURATION: &str = r"^toDateTime\\(file_time\\) \\+ toIntervalDay\\([0-9]+\\)$";

/// A text within SQL: what stands in it is no word of the statement's.
const TEXTS: &str = r"\'(?:[^\'\\\\]|\\\\.)*\'";

/// The pieces of all tables and views in a database.
///
/// # Errors
/// As the server says.
pub(crate) async fn schema(database: &Database) -> Result<Schema, Error> {
    #[derive(Deserialize)]
    struct Piece {
        name: String,
        what: String,
    }
    let name = literal(&database.name);
    // The settings stand at the end of the engine's full text; a view names its database.
    let pieces: Vec<Piece> = database
        .server_select(&format!(
            "SELECT if(engine = 'View', 'view ', 'table ') || name AS name, if(engine = 'View', \
               replaceAll(replaceAll(as_select, concat('`', {name}, '`.'), ''), concat({name}, '.'), ''), \
               concat(engine, ' PARTITION BY ', partition_key, ' ORDER BY ', sorting_key, ' PRIMARY KEY ', primary_key, \
                 ' SETTINGS ', arrayElement(splitByString(' SETTINGS ', engine_full), -1))) AS what \
             FROM system.tables WHERE database = {name} \
             UNION ALL SELECT concat('column ', table, '.', name) AS name, \
               concat(type, ' ', default_kind, ' ', default_expression, ' ', compression_codec, ' COMMENT ', comment) AS what \
             FROM system.columns WHERE database = {name} AND \
               table IN (SELECT name FROM system.tables WHERE database = {name} AND engine != 'View') \
             UNION ALL SELECT concat('index ', table, '.', name) AS name, \
               concat(expr, ' TYPE ', type_full, ' GRANULARITY ', toString(granularity)) AS what \
             FROM system.data_skipping_indices WHERE database = {name} \
             UNION ALL SELECT concat('projection ', table, '.', name) AS name, query AS what \
             FROM system.projections WHERE database = {name} \
             UNION ALL SELECT concat(piece.1, ' ', owner) AS name, piece.2 AS what FROM ( \
               SELECT name AS owner, splitByString(') ENGINE = ', replaceRegexpAll(create_table_query, '{TEXTS}', ''))[1] AS columns, arrayJoin([ \
                 ('ttl', extract(engine_full, ' TTL (.+?)(?: SETTINGS |$)')), \
                 ('column-ttls', arrayStringConcat(arraySort(extractAll(columns, '`[^`]+` [^`]* TTL [^`,]+')), ', ')), \
                 ('constraints', extract(columns, 'CONSTRAINT (.+?)(?:, PROJECTION |$)')), \
                 ('materialized-views', arrayStringConcat(arrayMap((database, name) -> concat(database, '.', name), \
                   dependencies_database, dependencies_table), ', '))]) AS piece \
               FROM system.tables WHERE database = {name} AND engine != 'View') \
             WHERE piece.2 != '' AND NOT (piece.1 = 'ttl' AND owner = 'rows' AND match(piece.2, '{OF_THE_CONFIGURATION}'))"
        ))
        .await?;
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Schema(pieces.into_iter().map(|piece| (piece.name, words(piece.what))).collect()))
}

/// The table or view to which a piece belongs.
fn owner(piece: &str) -> &str {
    let name = piece.split_once(' ').map_or(piece, |(_, name)| name);
    name.split('.').next().unwrap_or(name)
}

impl Schema {
    /// How `found` differs from this one, a line for each piece. Tables and views that are not of this schema are nobody's
    /// business.
    pub(crate) fn differences(&self, found: &Schema) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, expected) in &self.0 {
            match found.0.get(name) {
                // Its pieces go with it.
                None if !is_whole(name) && !found.has(owner(name)) => {}
                None => lines.push(format!("{name} is gone: {expected}")),
                Some(what) if what != expected => lines.push(format!("{name} is {what}; it has to be {expected}")),
                Some(_) => {}
            }
        }
        let ours = |name: &str| self.has(owner(name)) && !self.0.contains_key(name);
        lines
            .extend(found.0.iter().filter(|(name, _)| ours(name)).map(|(name, what)| format!("{name} is new: {what}")));
        lines
    }

    fn has(&self, owner: &str) -> bool {
        ["table", "view"].iter().any(|kind| self.0.contains_key(&format!("{kind} {owner}")))
    }
}

fn is_whole(piece: &str) -> bool {
    piece.starts_with("table ") || piece.starts_with("view ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[(&str, &str)]) -> Schema {
        Schema(pieces.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect())
    }

    #[test]
    fn what_is_gone_other_or_new_is_named_and_what_belongs_to_others_is_not() {
        let ours =
            [("table a", "MergeTree"), ("column a.x", "UInt8"), ("column a.y", "String"), ("view v", "SELECT 1")];
        let found = [("table a", "MergeTree"), ("column a.x", "UInt16"), ("column a.z", "Date"), ("table b", "Log")];
        assert_eq!(
            of(&ours).differences(&of(&found)),
            [
                "column a.x is UInt16; it has to be UInt8",
                "column a.y is gone: String",
                "view v is gone: SELECT 1",
                "column a.z is new: Date"
            ]
        );
        assert_eq!(of(&ours).differences(&of(&ours[3..])), ["table a is gone: MergeTree"]);
    }
}
