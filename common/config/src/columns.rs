//! The columns of the table of rows that hold fields.

use crate::sections::Config;
use logmill_patterns::FieldType;

/// A column of `rows` and `logs` that holds a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Letters, digits and `_`.
    pub name: String,
    /// As patterns name it: the key of the map `fields`.
    pub field: String,
    pub kind: FieldType,
}

/// The columns that the table of rows, or its view, has by itself.
pub const OWN_COLUMNS: [&str; 16] = [
    "file_id",
    "file",
    "load",
    "line",
    "part",
    "lines",
    "cluster",
    "path",
    "app",
    "channel",
    "level",
    "file_time",
    "load_time",
    "time",
    "text",
    "fields",
];

/// The columns that ClickHouse adds to any table by itself: another of the name would hide them from what asks for them.
/// Source: ClickHouse, src/Storages/MergeTree/MergeTreeVirtualColumns.cpp and MergeTreeData.cpp.
const VIRTUAL_COLUMNS: [&str; 19] = [
    "_block_number",
    "_block_offset",
    "_database",
    "_disk_name",
    "_distance",
    "_part",
    "_part_data_version",
    "_part_granule_offset",
    "_part_index",
    "_part_offset",
    "_part_starting_offset",
    "_part_uuid",
    "_partition_id",
    "_partition_value",
    "_row_exists",
    "_sample_factor",
    "_shard_num",
    "_table",
    "_table_engine",
];

/// The name of a field's column: what is no letter, digit or `_` becomes one, so that nobody has to quote it.
#[must_use]
pub fn column_name(field: &str) -> String {
    let name = field.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

impl Config {
    /// The columns that hold fields, by the order of their fields' names.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        let column = |(field, kind): (&String, &FieldType)| Column {
            name: column_name(field),
            field: field.clone(),
            kind: *kind,
        };
        self.columns.iter().map(column).collect()
    }
}

/// What is wrong with them, by key: each column has one name, and holds one field.
pub(crate) fn problems(config: &Config) -> Vec<(Vec<String>, String)> {
    /// As many as a table still bears well: each is written with every part.
    const MOST: usize = 200;
    let mut problems = Vec::new();
    let columns = config.columns();
    for (i, column) in columns.iter().enumerate() {
        let mut at = |message: String| problems.push((vec!["columns".into(), column.field.clone()], message));
        if column.name.is_empty() {
            at("a field has a name".into());
        } else if OWN_COLUMNS.contains(&column.name.as_str()) {
            at(format!("the table of rows has a column {:?} of its own", column.name));
        } else if VIRTUAL_COLUMNS.contains(&column.name.as_str()) {
            at(format!("ClickHouse has a column {:?} of its own in each table", column.name));
        } else if let Some(other) = columns[..i].iter().find(|other| other.name == column.name) {
            let (name, other) = (&column.name, &other.field);
            at(format!("its column would be called {name:?}, as that of {other:?}: name one of the two"));
        }
    }
    if columns.len() > MOST {
        let message = format!("has {} fields, and {MOST} are the most: the map fields has the others", columns.len());
        problems.push((vec!["columns".into()], message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_needs_no_quotes() {
        for (field, name) in [
            ("status", "status"),
            ("sc-status", "sc_status"),
            ("log.level", "log_level"),
            ("cs(User-Agent)", "cs_User_Agent_"),
            ("2nd", "_2nd"),
        ] {
            assert_eq!(column_name(field), name);
        }
    }
}
