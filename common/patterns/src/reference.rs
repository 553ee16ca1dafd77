//! The page of all patterns for people, as Markdown: docs/patterns.md.

use crate::spec::{BuiltIn, PatternSpec};
use crate::{FieldType, Patterns};
use std::fmt::Write as _;

/// The page.
///
/// # Panics
/// Never: the built-in patterns compile.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(include_str!("reference.txt"));
    for built_in in BuiltIn::ALL {
        let patterns = Patterns::compile(&[PatternSpec::built_in(built_in)]).expect("a built-in pattern compiles");
        let tried_on = match built_in.tried_on() {
            Some(programs) => format!("Tried on logs of {programs}."),
            None => {
                "Tried on examples after the format's documents alone, as what writes it runs on Windows.".to_owned()
            }
        };
        let _ = write!(out, "### `{}`\n\n{} {tried_on}\n\n", built_in.name(), built_in.about());
        out += "| form | fields |\n| --- | --- |\n";
        for (_, form, fields) in patterns.forms() {
            let known = fields.iter().map(|field| match field.kind {
                FieldType::Str => format!("`{}`", field.name),
                kind => format!("`{}` ({kind})", field.name),
            });
            let own = built_in.fields_of_its_own().map(str::to_owned);
            let fields: Vec<String> = own.into_iter().chain(known).collect();
            let _ = writeln!(out, "| {form} | {} |", fields.join(", "));
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
