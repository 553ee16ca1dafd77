//! Fields that have a column of their own: DEFAULT over the map, so that the INSERT of the chain knows nothing of them and the rows
//! that were there before have them too. The view `logs` shows them behind its own.
//!
//! Over shards each has them, and the front too, which is made after them and unmade before them.
//!
//! What was made is written down in `field_columns` before it is made, and each statement can be repeated: broken off anywhere, the
//! same again goes on.

use crate::client::Database;
use crate::error::Error;
use crate::migrate::{Migration, statements, steps_of};
use crate::sql::literal;
use logmill_config::{Column, FieldType};
use serde::Deserialize;
use std::collections::BTreeSet;

/// What [`settle_columns`] did: names of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub made: Vec<String>,
    pub dropped: Vec<String>,
}

/// A column as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Recorded {
    name: String,
    field: String,
    kind: FieldType,
}

impl From<&Column> for Recorded {
    fn from(column: &Column) -> Self {
        Self { name: column.name.clone(), field: column.field.clone(), kind: column.kind }
    }
}

impl Recorded {
    /// Type, and value by the map.
    fn definition(&self) -> (&'static str, String) {
        let value = format!("fields[{}]", literal(&self.field));
        match self.kind {
            FieldType::Str => ("String", value),
            FieldType::Int => ("Nullable(Int64)", format!("toInt64OrNull({value})")),
            FieldType::Float => ("Nullable(Float64)", format!("toFloat64OrNull({value})")),
            FieldType::Bool => {
                ("Nullable(Bool)", format!("multiIf({value} = 'true', true, {value} = 'false', false, NULL)"))
            }
            FieldType::Ip => ("Nullable(IPv6)", format!("toIPv6OrNull({value})")),
            FieldType::Time => {
                ("Nullable(DateTime64(3, 'UTC'))", format!("parseDateTime64BestEffortOrNull({value}, 3, 'UTC')"))
            }
            FieldType::Size => {
                ("Nullable(UInt64)", format!("coalesce(toUInt64OrNull({value}), parseReadableSizeOrNull({value}))"))
            }
        }
    }

    /// The statement that makes it.
    fn added(&self) -> String {
        let (kind, value) = self.definition();
        let comment = literal(&format!("The field {}, as the configuration has it", self.field));
        format!(
            "ALTER TABLE rows ADD COLUMN IF NOT EXISTS `{}` {kind} DEFAULT {value} COMMENT {comment} CODEC(ZSTD(1))",
            self.name
        )
    }
}

/// The view of analysts in this database with these columns of fields.
fn view(database: &Database, columns: &BTreeSet<String>) -> String {
    view_of(&steps_of(database).known, columns)
}

fn view_of(steps: &[Migration], columns: &BTreeSet<String>) -> String {
    const FROM: &str = "\nFROM rows";
    let of_logs = |sql: &&str| sql.contains("VIEW") && sql.contains(" logs AS");
    let view = steps.iter().rev().find_map(|step| statements(step.sql).filter(of_logs).last());
    let view = view.expect("a migration makes the view").trim_end_matches(';');
    let start = view.find("CREATE").expect("a statement makes it");
    let names: String = columns.iter().map(|name| format!(", `{name}`")).collect();
    let view = view[start..].replacen("VIEW IF NOT EXISTS", "OR REPLACE VIEW", 1);
    view.replacen(FROM, &format!("{names}{FROM}"), 1)
}

/// The columns that were written down and not dropped since.
pub(crate) async fn recorded(database: &Database) -> Result<Vec<Recorded>, Error> {
    written(database, false).await
}

/// Those that were written down last as dropped, or as not dropped.
async fn written(database: &Database, dropped: bool) -> Result<Vec<Recorded>, Error> {
    let sql = format!(
        "SELECT name, field, kind FROM field_columns FINAL WHERE dropped = {} ORDER BY name",
        u8::from(dropped)
    );
    match database.select(&sql).await {
        Err(error) if error.is_not_there() => Ok(Vec::new()),
        other => other,
    }
}

