//! Plans: how files are treated, by rules and without.

use crate::size::Size;
use logmill_core::Header;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names the application that wrote a file. The first entry that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Glob over the whole path, or over the name alone where the glob has no slash.
    pub path: String,
    /// The application's name.
    pub app: String,
}

/// Names the type of the data in a file, for rules to go by. The first entry that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataType {
    /// Glob over the whole path, or over the name alone where the glob has no slash.
    pub path: String,
    /// The type's name.
    pub data_type: String,
}

/// Fixes the encoding of the files that match: nothing is detected then. The first entry that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedEncoding {
    /// Glob over the cluster's name. Left out: every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Glob over the whole path, or over the name alone where the glob has no slash. Left out: every path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Glob over the application's name. Left out: every application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The encoding: a label, in capitals or not; docs/encodings.md has all.
    pub encoding: String,
}

/// Changes the plan of the files that match. All entries that match apply, in order: a later one wins. A key that is
/// left out changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Glob over the cluster's name. Left out: every cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Glob over the whole path, or over the name alone where the glob has no slash. Left out: every path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Glob over the application's name. Left out: every application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Glob over the data type that data_types names. Left out: every type, and files of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// Only files of at least this priority, as the rules before this one say. Left out: every priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_priority: Option<i32>,
    /// Files of a greater priority come before others of their cluster and lane; 0 where no rule says otherwise. Holds for
    /// files that wait, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Whether the files are backfill: read while no other file of their cluster waits, whatever their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<bool>,
    /// The group of channels to which the text goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_group: Option<String>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_encoding: Option<String>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_bytes: Option<Size>,
    /// As in plan; an empty one makes every line a record again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_start: Option<String>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderLine>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// As in plan: these instead of others, not beside them; an empty list for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns: Option<Vec<String>>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed_per_million: Option<u32>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<u32>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_after_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// As in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_bytes: Option<Size>,
}

/// Which line of a file names the columns of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeaderLine {
    /// No line does.
    #[default]
    None,
    /// The file's first line.
    Csv,
    /// The last line before them that begins with "#Fields:" (extended log files of W3C, as IIS writes them).
    W3c,
}

impl HeaderLine {
    /// As a plan has it.
    #[must_use]
    pub fn of_plan(self) -> Option<Header> {
        match self {
            Self::None => None,
            Self::Csv => Some(Header::Csv),
            Self::W3c => Some(Header::W3c),
        }
    }
}

/// How files are treated where no rule says otherwise. It is fixed when a file's task is made: a change touches only
/// files that come later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanDefaults {
    /// Bytes of a chunk as it lies in the store.
    pub raw_bytes: Size,
    /// Bytes of a decompressed chunk.
    pub plain_bytes: Size,
    /// Bytes at which a chunk of text is closed (at the line end before it).
    pub text_bytes: Size,
    /// Bytes of UTF-8 over which a line is cut into parts, under one line number, and a record into several rows. At most
    /// text_bytes.
    pub line_bytes: Size,
    /// Makes one row of the lines of a record, such as a stack trace: a regular expression that a record's first line
    /// matches at its beginning, and no other line of it (docs/records.md). Left out: every line is a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_start: Option<String>,
    /// Which line names the columns of the others: none, the file's first (csv), or the last before them that begins with
    /// "#Fields:" (w3c). Chunks of text carry it (docs/records.md).
    pub header: HeaderLine,
    /// The zone of times that name none: UTC, how far east of it, such as +08:00 or -05:30, or a name of the IANA time zone
    /// database, such as Europe/Berlin, with its daylight saving (docs/patterns.md).
    pub zone: String,
    /// What may stand in a line, in the order in which it is tried: names of built-in patterns (docs/patterns.md has all) and of
    /// those in patterns; auto for all built-in ones. The first that matches a row says its time, level and fields. csv and w3c bring
    /// their header with them, where header is none. None named: the time that a line begins with, and the level near it.
    pub patterns: Vec<String>,
    /// The encoding (a label; docs/encodings.md has all) of the files that no entry of encodings matches, where nothing
    /// is to be detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The encoding to use where detection has too little evidence: one that extends ASCII.
    pub default_encoding: String,
    /// Malformed sequences for each million bytes over which a load is hidden until someone releases it.
    pub malformed_per_million: u32,
    /// Decompressed bytes for each compressed byte over which the rest of a file is rejected, not counting the first
    /// ratio_after_bytes.
    pub max_ratio: u32,
    /// Decompressed bytes of a file for which max_ratio does not count: a healthy file can have long stretches that
    /// compress to nothing.
    pub ratio_after_bytes: Size,
    /// Decompressed bytes over which the rest of a file is rejected.
    pub max_bytes: Size,
    /// The largest window of a zstd frame or of brotli, dictionary of xz and lzma, or block of bzip2, lz4, lzop and Hadoop's
    /// framings, a power of two from 1 KiB to 2 GiB; what asks for more is rejected. A decompressor needs memory for one of
    /// them (of blocks for two) for each file of these that is open, at most open files x window_bytes.
    /// Open are at most twice the largest coroutines of all clusters, for each partition of each cluster's tasks, and twice
    /// the largest backfill_coroutines for each of its backfill; a parked file needs no window.
    pub window_bytes: Size,
    /// The group of channels to which text goes.
    pub channel_group: String,
}

impl Default for PlanDefaults {
    fn default() -> Self {
        let plan = logmill_core::Plan::default();
        Self {
            raw_bytes: Size(plan.raw_bytes.into()),
            plain_bytes: Size(plan.plain_bytes.into()),
            text_bytes: Size(plan.text_bytes.into()),
            line_bytes: Size(plan.line_bytes.into()),
            record_start: plan.record_start,
            header: HeaderLine::None,
            zone: "UTC".into(),
            patterns: Vec::new(),
            encoding: plan.encoding,
            default_encoding: plan.default_encoding,
            malformed_per_million: plan.malformed_per_million,
            max_ratio: plan.max_ratio,
            ratio_after_bytes: Size(plan.ratio_after_bytes),
            max_bytes: Size(plan.max_bytes),
            window_bytes: Size(plan.window_bytes),
            channel_group: plan.channel_group,
        }
    }
}
