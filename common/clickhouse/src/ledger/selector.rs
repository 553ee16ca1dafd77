//! Which files are meant.

use crate::sql::{id_literal, literal};
use logmill_config::path_glob;
use logmill_core::FileId;

/// Files by path, glob or id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    All,
    /// Every file that ever had this path, in any cluster.
    Path(String),
    /// `*` and `?` stay within a folder, `**` does not, `[…]` is one of some characters; without a slash, the name alone
    /// is meant. A path that is the glob itself, letter by letter, is meant too.
    Glob(String),
    Id(FileId),
    /// A file and, of an archive, all of its members.
    Archive(FileId),
    /// What one of these means.
    Any(Vec<Selector>),
}

impl Selector {
    /// 32 hex digits are an id; a text with one of `*?[` that can be read as a glob is one; anything else is a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Ok(id) = text.parse() {
            Self::Id(id)
        } else if text.contains(['*', '?', '[']) && path_glob(text).is_ok() {
            Self::Glob(text.to_owned())
        } else {
            Self::Path(text.to_owned())
        }
    }

    /// What one of the texts means; everything where there is none.
    #[must_use]
    pub fn any<T: AsRef<str>>(texts: &[T]) -> Self {
        match texts {
            [] => Self::All,
            [one] => Self::parse(one.as_ref()),
            texts => Self::Any(texts.iter().map(|text| Self::parse(text.as_ref())).collect()),
        }
    }

    /// Whether it means a file that no table knows yet; of an archive the archive alone.
    #[must_use]
    pub fn covers(&self, file_id: FileId, cluster: &str, path: &str) -> bool {
        let in_any = |text: &str, fits: &dyn Fn(&str) -> bool| {
            fits(text) || within(text).is_some_and(|(at, text)| at == cluster && fits(text))
        };
        match self {
            Self::All => true,
            Self::Path(text) => in_any(text, &|text| text == path),
            Self::Glob(text) => in_any(text, &|text| {
                text == path || path_glob(text).is_ok_and(|glob| glob.compile_matcher().is_match(path))
            }),
            Self::Id(id) | Self::Archive(id) => *id == file_id,
            Self::Any(all) => all.iter().any(|one| one.covers(file_id, cluster, path)),
        }
    }

    /// A condition on the columns `file_id`, `cluster` and `path`.
    pub(super) fn condition(&self) -> String {
        match self {
            Self::All => "1".into(),
            Self::Path(path) => in_its_cluster(path, |path| format!("path = {}", literal(path))),
            Self::Glob(glob) => in_its_cluster(glob, |glob| {
                format!("(path = {} OR match(path, {}))", literal(glob), literal(&regex(glob)))
            }),
            Self::Id(id) => format!("file_id = {}", id_literal(*id)),
            Self::Archive(id) => format!(
                "(file_id = {id} OR file_id IN (SELECT file_id FROM file_events WHERE archive = {id}))",
                id = id_literal(*id)
            ),
            Self::Any(all) => {
                let all: Vec<String> = all.iter().map(Self::condition).collect();
                format!("({})", all.join(" OR "))
            }
        }
    }
}

/// Files are shown as `cluster:/path`, so they are found by it too.
fn in_its_cluster(text: &str, condition: impl Fn(&str) -> String) -> String {
    match within(text) {
        Some((cluster, path)) => {
            format!("({} OR (cluster = {} AND {}))", condition(text), literal(cluster), condition(path))
        }
        None => condition(text),
    }
}

/// Cluster and path, of `cluster:/path`.
fn within(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(cluster, path)| path.starts_with('/') && !cluster.contains('/'))
}

/// The glob as a regular expression over the whole text, in RE2's grammar.
fn regex(glob: &str) -> String {
    let mut regex = String::from("(?s)^");
    if !glob.contains('/') {
        regex.push_str("(.*/)?");
    }
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                let any_folders = regex.ends_with(['/', '^']) && chars.next_if_eq(&'/').is_some();
                regex.push_str(if any_folders { "(.*/)?" } else { ".*" });
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => {
                regex.push('[');
                if chars.next_if(|c| matches!(c, '!' | '^')).is_some() {
                    regex.push('^');
                }
                let mut first = true;
                while let Some(c) = chars.next_if(|c| first || *c != ']') {
                    if matches!(c, '\\' | '[' | ']') {
                        regex.push('\\');
                    }
                    regex.push(c);
                    first = false;
                }
                chars.next();
                regex.push(']');
            }
            // RE2 refuses a backslash before a character that is not ASCII.
            c if c.is_ascii_punctuation() && !matches!(c, '/' | '_' | '-') => regex.extend(['\\', c]),
            c => regex.push(c),
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
    fn a_file_that_no_table_knows_is_meant_by_the_same_names() {
        for (text, meant) in [
            ("/a/b.gz", true),
            ("x:/a/b.gz", true),
            ("y:/a/b.gz", false),
            ("/a/*", true),
            ("*.gz", true),
            ("x:/**", true),
            ("/a/*.xz", false),
            ("000000000000000000000000000000ff", true),
            ("000000000000000000000000000000fe", false),
        ] {
            assert_eq!(Selector::parse(text).covers(FileId(255), "x", "/a/b.gz"), meant, "{text}");
        }
        assert!(Selector::any(&["/none", "/a/b.gz"]).covers(FileId(255), "x", "/a/b.gz"));
        assert!(Selector::any::<&str>(&[]).covers(FileId(255), "x", "/a/b.gz"));
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
        assert_eq!(regex("/a/*.gz"), r"(?s)^/a/[^/]*\.gz$");
        assert_eq!(regex("/a/**/x[!0-9]?"), r"(?s)^/a/(.*/)?x[^0-9][^/]$");
        assert_eq!(regex("[]x].（gz）"), r"(?s)^(.*/)?[\]x]\.（gz）$");
        assert_eq!(regex("/[^]x]"), r"(?s)^/[^\]x]$");
    }
}
