//! What stands in a log line: its time, its level and its fields, by patterns. Pure: no I/O, no clock.
//!
//! A [`PatternSpec`] is plain data, part of a file's plan; [`Patterns`] are those of a plan, made ready; a [`Reader`] reads the
//! records of one file by them. They are tried in their order, and the first that matches has the record.
//!
//! **The law:** what is found in a record depends on the record, the specs and the [`Anchor`] alone, never on records
//! before it. A reader may keep what it computed, never what it saw.
//!
//! **A record of several lines**, one with a stack trace, is told by its first line; the others stay in its text and become no
//! field. Formats whose records are one thing however many lines they take are read whole: JSON, CSV, XML. Kafka's logger is looked
//! for at the end of each line.
//!
//! **A value that is not of its field's type** is a field all the same: types say what a column is made of, and there it is
//! null.
//!
//! **Cost:** no allocation a record, and one pass over it for each pattern that its first byte lets in, with few exceptions, each
//! bounded by a number of passes. The built-in patterns are scanners written by hand on `memchr`, several times as fast as an
//! expression for the same; those of one's own are run by the `regex` crate, whose time is linear too.

mod access;
mod apache;
mod clickhouse;
mod cursor;
mod error;
mod found;
mod gc;
mod json;
mod kafka;
mod layout;
mod level;
mod log4j;
mod logfmt;
mod nginx;
mod own;
mod reference;
mod roles;
mod spec;
mod suggest;
mod syslog;
mod table;
mod time;
mod time_format;
mod windows;
mod zone;

pub use error::PatternError;
pub use found::{Field, Found, Known, LONGEST_NAME, MOST_FIELDS};
pub use level::Level;
pub use reference::reference;
pub use spec::{BuiltIn, FieldType, PatternSpec};
pub use suggest::{Suggestion, suggest};
pub use time::Clock;
pub use zone::Zone;

use found::Name;
use layout::{Layout, Line, State};
use roles::Roles;
use std::cell::RefCell;
use std::sync::Arc;
use time_format::TimeFormat;

/// The forms of all patterns of one file: as many as there are bits in a mask.
const MOST_LAYOUTS: usize = 64;
/// Sets of patterns that a thread keeps ready.
const MOST_KEPT: usize = 64;

/// What is known of a file beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchor<'a> {
    /// When the file was modified, milliseconds since 1970: gives the year where a time has none.
    pub modified_ms: i64,
    /// Of times that name none.
    pub zone: Zone,
    /// The line that says what the columns are: of CSV the first one, of W3C's format the directive `#Fields:` that holds.
    pub header: Option<&'a [u8]>,
}

/// The patterns of a file, in the order in which they are tried. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Patterns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Each with the name of its pattern.
    layouts: Vec<(String, Box<dyn Layout>)>,
    /// By the first byte of a record, a bit for each layout that it may be.
    may_be: [u64; 256],
}

impl Patterns {
    /// # Errors
    /// The first thing that is wrong with one of them.
    pub fn compile(specs: &[PatternSpec]) -> Result<Self, PatternError> {
        let mut layouts = Vec::new();
        for spec in specs {
            layouts.extend(compile(spec)?.into_iter().map(|layout| (spec.name.clone(), layout)));
        }
        if layouts.len() > MOST_LAYOUTS {
            return Err(PatternError::TooMany { count: layouts.len(), most: MOST_LAYOUTS });
        }
        let mut may_be = [0; 256];
        for (byte, mask) in (0..=255).zip(&mut may_be) {
            for (i, (_, layout)) in layouts.iter().enumerate() {
                *mask |= u64::from(layout.begins(byte)) << i;
            }
        }
        Ok(Self(Arc::new(Inner { layouts, may_be })))
    }

