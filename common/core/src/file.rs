//! A file, and the plan by which it is treated.

use crate::id::{FileId, Load};
use logmill_patterns::{PatternSpec, Zone};
use serde::{Deserialize, Serialize};

/// What is known of a file when its task is made. Travels as JSON in the header `file` of its first chunk and, from
/// the topic `text` on, of every chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    pub file_id: FileId,
    pub load: Load,
    pub cluster: String,
    /// As it stands in the store; for names that are not UTF-8 this is lossy and `path_bytes` has the truth.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<Vec<u8>>,
    /// The file of the store in which it lies, where it is a member of an archive, however deep in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<FileId>,
    /// Length in bytes, as listed; of a member as its archive says before it, else 0.
    pub length: u64,
    /// Modification time, milliseconds since 1970, as listed; of a member its archive's.
    pub modified_ms: u64,
    /// The application that wrote the file, by the configuration's rules; empty when no rule names one.
    #[serde(default)]
    pub app: String,
    pub plan: Plan,
}

impl FileMeta {
    /// What stands between the path of an archive and the name of a member.
    pub const WITHIN: &str = "!/";

    /// A file of the store of which no more is known: of no length, time or application, to be loaded for the first time.
    #[must_use]
    pub fn new(file_id: FileId, cluster: impl Into<String>, path: impl Into<String>, plan: Plan) -> Self {
        Self {
            file_id,
            load: Load(0),
            cluster: cluster.into(),
            path: path.into(),
            path_bytes: None,
            archive: None,
            length: 0,
            modified_ms: 0,
            app: String::new(),
            plan,
        }
    }

    /// A member of this file, which is an archive: the `ordinal`-th, counted from 0, of this name and so many bytes.
    #[must_use]
    pub fn member(&self, ordinal: u64, name: &[u8], length: u64) -> Self {
        let path = format!("{}{}{}", self.path, Self::WITHIN, String::from_utf8_lossy(name));
        let is_lossy = self.path_bytes.is_some() || std::str::from_utf8(name).is_err();
        let bytes = || {
            let archive = self.path_bytes.as_deref().unwrap_or(self.path.as_bytes());
            [archive, Self::WITHIN.as_bytes(), name].concat()
        };
        Self {
            file_id: self.file_id.of_member(ordinal, name),
            path,
            path_bytes: is_lossy.then(bytes),
            archive: Some(self.archive.unwrap_or(self.file_id)),
            length,
            ..self.clone()
        }
    }

    /// The partition among `count` that carries what is of this file, while it has an order: its archive's, where it is
    /// a member, so that what ends the archive ends its members too.
    ///
    /// # Panics
    /// When `count` is not positive.
    #[must_use]
    pub fn partition(&self, count: i32) -> i32 {
        self.archive.unwrap_or(self.file_id).partition(count)
    }
}

/// A line that says what the others hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// The file's first line (RFC 4180, 2.3).
    Csv,
    /// The last line that begins with `#Fields:` (W3C extended log file format); it may come again.
    W3c,
}

impl Header {
    /// Bytes of a header line at most: it travels with every chunk, beside the file's description.
    pub const BYTES: usize = 32 << 10;
    /// What the line of W3C's extended log files begins with (WD-logfile-960323, "Directives").
    pub const W3C: &[u8] = b"#Fields:";

    /// Bytes of a header line at most, where lines are cut at so many. One that is longer is none, and ends the one before it.
    #[must_use]
    pub fn longest(line_bytes: usize) -> usize {
        Self::BYTES.min(line_bytes)
    }

    /// Whether `line` is one; `is_first`: it is the file's first line.
    #[must_use]
    pub fn is(self, line: &[u8], is_first: bool) -> bool {
        match self {
            Self::Csv => is_first,
            Self::W3c => line.starts_with(Self::W3C),
        }
    }
}

