//! What is wrong with a pattern.

/// Why patterns cannot be used. `pattern` is the name of the one that is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error(
        "there is no pattern {name:?}: the built-in ones are {known}; one of your own needs a `regex`, or `like` with the name of a built-in one"
    )]
    Unknown { name: String, known: String },
    #[error(
        "the pattern {pattern:?} has both `regex` and `like`: it is either one of your own or a built-in one with options"
    )]
    Both { pattern: String },
    #[error(
        "the pattern {pattern:?} has the name of a built-in one: give it a name of its own, and `like = {pattern:?}` if that is meant"
    )]
    Taken { pattern: String },
    #[error("the pattern {pattern:?}: its `regex` is wrong at character {at}: {why}")]
    Regex {
        pattern: String,
        /// Counted from 0.
        at: usize,
        why: String,
    },
    #[error("the pattern {pattern:?}: its `regex` has no named group; write (?<name>…) around what is to be a field")]
    NoGroups { pattern: String },
    #[error("the pattern {pattern:?}: `{option}` names {name:?}, but no group of its `regex` is called so")]
    NoSuchGroup { pattern: String, option: &'static str, name: String },
    #[error(
        "the pattern {pattern:?}: `time_format = {format:?}` is no form of a time: {why}; it is written as for strptime, as %Y-%m-%d %H:%M:%S"
    )]
    TimeFormat { pattern: String, format: String, why: String },
    #[error("the pattern {pattern:?} takes no `{option}`: {of} has one form, or names of its own; leave it out")]
    Option { pattern: String, option: &'static str, of: String },
    #[error(
        "the pattern {pattern:?}: `separator` must be one ASCII character other than a quote or a line end, and is {separator:?}"
    )]
    Separator { pattern: String, separator: char },
    #[error("{count} patterns are tried for one file, and {most} are the most: name fewer of them")]
    TooMany { count: usize, most: usize },
}

impl PatternError {
    /// The key of [`crate::PatternSpec`] that is to be corrected.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::Taken { .. } | Self::TooMany { .. } => "name",
            Self::Both { .. } => "like",
            Self::Regex { .. } | Self::NoGroups { .. } => "regex",
            Self::NoSuchGroup { option, .. } | Self::Option { option, .. } => option,
            Self::TimeFormat { .. } => "time_format",
            Self::Separator { .. } => "separator",
        }
    }
}
