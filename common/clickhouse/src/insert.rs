//! The INSERT that may be repeated, come late, or come twice: it lets in only rows that are not in the table, and the
//! server refuses it while one of the same query id runs.

use crate::client::Database;
use crate::cluster::Place;
use crate::error::Error;
use crate::sql::literal;
use bytes::Bytes;
use logmill_core::{FileId, Load};
use std::time::Duration;

/// One statement `INSERT … FORMAT …` with its query id and body.
#[derive(Clone, Debug)]
pub struct Insertion {
    pub sql: String,
    /// Made of the batch alone: nothing random, nothing counted.
    pub query_id: String,
    /// Consecutive pieces.
    pub body: Vec<Bytes>,
}

/// Settings on which exactness hangs, and what happens without each; the last alone is for cost.
const SETTINGS: [(&str, &str); 13] = [
    // The server answers when the rows are in, not when they are in a queue.
    ("async_insert", "0"),
    // One block a table partition, and so all or nothing in each: never cut by rows or bytes.
    ("max_insert_block_size", "100000000"),
    ("min_insert_block_size_rows", "100000000"),
    ("max_insert_block_size_bytes", "0"),
    ("min_insert_block_size_bytes", "0"),
    // One thread makes one block.
    ("max_insert_threads", "1"),
    // The anti-join decides what is a repetition; a token that outlives a deletion would decide otherwise.
    ("deduplicate_insert", "disable"),
    // A batch of many files is a batch of many days.
    ("max_partitions_per_insert_block", "0"),
    // The look-up names every file of the batch: up to 60 bytes and 8 elements each.
    ("max_query_size", "1048576"),
    ("max_ast_elements", "1000000"),
    ("max_expanded_ast_elements", "1000000"),
    // An exception is the whole answer.
    ("wait_end_of_query", "1"),
    // The bloom filter of words is made by the merge that comes anyway, and not twice: until then a search reads the newest parts.
    ("exclude_materialize_skip_indexes_on_insert", WORDS),
];

/// The index of words in the table of rows (migration 0023).
pub const WORDS: &str = "words";

/// Bytes of a body after which the server has begun with it, for the fault point there: the statement may be as long as
/// `max_query_size`, and so much is read before it is looked at.
const BEGUN: usize = 1_300_000;

/// How long one piece of a body may take to be sent on.
const SEND: Duration = Duration::from_secs(30);

impl Database {
    /// Sends it once. `Ok` means that the server said that all of it is in and durable.
    ///
    /// # Errors
    /// [`Error::fault`] says whether to send the very same again, or whether the data is to blame.
    pub async fn insert(&self, insertion: &Insertion) -> Result<(), Error> {
        let mut client = self.client.clone().with_database(&self.name);
        for (name, value) in SETTINGS {
            client = client.with_setting(name, value);
        }
        // The statement stands before the data in the body: the client's URLs end at 64 KiB (http::Uri).
        let statement = Bytes::from(format!("{}\n", insertion.sql));
        let mut query_id = insertion.query_id.clone();
        if logmill_faults::is_off("query-id") {
            query_id = format!("{query_id} of process {}", std::process::id());
        }
        let mut insert = client
            .with_setting("query_id", query_id)
            .insert_formatted_with("")
            .with_timeouts(Some(SEND), Some(self.insert_timeout));
        let work = async {
            insert.send(statement).await?;
            let mut sent = 0;
            for piece in &insertion.body {
                insert.send(piece.clone()).await?;
                sent += piece.len();
                if logmill_faults::ARMED && sent > BEGUN {
                    tokio::task::block_in_place(|| logmill_faults::at("insert-begun"));
                    sent = 0;
                }
            }
            insert.end().await
        };
        let unknown =
            || Error::Unknown { url: self.url.clone(), why: format!("no end within {:?}", self.insert_timeout) };
        tokio::time::timeout(self.insert_timeout, work)
            .await
            .map_err(|_| unknown())?
            .map_err(|e| Error::of(&e, &self.url))
    }
}

