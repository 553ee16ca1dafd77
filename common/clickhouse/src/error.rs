//! What a server's answer means for who asked.

/// Something that ClickHouse, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an exception: nothing of the statement is under way any more.
    #[error("ClickHouse refuses (code {code}): {message}")]
    Server { code: u32, message: String },
    /// No answer, or one that cannot be read: the statement may have run, may run, or may still arrive.
    #[error("no answer from ClickHouse at {url}: {why}")]
    Unknown { url: String, why: String },
    /// An answer that is not what was asked for.
    #[error("unexpected answer of ClickHouse to {question}: {why}")]
    Answer { question: String, why: String },
    /// An applied migration is not the one that this program has.
    #[error(
        "migration {number} ({name}) was applied with checksum {applied}, this program has {known}: \
         an applied migration never changes, run the program version that fits or add a new migration"
    )]
    Changed { number: u32, name: String, applied: String, known: String },
    /// Somebody else than the migrations changed the schema.
    #[error(
        "the schema of {database} is not what its migrations made, and nothing is done over it; undo this by hand, then \
         migrate again:\n  {}", differences.join("\n  ")
    )]
    Differs { database: String, differences: Vec<String> },
    /// Columns of fields that were made are not those of the configuration.
    #[error("the columns of fields in {database} are not those of the configuration, and nothing is done:\n  {}", problems.join("\n  "))]
    Columns { database: String, problems: Vec<String> },
    /// The database holds something else than the configuration says: rows, a shard's rows, or what belongs to the front of shards.
    #[error(
        "migration {number} of {database} is {applied:?}, and {known:?} is needed: clickhouse.shards is set where the rows lie on one \
         server, or is not where they lie on shards; neither becomes the other, name another database"
    )]
    Kind { database: String, number: u32, applied: String, known: &'static str },
    /// A shard stands elsewhere than in the configuration.
    #[error("the shard at {url}: {why}")]
    Places { url: String, why: String },
    /// The front's server knows other shards.
    #[error(
        "the cluster {cluster:?} in remote_servers of the server at clickhouse.url has to be the {wanted} shards of clickhouse.shards, \
         each once; it shows: {seen}"
    )]
    Unseen { cluster: String, wanted: usize, seen: String },
    /// The database is ahead of this program.
    #[error(
        "the database has migration {number} ({name}), which this program does not know: it is older than the schema"
    )]
    Newer { number: u32, name: String },
}

/// What to do about a failed INSERT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The data itself is refused, and will be whenever it comes again.
    Data,
    /// One of the same query id runs: wait for it.
    Busy,
    /// Anything else: the same again, later.
    Wait,
}

/// The exceptions that the same data always meets, and that no operator's repair changes: values that do not parse or
/// fit, and violated constraints. Everything about names, types of columns, rights, memory, disks and parts is waited
/// for instead, or a wrong schema would send the whole stream to the dead letters.
/// Source: ClickHouse, src/Common/ErrorCodes.cpp.
const DATA_CODES: [u32; 13] = [6, 26, 27, 33, 38, 41, 69, 72, 117, 131, 321, 349, 469];

/// CANNOT_READ_ALL_DATA and INCORRECT_DATA: a part of the table that is damaged on the server's disk gives them too, to
/// the look-up in an INSERT. Of the other codes, some quote the rows, and rows may say anything.
const READING_CODES: [u32; 2] = [33, 117];
/// What the server adds when it was a part that it read.
const READING_A_PART: &str = "(while reading from part ";

/// QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
const SAME_ID: u32 = 216;

impl Error {
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Error::Server { code: SAME_ID, .. } => Fault::Busy,
            Error::Server { code, message } if READING_CODES.contains(code) && message.contains(READING_A_PART) => {
                Fault::Wait
            }
            Error::Server { code, .. } if DATA_CODES.contains(code) => Fault::Data,
            _ => Fault::Wait,
        }
    }

    /// Whether there is no such database, or no such table: nothing was migrated yet.
    #[must_use]
    pub fn is_not_there(&self) -> bool {
        const UNKNOWN_DATABASE: u32 = 81;
        const UNKNOWN_TABLE: u32 = 60;
        const TABLE_IS_DROPPED: u32 = 218;
        matches!(self, Error::Server { code: UNKNOWN_DATABASE | UNKNOWN_TABLE | TABLE_IS_DROPPED, .. })
    }

    /// Says that it happened at a shard, where the message does not say where.
    pub(crate) fn at_shard(self, shard: &crate::Database) -> Self {
        let there = |what: String| format!("{what} at the shard {}", shard.url());
        match self {
            Error::Server { code, message } => {
                Error::Server { code, message: format!("{message} (at the shard {})", shard.url()) }
            }
            Error::Differs { database, differences } => Error::Differs { database: there(database), differences },
            Error::Columns { database, problems } => Error::Columns { database: there(database), problems },
            Error::Kind { database, number, applied, known } => {
                Error::Kind { database: there(database), number, applied, known }
            }
            Error::Changed { number, name, applied, known } => {
                Error::Changed { number, name: there(name), applied, known }
            }
            Error::Newer { number, name } => Error::Newer { number, name: there(name) },
            named @ (Error::Unknown { .. } | Error::Answer { .. } | Error::Places { .. } | Error::Unseen { .. }) => {
                named
            }
        }
    }

    pub(crate) fn of(error: &clickhouse::error::Error, url: &str) -> Self {
        use clickhouse::error::Error as E;
        let why = error.to_string();
        match error {
            E::BadResponse(text) => match exception(text) {
                Some((code, message)) => Error::Server { code, message },
                None => Error::Unknown { url: url.to_owned(), why },
            },
            E::Network(source) => {
                // The outer error says "client error (Connect)"; the last one says why.
                let mut last: &dyn std::error::Error = source.as_ref();
                while let Some(next) = last.source() {
                    last = next;
                }
                Error::Unknown { url: url.to_owned(), why: format!("{why}: {last}") }
            }
            _ => Error::Unknown { url: url.to_owned(), why },
        }
    }
}

/// The code and the message of the last exception in a text: data may stand before it.
fn exception(text: &str) -> Option<(u32, String)> {
    const MOST: usize = 1_000;
    let start = text.rfind("Code: ")?;
    let rest = &text[start + 6..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let code = rest[..digits].parse().ok()?;
    let message = rest[digits..].trim_start_matches(['.', ' ']).trim_end();
    Some((code, message.chars().take(MOST).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_exception_of_an_answer_counts() {
        let text = "rows... Code: 1 is in the data\nCode: 241. DB::Exception: Memory limit exceeded";
        assert_eq!(exception(text), Some((241, "DB::Exception: Memory limit exceeded".into())));
        assert_eq!(exception("<html>bad gateway</html>"), None);
    }

    #[test]
    fn only_what_the_data_is_to_blame_for_is_the_data_s_fault() {
        let fault = |code| Error::Server { code, message: String::new() }.fault();
        assert_eq!(fault(216), Fault::Busy);
        assert_eq!([117, 469, 33].map(fault), [Fault::Data; 3]);
        // No such table, not enough memory, too many parts, no such column, no right.
        assert_eq!([60, 241, 252, 16, 497].map(fault), [Fault::Wait; 5]);
    }
}