/// How the columns of fields stand to what is wanted: those that [`settle_columns`] has to make yet, and why it would refuse.
///
/// # Errors
/// As the server says.
pub async fn columns_to_settle(database: &Database, wanted: &[Column]) -> Result<(Vec<String>, Vec<String>), Error> {
    let (rows, logs) = (columns_of(database, "rows").await?, columns_of(database, "logs").await?);
    let is_missing = |column: &&Column| !rows.contains(&column.name) || !logs.contains(&column.name);
    let missing = wanted.iter().filter(is_missing).map(|column| column.name.clone()).collect();
    Ok((missing, problems(&recorded(database).await?, &[], wanted, &[])))
}

/// Makes those of the recorded columns in another database, and its view, that the database has: where the making was broken off, some
/// are not there yet.
pub(crate) async fn copy(database: &Database, to: &Database) -> Result<(), Error> {
    let recorded = recorded(database).await?;
    let there = columns_of(database, "rows").await?;
    let shown = columns_of(database, "logs").await?;
    for column in recorded.iter().filter(|column| there.contains(&column.name)) {
        to.execute(&column.added()).await?;
    }
    let shown: BTreeSet<String> =
        recorded.into_iter().map(|column| column.name).filter(|name| shown.contains(name)).collect();
    if shown.is_empty() { Ok(()) } else { to.execute(&view(to, &shown)).await }
}

async fn columns_of(database: &Database, table: &str) -> Result<BTreeSet<String>, Error> {
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let sql =
        format!("SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {}", literal(table));
    match database.select::<Name>(&sql).await {
        Err(error) if error.is_not_there() => Ok(BTreeSet::new()),
        names => Ok(names?.into_iter().map(|row| row.name).collect()),
    }
}

/// Makes the columns that the configuration wants, in a database that is migrated, and drops those that are named.
///
/// # Errors
/// [`Error::Columns`] when a column that was made is not wanted any more, or as something else, and is not among those to drop, or when one
/// to drop is not there: nothing is done then. Else as the server says.
pub async fn settle_columns(database: &Database, wanted: &[Column], drop: &[String]) -> Result<Settled, Error> {
    let recorded = recorded(database).await?;
    let problems = problems(&recorded, &written(database, true).await?, wanted, drop);
    if !problems.is_empty() {
        return Err(Error::Columns { database: database.name.clone(), problems });
    }
    let mut settled = Settled::default();
    let (gone, kept): (Vec<Recorded>, Vec<Recorded>) =
        recorded.into_iter().partition(|column| drop.contains(&column.name));
    let names = |columns: &[Recorded]| columns.iter().map(|column| column.name.clone()).collect::<BTreeSet<_>>();
    if !gone.is_empty() {
        // One that was written down may not be there yet.
        let shown = names(&kept).intersection(&columns_of(database, "rows").await?).cloned().collect();
        database.execute(&view(database, &shown)).await?;
    }
    // Shards come first, and the front, by which it is known what is to be done, is the last to write down that it is done.
    let places: Vec<&Database> = database.all().collect();
    for column in gone {
        for place in places.iter().rev() {
            place.execute(&format!("ALTER TABLE rows DROP COLUMN IF EXISTS `{}`", column.name)).await?;
        }
        for place in &places {
            write_down(place, &column, true).await?;
        }
        settled.dropped.push(column.name);
    }
    let wanted: Vec<Recorded> = wanted.iter().map(Recorded::from).collect();
    for place in places {
        let there = columns_of(place, "rows").await?;
        let known = names(&self::recorded(place).await?);
        for column in wanted.iter().filter(|column| !there.contains(&column.name) || !known.contains(&column.name)) {
            if !known.contains(&column.name) {
                write_down(place, column, false).await?;
            }
            place.execute(&column.added()).await?;
            if !settled.made.contains(&column.name) {
                settled.made.push(column.name.clone());
            }
        }
    }
    let (shown, wanted) = (columns_of(database, "logs").await?, names(&wanted));
    if !wanted.is_subset(&shown) {
        database.execute(&view(database, &wanted)).await?;
    }
    Ok(settled)
}