    /// Those of a plan; none where it has none, and where they cannot be used: configuration refuses those. What a thread made ready
    /// it keeps, as small files come with the same plan again and again.
    #[must_use]
    pub fn of(specs: &[PatternSpec]) -> Option<Self> {
        thread_local! {
            static KEPT: RefCell<Vec<(Vec<PatternSpec>, Option<Patterns>)>> = const { RefCell::new(Vec::new()) };
        }
        if specs.is_empty() {
            return None;
        }
        KEPT.with_borrow_mut(|kept| {
            if let Some((_, patterns)) = kept.iter().find(|(known, _)| known == specs) {
                return patterns.clone();
            }
            if kept.len() == MOST_KEPT {
                kept.remove(0);
            }
            let patterns = Self::compile(specs).ok();
            kept.push((specs.to_vec(), patterns.clone()));
            patterns
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.layouts.is_empty()
    }

    /// A reader of one file.
    #[must_use]
    pub fn reader(&self, anchor: &Anchor<'_>) -> Reader {
        let mut reader = Reader {
            patterns: self.clone(),
            clock: Clock::new(anchor.modified_ms, anchor.zone.clone()),
            states: Vec::new(),
        };
        reader.prepare(anchor.header);
        reader
    }

    /// Each form with the name of its pattern, its own, and its fields whose names are known beforehand.
    pub fn forms(&self) -> impl Iterator<Item = (&str, &str, &'static [&'static Known])> {
        self.0.layouts.iter().map(|(pattern, layout)| (pattern.as_str(), layout.name(), layout.fields()))
    }
}

fn compile(spec: &PatternSpec) -> Result<Vec<Box<dyn Layout>>, PatternError> {
    let pattern = || spec.name.clone();
    let named = BuiltIn::by_name(&spec.name);
    let built_in = match (&spec.regex, spec.like) {
        (Some(_), Some(_)) => return Err(PatternError::Both { pattern: pattern() }),
        (Some(_), None) if named.is_some() => return Err(PatternError::Taken { pattern: pattern() }),
        (Some(_), None) => None,
        (None, Some(like)) => Some(like),
        (None, None) => Some(named.ok_or_else(|| PatternError::Unknown {
            name: pattern(),
            known: BuiltIn::ALL.map(BuiltIn::name).join(", "),
        })?),
    };
    let has_free_names = built_in.is_none_or(BuiltIn::has_free_names);
    for (option, is_given, is_fit) in [
        ("separator", spec.separator.is_some(), built_in == Some(BuiltIn::Csv)),
        ("time", spec.time.is_some(), has_free_names),
        ("level", spec.level.is_some(), has_free_names),
        ("message", spec.message.is_some(), has_free_names),
        ("time_format", spec.time_format.is_some(), has_free_names),
        ("types", !spec.types.is_empty(), has_free_names),
    ] {
        if is_given && !is_fit {
            let of = built_in.map_or("regex", BuiltIn::name).to_owned();
            return Err(PatternError::Option { pattern: pattern(), option, of });
        }
    }
    let format = spec.time_format.as_deref().map(TimeFormat::new).transpose().map_err(|why| {
        let format = spec.time_format.clone().unwrap_or_default();
        PatternError::TimeFormat { pattern: pattern(), format, why }
    })?;
    let roles = Roles::new(spec, format);
    Ok(match (built_in, &spec.regex) {
        (None, regex) => vec![Box::new(own::Own::new(spec, regex.as_deref().unwrap_or_default(), roles)?)],
        (Some(BuiltIn::Json), _) => vec![Box::new(json::Json(roles))],
        (Some(BuiltIn::Windows), _) => vec![Box::new(windows::Windows)],
        (Some(BuiltIn::Nginx), _) => vec![Box::new(access::Access::Nginx), Box::new(nginx::NginxError)],
        (Some(BuiltIn::Apache), _) => vec![Box::new(access::Access::Apache), Box::new(apache::ApacheError)],
        (Some(BuiltIn::Kafka), _) => vec![Box::new(kafka::Kafka)],
        (Some(BuiltIn::Clickhouse), _) => vec![Box::new(clickhouse::ClickHouse)],
        (Some(BuiltIn::Hadoop), _) => vec![Box::new(log4j::Hadoop), Box::new(gc::Gc)],
        (Some(BuiltIn::Log4j), _) => vec![Box::new(log4j::Log4j)],
        (Some(BuiltIn::Syslog), _) => vec![Box::new(syslog::NewSyslog), Box::new(syslog::OldSyslog)],
        (Some(BuiltIn::W3c), _) => vec![Box::new(table::W3c)],
        (Some(BuiltIn::Logfmt), _) => vec![Box::new(logfmt::Logfmt(roles))],
        (Some(BuiltIn::Csv), _) => {
            let separator = spec.separator.unwrap_or(',');
            if !separator.is_ascii() || matches!(separator, '"' | '\n' | '\r') {
                return Err(PatternError::Separator { pattern: pattern(), separator });
            }
            vec![Box::new(table::Csv { separator: separator as u8, roles })]
        }
    })
}

/// Reads the records of one file.
#[derive(Debug)]
pub struct Reader {
    patterns: Patterns,
    clock: Clock,
    /// Of each layout.
    states: Vec<State>,
}

impl Reader {
    fn prepare(&mut self, header: Option<&[u8]>) {
        self.states = self.patterns.0.layouts.iter().map(|(_, layout)| layout.prepare(header)).collect();
    }

