//! Values as SQL literals.

use logmill_core::FileId;

/// A string literal.
#[must_use]
pub fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\0' => quoted.push_str("\\0"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// A file id as the column has it: 16 bytes, most significant first.
#[must_use]
pub fn id_literal(id: FileId) -> String {
    format!("toFixedString(unhex('{id}'),16)")
}

/// What stands in the column `archive` of a file that is no member of one.
pub(crate) const NO_ARCHIVE: &str = "toFixedString('',16)";
/// The archives of which a member is partial or quarantined, and the load.
pub(crate) const BROKEN_ARCHIVES: &str =
    "SELECT archive, load FROM loads FINAL WHERE archive != toFixedString('',16) AND state != 'complete'";

/// The day that the analyses count a row for, as the projection `days` of `rows` has it.
pub const DAY: &str = "toDate32(ifNull(time, file_time))";
/// The hash of a row's identity, by whose sum a day is known: that of the projection `days`, and of what was counted.
pub const ROW_HASH: &str = "cityHash64(file_id, load, line, part)";
/// A condition on rows: analysts see them.
pub const SHOWN: &str = "(file_id, load) NOT IN (SELECT file_id, load FROM hidden FINAL WHERE hidden = 1)";
/// With it the tables of refreshes of the analyses begin; the time of their beginning follows, in seconds.
pub const REFRESHES: &str = "refresh_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_quotes_escapes_and_line_ends_stays_one_literal() {
        assert_eq!(literal("it's a\\b\nc"), r"'it\'s a\\b\nc'");
    }
}