/// Why the columns cannot become what is wanted. `dropped`: what the same was broken off after has to go on.
fn problems(recorded: &[Recorded], dropped: &[Recorded], wanted: &[Column], drop: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let was_made = |name: &str| recorded.iter().chain(dropped).any(|column| column.name == name);
    for name in drop.iter().filter(|name| !was_made(name)) {
        let known: Vec<&str> = recorded.iter().map(|column| column.name.as_str()).collect();
        let known =
            if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
        problems.push(format!("no column {name} was made for a field, and so none is dropped; {known}"));
    }
    for column in recorded.iter().filter(|column| !drop.contains(&column.name)) {
        let Recorded { name, field, kind } = column;
        let made = format!("the column {name} was made for {field:?} = \"{kind}\"");
        match wanted.iter().find(|wanted| wanted.name == *name) {
            Some(wanted) if wanted.kind == *kind && wanted.field == *field => {}
            Some(wanted) => problems.push(format!(
                "{made}, and [columns] has {:?} = \"{}\": `logmill migrate --drop-column {name}` drops it and makes it anew \
                 of the map, or put back what was there",
                wanted.field, wanted.kind
            )),
            None => problems.push(format!(
                "{made}, and [columns] does not name that field any more: `logmill migrate --drop-column {name}` drops it (the \
                 map keeps the values), or put it back; under another name it is another field"
            )),
        }
    }
    problems
}

async fn write_down(database: &Database, column: &Recorded, dropped: bool) -> Result<(), Error> {
    let Recorded { name, field, kind } = column;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // What is made anew in the same millisecond in which it was dropped comes later.
    let version = 2 * since.as_millis() + u128::from(!dropped);
    let values =
        format!("({}, {}, {}, {}, {version})", literal(name), literal(field), literal(kind.name()), u8::from(dropped));
    database.execute(&format!("INSERT INTO field_columns (name, field, kind, dropped, version) VALUES {values}")).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::migrations;

    fn column(name: &str, kind: FieldType) -> Column {
        Column { name: name.into(), field: name.into(), kind }
    }

    #[test]
    fn the_view_shows_them_behind_its_own() {
        let plain = view_of(&migrations(), &BTreeSet::new());
        assert!(plain.starts_with("CREATE OR REPLACE VIEW logs AS"), "{plain}");
        let shown = view_of(&migrations(), &BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(shown, plain.replacen("\nFROM rows", ", `a`, `b`\nFROM rows", 1));
        assert_ne!(shown, plain);
    }

    #[test]
    fn what_was_made_and_is_wanted_otherwise_says_what_to_do() {
        let recorded = [Recorded::from(&column("a", FieldType::Int)), Recorded::from(&column("b", FieldType::Str))];
        let (int, float) = (column("a", FieldType::Int), column("a", FieldType::Float));
        let b = column("b", FieldType::Str);
        let none: [String; 0] = [];
        assert!(problems(&recorded, &[], &[int.clone(), b.clone()], &none).is_empty());
        assert!(problems(&recorded, &[], std::slice::from_ref(&int), &["b".into()]).is_empty());
        assert!(problems(&recorded, &[], &[float.clone(), b.clone()], &["a".into()]).is_empty());
        let gone = problems(&recorded, &[], std::slice::from_ref(&int), &none);
        assert!(gone.len() == 1 && gone[0].contains("--drop-column b"), "{gone:?}");
        let other = problems(&recorded, &[], &[float, b], &none);
        assert!(other.len() == 1 && other[0].contains("anew"), "{other:?}");
        let unknown = problems(&recorded, &[], &[int, column("b", FieldType::Str)], &["c".into()]);
        assert_eq!(unknown, ["no column c was made for a field, and so none is dropped; there are a, b"]);
        let c = [Recorded::from(&column("c", FieldType::Int))];
        let (int, b) = (column("a", FieldType::Int), column("b", FieldType::Str));
        assert!(problems(&recorded, &c, &[int, b], &["c".into()]).is_empty(), "broken off after it was dropped");
    }
}