/// Lines `first..=last` of one load of one file, in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRange {
    pub file_id: FileId,
    pub load: Load,
    pub first: u64,
    pub last: u64,
    /// The file's time, ms since 1970: it names the table's partition.
    pub file_time_ms: i64,
}

/// Joins the ranges of each file that touch. Sorted.
#[must_use]
pub fn merge_ranges(mut ranges: Vec<LineRange>) -> Vec<LineRange> {
    ranges.sort_unstable();
    let mut merged: Vec<LineRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last)
                if (last.file_id, last.load) == (range.file_id, range.load)
                    && range.first <= last.last.saturating_add(1) =>
            {
                last.last = last.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Ranges whose look-up is one condition: files IN a set AND lines BETWEEN two bounds.
struct Group {
    first: u64,
    last: u64,
    /// The longest of its ranges, in lines.
    longest: u64,
    files: Vec<(FileId, Load)>,
}

/// Conditions that are cheap together: small files all begin at line 1 and share one; a piece out of a huge file has one
/// of its own, so that the rest of that file is not read.
fn groups(ranges: &[LineRange]) -> Vec<Group> {
    /// Lines that a look-up may read in vain, for each file: those of a granule, since fewer are never read.
    const SLACK: u64 = 8_192;
    /// So few conditions cost less than one line that is read in vain.
    const FEW: usize = 16;
    let slack = if ranges.len() > FEW { SLACK } else { 0 };
    let mut sorted: Vec<&LineRange> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| (range.first, range.last));
    let mut groups: Vec<Group> = Vec::new();
    for range in sorted {
        let length = range.last - range.first + 1;
        if let Some(group) = groups.last_mut() {
            let longest = group.longest.min(length);
            let last = group.last.max(range.last);
            if last - group.first < longest.saturating_add(slack) {
                group.last = last;
                group.longest = group.longest.max(length);
                group.files.push((range.file_id, range.load));
                continue;
            }
        }
        let files = vec![(range.file_id, range.load)];
        groups.push(Group { first: range.first, last: range.last, longest: length, files });
    }
    groups
}

/// The columns of an Arrow row batch, as `input()` names them.
const ROW_COLUMNS: &str = "file_id FixedString(16), load UInt32, line UInt64, part UInt32, lines UInt32, \
    cluster LowCardinality(String), path LowCardinality(String), app LowCardinality(String), \
    channel LowCardinality(String), level LowCardinality(String), file_time DateTime64(3, \\'UTC\\'), \
    time Nullable(DateTime64(3, \\'UTC\\')), text String, fields Map(LowCardinality(String), String)";

/// Lets nothing in of files that were erased, however late it comes.
const NOT_FORGOTTEN: &str = "file_id NOT IN (SELECT file_id FROM forgotten)";

/// The statement that inserts the rows of a batch that are not there yet. `ranges` cover all of them, and are merged.
/// `counted`: the batch says how many lines each row has; else each has one, as the table takes for granted.
///
/// # Panics
/// Without a range: there is nothing to insert then.
#[must_use]
pub fn rows_sql(ranges: &[LineRange], counted: bool) -> String {
    missing_rows_sql(ranges, counted, "")
}

/// The same for a shard: the server refuses it where the database is another one, or one of another number of shards.
///
/// # Panics
/// As [`rows_sql`].
#[must_use]
pub fn shard_rows_sql(ranges: &[LineRange], counted: bool, Place { number, shards }: Place) -> String {
    let here = format!("argMax((number,shards),shards)=({number},{shards})");
    let why = format!("this is not shard {} of {shards}", number + 1);
    missing_rows_sql(ranges, counted, &format!("AND (SELECT throwIf(NOT({here}),'{why}') FROM place)=0 "))
}

