//! A pattern as configuration names it and as it stands in a file's plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A pattern: one of one's own by its regular expression, a built-in one under another name with options (`like`), or a built-in one
/// by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatternSpec {
    /// Names the pattern to people; without `like` and `regex` it is the name of a built-in one.
    pub name: String,
    /// The built-in pattern that this one is, with the options below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<BuiltIn>,
    /// A regular expression with named groups, which become fields; `time`, `level` and `message` are taken as such. It
    /// begins at the first byte of a record and sees its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// What stands between two values (`csv`; a comma by default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// The field that is the time of the record; without it the names that are usual for it are looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The field that is the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The field that is the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The form of the time, as `strptime` has it: `%d.%m.%Y %H:%M:%S`. Without it the usual forms are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// The types of fields by their names; others are text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, FieldType>,
}

impl PatternSpec {
    /// A built-in pattern as it is.
    #[must_use]
    pub fn built_in(built_in: BuiltIn) -> Self {
        Self { name: built_in.name().to_owned(), ..Self::default() }
    }

    /// A pattern of one's own.
    #[must_use]
    pub fn own(name: impl Into<String>, regex: impl Into<String>) -> Self {
        Self { name: name.into(), regex: Some(regex.into()), ..Self::default() }
    }

    /// The built-in pattern that it is, perhaps with options; none where it is one of one's own.
    #[must_use]
    pub fn of_built_in(&self) -> Option<BuiltIn> {
        if self.regex.is_some() { None } else { self.like.or_else(|| BuiltIn::by_name(&self.name)) }
    }

    /// All built-in ones in the order in which they are best tried.
    #[must_use]
    pub fn all() -> Vec<Self> {
        BuiltIn::ALL.map(Self::built_in).into()
    }
}

/// The built-in patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuiltIn {
    Json,
    Windows,
    Nginx,
    Apache,
    Kafka,
    Clickhouse,
    Hadoop,
    #[serde(alias = "logback")]
    Log4j,
    Syslog,
    #[serde(alias = "iis")]
    W3c,
    Logfmt,
    Csv,
}

impl BuiltIn {
    /// In the order in which they are best tried: those that are told by a few bytes first, those that let much pass last.
    pub const ALL: [Self; 12] = [
        Self::Json,
        Self::Windows,
        Self::Nginx,
        Self::Apache,
        Self::Kafka,
        Self::Clickhouse,
        Self::Hadoop,
        Self::Log4j,
        Self::Syslog,
        Self::W3c,
        Self::Logfmt,
        Self::Csv,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Windows => "windows",
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Kafka => "kafka",
            Self::Clickhouse => "clickhouse",
            Self::Hadoop => "hadoop",
            Self::Log4j => "log4j",
            Self::Syslog => "syslog",
            Self::W3c => "w3c",
            Self::Logfmt => "logfmt",
            Self::Csv => "csv",
        }
    }

    /// What it reads, for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Json => {
                "JSON lines: one object a row. Names of nested keys are joined by dots; an array is a value as it stands. Time, level and \
                 message are found by the names that Elastic's schema, log4j 2, logback, Serilog, Bunyan, pino, zap, logrus, GELF, journald \
                 and Docker use, or by the options `time`, `level`, `message`, `time_format` and `types`."
            }
            Self::Windows => {
                "Events of Windows as XML, one `<Event>` a row; a row of two matches nothing. What the event itself says is queried as \
                 `fields['data.SubjectUserName']`, and each `<Data>` without a name by its place among these: `fields['data.1']`."
            }
            Self::Nginx => {
                "nginx: access lines in the combined format, perhaps with more behind it, and its error log. Quoted values keep the escapes \
                 that it writes, such as `\\x22`."
            }
            Self::Apache => {
                "Apache httpd: access lines in the common, combined and vhost_combined formats, and its error log. Combined lines are nginx's \
                 where that is tried before; the fields are the same. Quoted values keep the escapes that it writes, such as `\\\"`."
            }
            Self::Kafka => "Kafka's own daemons: `[time] LEVEL message (logger)`.",
            Self::Clickhouse => "ClickHouse's own server log: `time [ thread ] {query} <Level> logger: message`.",
            Self::Hadoop => {
                "Hadoop's own daemons with their audit logs, and what the JVM logs of its garbage collection."
            }
            Self::Log4j => {
                "log4j, logback (`logback` is another name) and what writes like them: time, level, thread and logger in their usual orders; \
                 ZooKeeper's own order too."
            }
            Self::Syslog => "syslog by RFC 5424 and by RFC 3164.",
            Self::W3c => {
                "W3C's extended format as IIS writes it (`iis` is another name); its directive `#Fields:` names the fields. \
                 Where one of `date` and `time` is missing, the other is a field."
            }
            Self::Logfmt => "logfmt: at least two `key=value`. Options as for json.",
            Self::Csv => {
                "CSV by RFC 4180 with a header line; its names are the fields, and one that comes again gets a number: `name_2`. A line that \
                 is no such record, as with a quote at the end of a value that does not begin with one, matches nothing; records over several lines need \
                 `record_start`. Options as for json, and `separator`; where that is a tab, quotes within a value are its own."
            }
        }
    }

    /// Who wrote the logs that the tests try it on, for people; nothing where they are examples after the format's documents alone.
    pub(crate) fn tried_on(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("logback and Spring Boot (as Elastic's schema, Logstash and GELF have it)"),
            Self::Windows | Self::W3c => None,
            Self::Nginx => Some("nginx"),
            Self::Apache => Some("Apache httpd"),
            Self::Kafka => Some("a broker of Kafka"),
            Self::Clickhouse => Some("ClickHouse's engine, down to its level `Test`"),
            Self::Hadoop => Some("a NameNode, a DataNode, ZooKeeper's audit and a JVM"),
            Self::Log4j => Some("logback, Spring Boot, log4j 1.2 and 2, and ZooKeeper"),
            Self::Syslog => Some("rsyslogd, and `logger` by way of it"),
            Self::Logfmt => Some("runc, which logs by Go's logrus, and Rust's `tracing-logfmt`"),
            Self::Csv => Some("rsyslogd, by a template of its values as CSV"),
        }
    }

    /// Of which names its fields are, where the file has them.
    pub(crate) fn fields_of_its_own(self) -> Option<&'static str> {
        match self {
            Self::Json | Self::Logfmt => Some("the keys of the row"),
            Self::W3c => Some("the names in `#Fields:`"),
            Self::Csv => Some("the names in the header line"),
            Self::Windows => Some("`data.` and the names in `EventData` or `UserData`"),
            _ => None,
        }
    }

    /// By its name, or by the other name under which it is known: `logback`, `iis`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "logback" => Some(Self::Log4j),
            "iis" => Some(Self::W3c),
            _ => Self::ALL.into_iter().find(|built_in| built_in.name() == name),
        }
    }

    /// Whether its fields have names of their own in each file, so that options can name them.
    pub(crate) fn has_free_names(self) -> bool {
        matches!(self, Self::Json | Self::Logfmt | Self::Csv)
    }
}

