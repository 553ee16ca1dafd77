//! Patterns of one's own: a regular expression with named groups, by the `regex` crate.

use crate::Why;
use crate::cursor::{Lost, Read};
use crate::error::PatternError;
use crate::found::{Found, Known, Name, SEVERITY, Span};
use crate::layout::{Column, Layout, Line, Role, State};
use crate::roles::{Best, Roles};
use crate::spec::{FieldType, PatternSpec};
use crate::time::Clock;
use regex::bytes::Regex;
use regex_syntax::ast::{self, Ast};

static FIELDS: [&Known; 1] = [&SEVERITY];

/// A record is of this pattern if its first line, from its first byte on, matches; the match need not reach the line's
/// end. Groups that hold something become fields, but the time and the level that were understood. Where a time was asked for, by `time`
/// or `time_format`, and the text is none, the record is of this pattern all the same.
#[derive(Debug)]
pub(crate) struct Own {
    name: String,
    regex: Regex,
    /// As it was written, without what holds it to the line's beginning.
    written: String,
    columns: Vec<Column>,
    /// The number of each column's group.
    groups: Vec<usize>,
    roles: Roles,
}

impl Own {
    pub fn new(spec: &PatternSpec, written: &str, roles: Roles) -> Result<Self, PatternError> {
        let refused = |at: usize, why: String| PatternError::Regex {
            pattern: spec.name.clone(),
            at: written.get(..at).map_or(0, |before| before.chars().count()),
            why,
        };
        // That a match cuts no character is asked for here, for the values are text.
        regex_syntax::Parser::new().parse(written).map_err(|error| match error {
            regex_syntax::Error::Parse(error) => refused(error.span().start.offset, error.kind().to_string()),
            regex_syntax::Error::Translate(error) => refused(error.span().start.offset, error.kind().to_string()),
            error => refused(0, error.to_string()),
        })?;
        let anchored = |end: &str| Regex::new(&format!("^(?:{written}{end})"));
        // A comment at the end of a verbose one would swallow the bracket.
        let regex = anchored("").or_else(|_| anchored("\n")).map_err(|error| refused(0, error.to_string()))?;
        let named = regex.capture_names().enumerate().filter_map(|(group, name)| Some((group, name?.to_owned())));
        let (groups, names): (Vec<usize>, Vec<String>) = named.unzip();
        if groups.is_empty() {
            return Err(PatternError::NoGroups { pattern: spec.name.clone() });
        }
        let of_names = [("time", &spec.time), ("level", &spec.level), ("message", &spec.message)]
            .into_iter()
            .filter_map(|(option, name)| Some((option, name.as_ref()?)))
            .chain(spec.types.keys().map(|name| ("types", name)));
        for (option, name) in of_names {
            if !names.contains(name) {
                return Err(PatternError::NoSuchGroup { pattern: spec.name.clone(), option, name: name.clone() });
            }
        }
        let columns = names.into_iter().map(|name| {
            let kind = roles.kind(name.as_bytes(), FieldType::Str);
            Column { role: roles.of(name.as_bytes()).0, name, kind }
        });
        Ok(Self {
            name: spec.name.clone(),
            written: written.to_owned(),
            columns: columns.collect(),
            groups,
            roles,
            regex,
        })
    }
}

impl Layout for Own {
    fn name(&self) -> &str {
        &self.name
    }

    fn begins(&self, _: u8) -> bool {
        true
    }

    fn fields(&self) -> &'static [&'static Known] {
        &FIELDS
    }

    fn prepare(&self, _: Option<&[u8]>) -> State {
        State { columns: self.columns.clone(), captures: Some(self.regex.capture_locations()), ..State::default() }
    }

    fn read(&self, line: Line<'_>, state: &mut State, clock: &mut Clock, found: &mut Found) -> Read {
        let captures = state.captures.as_mut().expect("a reader prepares the captures of each pattern of one's own");
        if self.regex.captures_read(captures, line.head).is_none() {
            return Err(Lost { at: 0, wanted: "the regular expression" });
        }
        let mut best = Best::default();
        for (i, group) in self.groups.iter().enumerate() {
            let Some((from, to)) = captures.get(*group) else { continue };
            if found.push(Name::Column(i as u32), Span::new(from, to)) && state.columns[i].role != Role::Field {
                best.note(self.roles.of(self.columns[i].name.as_bytes()), found.len() - 1);
            }
        }
        best.settle(&self.roles, line.head, clock, found);
        Ok(())
    }

    /// The longest beginning of the expression that the line still matches tells where it stopped, and what came next.
    fn why(&self, line: Line<'_>, lost: Lost) -> Why {
        let pieces = pieces(&self.written);
        let mut why = Why { at: lost.at, wanted: format!("`{}`", self.written) };
        for (end, next) in &pieces {
            let Ok(beginning) = Regex::new(&format!("^(?:{})", &self.written[..*end])) else { break };
            let Some(matched) = beginning.find(line.head) else { break };
            why = Why { at: matched.end(), wanted: format!("`{next}`") };
        }
        why
    }
}

/// Where the expression may be cut, and what follows there: between the parts that stand one behind the other.
fn pieces(written: &str) -> Vec<(usize, &str)> {
    let ast = ast::parse::Parser::new().parse(written);
    let Ok(Ast::Concat(concat)) = &ast else { return Vec::new() };
    let starts: Vec<usize> = concat.asts.iter().map(|part| part.span().start.offset).collect();
    let ends = concat.asts.iter().map(|part| part.span().end.offset);
    let mut pieces: Vec<(usize, &str)> = Vec::new();
    for ((start, end), part) in starts.iter().zip(ends).zip(&concat.asts) {
        // Letters that follow each other are one piece.
        let is_letter = matches!(part, Ast::Literal(_));
        match pieces.last_mut() {
            Some((from, piece)) if is_letter && *from + piece.len() == *start && is_literal(piece) => {
                *piece = &written[*from..end];
            }
            _ => pieces.push((*start, &written[*start..end])),
        }
    }
    pieces
}

fn is_literal(piece: &str) -> bool {
    matches!(ast::parse::Parser::new().parse(piece), Ok(Ast::Literal(_) | Ast::Concat(_)))
}