fn missing_rows_sql(ranges: &[LineRange], counted: bool, fence: &str) -> String {
    assert!(!ranges.is_empty(), "a batch of rows has a range");
    let conditions: Vec<String> = groups(ranges)
        .iter()
        .map(|group| {
            let mut files: Vec<String> = group.files.iter().map(|(id, load)| format!("(x'{id}',{load})")).collect();
            files.sort_unstable();
            files.dedup();
            format!("(file_id,load) IN ({}) AND line BETWEEN {} AND {}", files.join(","), group.first, group.last)
        })
        .collect();
    let oldest = ranges.iter().map(|range| range.file_time_ms).min().unwrap_or_default();
    let newest = ranges.iter().map(|range| range.file_time_ms).max().unwrap_or_default();
    let columns = "file_id,load,line,part,lines,cluster,path,app,channel,level,file_time,time,text,fields";
    let only = |all: &str, lines: &str| if counted { all.to_owned() } else { all.replace(lines, "") };
    let (columns, typed) = (only(columns, ",lines"), only(ROW_COLUMNS, " lines UInt32,"));
    if logmill_faults::is_off("anti-join") {
        return format!("INSERT INTO rows ({columns}) SELECT {columns} FROM input('{typed}') FORMAT ArrowStream");
    }
    format!(
        "INSERT INTO rows ({columns}) SELECT {columns} FROM input('{typed}') \
         WHERE (file_id,load,line,part) NOT IN (SELECT file_id,load,line,part FROM rows \
         WHERE file_time BETWEEN fromUnixTimestamp64Milli(toInt64({oldest}),'UTC') \
         AND fromUnixTimestamp64Milli(toInt64({newest}),'UTC') AND ({})) AND {NOT_FORGOTTEN} {fence}FORMAT ArrowStream",
        conditions.join(" OR ")
    )
}

/// The statement that inserts the records `[from, to)` of one Kafka partition into `table` that are not there yet.
/// `columns` are names and types as `input()` takes them, with `topic`, `partition` and `offset` among them.
#[must_use]
pub fn origins_sql(table: &str, columns: &[(&str, &str)], topic: &str, partition: i32, from: i64, to: i64) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let names = names.join(",");
    let typed: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    let typed = literal(&typed.join(", "));
    let topic = literal(topic);
    format!(
        "INSERT INTO {table} ({names}) SELECT {names} FROM input({typed}) \
         WHERE (topic,partition,offset) NOT IN (SELECT topic,partition,offset FROM {table} \
         WHERE topic={topic} AND partition={partition} AND offset>={from} AND offset<{to}) \
         AND {NOT_FORGOTTEN} FORMAT ArrowStream"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(file: u128, first: u64, last: u64) -> LineRange {
        LineRange { file_id: FileId(file), load: Load(0), first, last, file_time_ms: 0 }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let merged = merge_ranges(vec![range(1, 11, 20), range(2, 1, 5), range(1, 1, 10), range(1, 30, 40)]);
        assert_eq!(merged, vec![range(1, 1, 20), range(1, 30, 40), range(2, 1, 5)]);
    }

    #[test]
    fn a_thousand_small_files_are_one_look_up_and_a_piece_of_a_huge_one_is_its_own() {
        let mut ranges: Vec<LineRange> = (0..1_000).map(|file| range(file, 1, 100 + file as u64)).collect();
        ranges.push(range(2_000, 70_000_000, 70_010_000));
        let groups = groups(&ranges);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[1].first, groups[1].last), (70_000_000, 70_010_000));
    }

    #[test]
    fn the_statement_depends_on_nothing_but_the_batch() {
        assert_eq!(rows_sql(&[range(1, 1, 20)], true), rows_sql(&[range(1, 1, 20)], true));
    }

    #[test]
    fn lines_are_counted_where_the_batch_has_them() {
        assert_eq!(rows_sql(&[range(1, 1, 20)], true).matches("lines").count(), 3);
        assert_eq!(rows_sql(&[range(1, 1, 20)], false).matches("lines").count(), 0);
    }
}