/// How one file is treated, fixed when its task is made. Everything that shapes a file's output is in it (a change of
/// configuration touches only files that come later), so a file that is open across a restart is cut as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The generation of the code's own cutting and decoding rules. Code that would cut or decode differently is a
    /// new number, and keeps the old behaviour for files that carry the old one.
    pub rules: u32,
    /// Bytes of a `raw` chunk; the file is cut at multiples of it, from byte 0.
    pub raw_bytes: u32,
    /// Bytes of a `plain` chunk.
    pub plain_bytes: u32,
    /// Bytes at which a `text` chunk is closed (at the line end before it).
    pub text_bytes: u32,
    /// Bytes of UTF-8 over which a line is cut into parts. At most `text_bytes`.
    pub line_bytes: u32,
    /// What the first line of a record matches at its beginning, where records may have several lines: a regular
    /// expression ([`crate::record`]). The lines of a record are one row then, of at most `line_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_start: Option<String>,
    /// Which line says what the others hold; every chunk of text knows the one that is in force where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// What may stand in a line, in the order in which it is tried; the first pattern that matches says time, level and fields.
    /// None: the time that a line begins with, and the level near it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<PatternSpec>,
    /// Seconds east of UTC of times that name no zone, ...
    #[serde(default, skip_serializing_if = "Plan::is_utc")]
    pub zone_seconds: i32,
    /// ... where theirs is no zone of the IANA time zone database, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
    /// The encoding, where configuration fixes it (a label, as in docs/encodings.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The encoding to use where detection has too little evidence.
    pub default_encoding: String,
    /// Malformed sequences for each million bytes over which the load is quarantined.
    pub malformed_per_million: u32,
    /// Decompressed bytes for each compressed byte over which the rest is rejected, ...
    pub max_ratio: u32,
    /// ... of those after the first so many: a healthy file can begin with a long stretch that compresses to nothing.
    #[serde(default = "Plan::default_ratio_after_bytes")]
    pub ratio_after_bytes: u64,
    /// Decompressed bytes over which the rest is rejected.
    pub max_bytes: u64,
    /// The memory that a compressed file may ask for to be decompressed (zstd's window, xz's dictionary): a power of two,
    /// from 1 KiB to 2 GiB.
    #[serde(default = "Plan::default_window_bytes")]
    pub window_bytes: u64,
    /// The group of channels to which the distributor may send the file's text.
    pub channel_group: String,
}

impl Plan {
    /// The newest rules that this code knows. From 2 on the re-encoder looks for UTF-32, and does not let
    /// single lines of UTF-8 keep it from another encoding. From 3 on it finds UTF-16 and UTF-32 without a mark in
    /// text of other letters than ASCII's, and the decompressor opens archives.
    pub const RULES: u32 = 3;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    fn is_utc(zone_seconds: &i32) -> bool {
        *zone_seconds == 0
    }

    /// The zone of times that name none. None where this program's database does not have its name.
    #[must_use]
    pub fn zone(&self) -> Option<Zone> {
        match &self.zone_name {
            Some(name) => Zone::named(name),
            None => Zone::fixed(self.zone_seconds),
        }
    }

    pub fn set_zone(&mut self, zone: &Zone) {
        (self.zone_seconds, self.zone_name) = match zone.seconds() {
            Some(seconds) => (seconds, None),
            None => (0, zone.name().map(str::to_owned)),
        };
    }

    fn default_ratio_after_bytes() -> u64 {
        1 << 30
    }

    /// As the zstd program allows by default.
    fn default_window_bytes() -> u64 {
        128 << 20
    }

    /// A short name of the whole plan: 16 hex digits of XXH3-64 over its JSON. Travels in every chunk.
    #[must_use]
    pub fn version(&self) -> String {
        let json = serde_json::to_vec(self).expect("a plan is plain data");
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&json))
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rules: Self::RULES,
            raw_bytes: 900 << 10,
            plain_bytes: 900 << 10,
            text_bytes: 900 << 10,
            line_bytes: 256 << 10,
            record_start: None,
            header: None,
            patterns: Vec::new(),
            zone_seconds: 0,
            zone_name: None,
            encoding: None,
            default_encoding: "utf-8".into(),
            malformed_per_million: 10_000,
            max_ratio: 2_000,
            ratio_after_bytes: Self::default_ratio_after_bytes(),
            max_bytes: 1 << 40,
            window_bytes: Self::default_window_bytes(),
            channel_group: "default".into(),
        }
    }
}
