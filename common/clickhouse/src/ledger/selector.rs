//! Which files are meant.

use crate::sql::{id_literal, literal};
use logmill_core::FileId;

/// Files by path, glob or id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    All,
    /// Every file that ever had this path, in any cluster.
    Path(String),
    /// `*` and `?` stay within a folder, `**` does not, `[…]` is one of some characters.
    Glob(String),
    Id(FileId),
}

impl Selector {
    /// 32 hex digits are an id; a text with one of `*?[` is a glob; anything else is a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Ok(id) = text.parse() {
            Self::Id(id)
        } else if text.contains(['*', '?', '[']) {
            Self::Glob(text.to_owned())
        } else {
            Self::Path(text.to_owned())
        }
    }

    /// A condition on the columns `file_id` and `path`.
    pub(super) fn condition(&self) -> String {
        match self {
            Self::All => "1".into(),
            Self::Path(path) => format!("path = {}", literal(path)),
            Self::Glob(glob) => format!("match(path, {})", literal(&regex(glob))),
            Self::Id(id) => format!("file_id = {}", id_literal(*id)),
        }
    }
}

/// The glob as a regular expression over the whole text.
fn regex(glob: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => regex.push_str(".*"),
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => {
                regex.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    regex.push('^');
                }
                for c in chars.by_ref() {
                    if c == ']' {
                        break;
                    }
                    if c == '\\' || c == '[' {
                        regex.push('\\');
                    }
                    regex.push(c);
                }
                regex.push(']');
            }
            c if c.is_alphanumeric() || c == '/' || c == '_' || c == '-' => regex.push(c),
            c => {
                regex.push('\\');
                regex.push(c);
            }
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_what_it_looks_like() {
        assert_eq!(Selector::parse("/a/b.gz"), Selector::Path("/a/b.gz".into()));
        assert_eq!(Selector::parse("/a/*.gz"), Selector::Glob("/a/*.gz".into()));
        assert_eq!(Selector::parse("000000000000000000000000000000ff"), Selector::Id(FileId(255)));
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
        assert_eq!(regex("/a/*.gz"), r"(?s)^/a/[^/]*\.gz$");
        assert_eq!(regex("/a/**/x[!0-9]?"), r"(?s)^/a/.*/x[^0-9][^/]$");
    }
}
