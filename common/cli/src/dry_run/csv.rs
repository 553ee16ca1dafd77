//! Whether lines are CSV with a header line.

use super::trial::SAMPLED_BYTES;
use logmill_patterns::{Anchor, BuiltIn, Found, PatternSpec, Patterns, Suggestion};

/// What may stand between two values.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];
/// Lines below the header, fewer than which show nothing.
const LEAST: usize = 2;
/// Of a hundred lines so many have as many values as the header has names.
const SHARE: usize = 90;

/// The pattern csv for lines of which the first is the header.
pub fn suggest(lines: &[String]) -> Option<Suggestion> {
    // Of a longer line the sample has the beginning alone, up to the last character that fits.
    let is_whole = |line: &&str| line.len() + char::MAX.len_utf8() < SAMPLED_BYTES;
    let (header, rows) = lines.split_first().filter(|(header, _)| is_whole(&header.as_str()))?;
    let rows: Vec<&str> = rows.iter().map(String::as_str).filter(is_whole).collect();
    if rows.len() < LEAST {
        return None;
    }
    let by = SEPARATORS.into_iter().filter_map(|separator| by(separator, header, &rows));
    // Of those that read as many lines the first.
    by.reduce(|best, next| if next.matched > best.matched { next } else { best })
}

fn by(separator: char, header: &str, rows: &[&str]) -> Option<Suggestion> {
    // As in prose.
    if header.contains(&format!("{separator} ")) {
        return None;
    }
    let spec = match separator {
        ',' => PatternSpec::built_in(BuiltIn::Csv),
        _ => PatternSpec {
            name: "suggested".into(),
            like: Some(BuiltIn::Csv),
            separator: Some(separator),
            ..PatternSpec::default()
        },
    };
    let anchor = Anchor { header: Some(header.as_bytes()), ..Anchor::default() };
    let mut reader = Patterns::compile(std::slice::from_ref(&spec)).ok()?.reader(&anchor);
    let mut found = Found::new();
    let mut matched = 0;
    for row in rows.iter().map(|row| row.as_bytes()) {
        if !reader.read(row, &mut found) {
            continue;
        }
        matched += 1;
        // What stands in the header and below it says nothing of what stands below it.
        if !reader.fields(&found, row).all(|field| is_name(field.name) && field.name != field.value) {
            return None;
        }
    }
    (matched * 100 >= rows.len() * SHARE).then_some(Suggestion { spec, matched, of: rows.len() })
}

fn is_name(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_names_and_the_lines_below_have_values() {
        for (text, separator) in [
            ("a,b,c\n1,2,x\n3,4,y\n", Some(None)),
            ("name;count\nann, b;2\n\"bob;x\";4\n", Some(Some(';'))),
            ("名\t数\n安\t1\n波\t2\n", Some(Some('\t'))),
            ("time,level\n2026-11-22 10:00:00,INFO\n2026-11-22 10:00:01,WARN\n", Some(None)),
            ("22.11.2026|INFO|x\n23.11.2026|INFO|y\n24.11.2026|WARN|z\n", None),
            ("started,main,7\npaid,main,8\nshipped,main,9\n", None),
            ("It was dark, they said\nand so, on\nbut no, not so\n", None),
            ("a,b\n1,2\n", None),
            ("a,b\n1\n2\n3,4\n", None),
            ("", None),
        ] {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert_eq!(suggest(&lines).map(|suggestion| suggestion.spec.separator), separator, "{text}");
        }
    }
}