    /// Another header line is in force from here on: W3C's may come again within a file.
    pub fn set_header(&mut self, header: &[u8]) {
        self.prepare(Some(header));
    }

    /// Reads a record, without the line end behind it; whether a pattern matched. What was in `found` is gone; if none matched,
    /// nothing is in it.
    pub fn read(&mut self, record: &[u8], found: &mut Found) -> bool {
        found.clear();
        let Some(first) = record.first().filter(|_| u32::try_from(record.len()).is_ok()) else { return false };
        let mut may_be = self.patterns.0.may_be[usize::from(*first)];
        if may_be == 0 {
            return false;
        }
        let line = Line::new(record);
        while may_be != 0 {
            let i = may_be.trailing_zeros() as usize;
            may_be &= may_be - 1;
            let (_, layout) = &self.patterns.0.layouts[i];
            if layout.read(line, &mut self.states[i], &mut self.clock, found).is_ok() {
                found.layout = i;
                return true;
            }
            found.clear();
        }
        false
    }

    /// The name of the pattern that matched, and its form.
    #[must_use]
    pub fn pattern(&self, found: &Found) -> (&str, &str) {
        let (pattern, layout) = &self.patterns.0.layouts[found.layout];
        (pattern, layout.name())
    }

    /// What was found in `record`, which is the one that was read last into `found`.
    ///
    /// # Panics
    /// When `found` is of another reader or another record.
    pub fn fields<'a>(&'a self, found: &'a Found, record: &'a [u8]) -> impl ExactSizeIterator<Item = Field<'a>> {
        let columns = self.states.get(found.layout).map_or(&[][..], |state| &state.columns);
        found.slots.iter().map(move |slot| {
            let (name, kind) = match slot.name {
                Name::Known(known) => (known.name.as_bytes(), known.kind),
                Name::Column(i) => (columns[i as usize].name.as_bytes(), columns[i as usize].kind),
                Name::At(span, kind) => (found.bytes(span, record), kind),
            };
            Field { name, value: found.bytes(slot.value, record), kind }
        })
    }

    /// Tries every pattern on a record and says of each whether it matched, or why not. For people: slow.
    pub fn explain(&mut self, record: &[u8]) -> Vec<Verdict> {
        let mut found = Found::new();
        let line = Line::new(record);
        let layouts = self.patterns.0.layouts.iter().zip(&mut self.states);
        let verdicts = layouts.map(|((pattern, layout), state)| {
            found.clear();
            let lost = match record.is_empty() {
                true => Some(Why { at: 0, wanted: "a record that is not empty".into() }),
                false => layout.read(line, state, &mut self.clock, &mut found).err().map(|lost| layout.why(line, lost)),
            };
            Verdict { pattern: pattern.clone(), form: layout.name().to_owned(), lost }
        });
        verdicts.collect()
    }
}

/// What a pattern said of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub pattern: String,
    /// Which of the pattern's forms: `nginx error`.
    pub form: String,
    /// Why it lost; nothing when it matches.
    pub lost: Option<Why>,
}

/// Where a pattern stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Bytes from the beginning of the record.
    pub at: usize,
    /// What would have had to stand there.
    pub wanted: String,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at byte {}: expected {}", self.at, self.wanted)
    }
}
