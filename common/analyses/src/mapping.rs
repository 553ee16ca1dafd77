//! A mapping as SQL: what each row of `logs` counts for.

use logmill_clickhouse::literal;
use logmill_config::Analysis;

/// Counted into the fingerprint of a mapping: another number computes all days anew. It rises with what the analyses
/// count, and with the dictionary and the stop words of topics.
const VERSION: u32 = 1;

/// 16 hex digits that stand for all that a day is computed by, but its rows.
pub(crate) fn fingerprint(mapping: &Analysis) -> String {
    let text = serde_json::to_string(&(VERSION, mapping)).expect("a mapping is plain data");
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// A field of a row; nothing where the mapping has none.
fn field(name: &str) -> String {
    if name.is_empty() { "''".into() } else { format!("fields[{}]", literal(name)) }
}

fn is_one_of(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    if values.is_empty() { "0".into() } else { format!("what IN ({})", values.join(",")) }
}

/// The facts of a row of `logs`, as an array of (kind, key, whom): each counts one under its kind and key, and of `whom` it
/// is counted how many different ones there are. A line is an event by its first part.
pub(crate) fn facts(mapping: &Analysis) -> String {
    let Analysis { event, user, start, process, popup, topic, starts, calls, popups, topics } = mapping;
    let [event, user, start, process, popup, topic] =
        [event, user, start, process, popup, topic].map(|name| field(name));
    let [starts, calls, popups, topics] = [starts, calls, popups, topics].map(|values| is_one_of(values));
    format!(
        "if(part = 0, arrayFilter(f -> f.1 != '', [\
         ('source', '', ''), \
         (if({user} != '', 'user', ''), {user}, ''), \
         multiIf(({event} AS what) = '', ('', '', ''), \
           {starts}, ('start', '', {start}), \
           {calls} AND {process} != '', ('call', {process}, {start}), \
           {popups}, ('popup', {popup}, {user}), \
           {topics} AND {topic} != '', ('text', normalizeUTF8NFKCCasefold({topic}), ''), \
           ('', '', '')), \
         (if({popups}, 'popups', ''), '', {user})]), [('source', '', '')])"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_mapping_has_another_fingerprint() {
        let mapping = Analysis::default();
        let other = Analysis { user: "uid".into(), ..mapping.clone() };
        assert_ne!(fingerprint(&mapping), fingerprint(&other));
    }

    #[test]
    fn a_name_from_the_configuration_stays_a_literal() {
        let mapping = Analysis { user: "u'] OR 1".into(), starts: vec![], ..Analysis::default() };
        let sql = facts(&mapping);
        assert!(sql.contains(r"fields['u\'] OR 1'] != ''"), "{sql}");
        assert!(sql.contains("0, ('start'"), "{sql}");
    }
}