/// What a field's value is, which decides the type of a column made of it. A value that is not of its field's type is
/// still a value of the map; in a column it is null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    #[default]
    Str,
    /// A whole number of 64 bits.
    Int,
    Float,
    /// `true` or `false`.
    Bool,
    /// An address of IPv4 or IPv6.
    Ip,
    /// In a form of ISO 8601.
    Time,
    /// A number of bytes, perhaps with a unit: `12`, `1.5 MB`, `3KiB`.
    Size,
}

impl FieldType {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Ip => "ip",
            Self::Time => "time",
            Self::Size => "size",
        }
    }

    /// Whether `value` is of this type.
    #[must_use]
    pub fn holds(self, value: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(value) else { return false };
        match self {
            Self::Str => true,
            Self::Int => text.parse::<i64>().is_ok(),
            Self::Float => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Bool => matches!(text, "true" | "false"),
            Self::Ip => text.parse::<core::net::IpAddr>().is_ok(),
            Self::Time => {
                let end = crate::time::Clock::new(0, crate::Zone::UTC).iso(value, 0).map(|(_, end)| end);
                end == Some(value.len())
            }
            Self::Size => {
                let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let unit = text[number.len()..].to_ascii_uppercase();
                let is_unit = matches!(unit.as_str(), "" | "B")
                    || unit.strip_suffix("IB").or(unit.strip_suffix('B')).is_some_and(|p| "KMGTPE".contains(p));
                is_unit && number.trim_end().parse::<f64>().is_ok_and(|n| n.is_finite() && n >= 0.0)
            }
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_hold() {
        for (kind, yes, no) in [
            (FieldType::Str, &["", "x"][..], &[][..]),
            (FieldType::Int, &["0", "-7"], &["", "1.5", "99999999999999999999", "-"]),
            (FieldType::Float, &["0", "1.5", "2e3"], &["", "x", "inf"]),
            (FieldType::Bool, &["true", "false"], &["1", "True"]),
            (FieldType::Ip, &["10.0.0.1", "::1"], &["10.0.0", "host"]),
            (FieldType::Time, &["2026-11-22T10:00:00Z"], &["2026", "10:00:00"]),
            (FieldType::Size, &["12", "1.5 MB", "3KiB", "7B"], &["", "x", "1 QB", "-1"]),
        ] {
            assert!(yes.iter().all(|value| kind.holds(value.as_bytes())), "{kind}: {yes:?}");
            assert!(!no.iter().any(|value| kind.holds(value.as_bytes())), "{kind}: {no:?}");
        }
    }

    #[test]
    fn a_plan_has_few_words_for_it() {
        let json = |spec: &PatternSpec| serde_json::to_string(spec).expect("plain data");
        assert_eq!(json(&PatternSpec::built_in(BuiltIn::Nginx)), r#"{"name":"nginx"}"#);
        assert_eq!(json(&PatternSpec::own("mine", "(?<a>.)")), r#"{"name":"mine","regex":"(?<a>.)"}"#);
        let csv: PatternSpec =
            toml::from_str("name = 'sales'\nlike = 'csv'\nseparator = ';'\ntypes = { sum = 'float' }").expect("valid");
        assert_eq!(serde_json::from_str::<PatternSpec>(&json(&csv)).expect("its own JSON"), csv);
        assert_eq!(BuiltIn::ALL.map(|b| BuiltIn::by_name(b.name())), BuiltIn::ALL.map(Some));
    }
}
