//! A pattern proposed for lines that none matches: what stands at the same place in most of them.

mod tokens;

use crate::spec::{FieldType, PatternSpec};
use crate::{Anchor, Found, Patterns};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tokens::{Kind, Token, tokens};

/// Of a sample no more is looked at.
const MOST_LINES: usize = 1000;
/// A part must be the same in so many of a hundred lines, and the whole must match as many.
const SHARE: usize = 60;
/// A pattern has no more parts; what is behind them is the message.
const MOST_PARTS: usize = 60;
/// Words that differ from line to line: after so many it is prose.
const MOST_WORDS: usize = 3;
/// Abbreviations of zones that stand behind times. What they mean depends on the place and the season.
const ZONES: [&str; 36] = [
    "ACDT", "ACST", "AEDT", "AEST", "AKDT", "AKST", "ART", "AWST", "BRT", "BST", "CDT", "CEST", "CET", "CST", "EDT",
    "EEST", "EET", "EST", "GMT", "HKT", "HST", "IST", "JST", "KST", "MDT", "MSK", "MST", "NZDT", "NZST", "PDT", "PKT",
    "PST", "SGT", "UTC", "WEST", "WET",
];

/// A pattern of one's own, and how many lines of the sample it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub spec: PatternSpec,
    pub matched: usize,
    pub of: usize,
}

impl Suggestion {
    /// As it is written into the configuration.
    #[must_use]
    pub fn toml(&self) -> String {
        let PatternSpec { name, like, regex, separator, time_format, types, .. } = &self.spec;
        let mut text = format!("[[patterns]]\nname = \"{name}\"\n");
        if let Some(like) = like {
            text += &format!("like = \"{}\"\n", like.name());
        }
        if let Some(separator) = separator {
            text += &format!("separator = \"{}\"\n", separator.escape_default());
        }
        if let Some(regex) = regex {
            text += &format!("regex = '''{regex}'''\n");
        }
        if let Some(format) = time_format {
            text += &format!("time_format = \"{format}\"\n");
        }
        if !types.is_empty() {
            let types = types.iter().map(|(name, kind)| match name.is_ascii() {
                true => format!("{name} = \"{kind}\""),
                false => format!("\"{name}\" = \"{kind}\""),
            });
            let types: Vec<String> = types.collect();
            text += &format!("types = {{ {} }}\n", types.join(", "));
        }
        text
    }

    /// Whether abbreviations of zones stand behind the times: they are the field `zone`, and move no time.
    #[must_use]
    pub fn has_zones(&self) -> bool {
        self.spec.regex.as_ref().is_some_and(|regex| regex.contains("(?<zone>[A-Z]+)"))
    }
}

/// Proposes a pattern for lines; none where they have too little in common. Empty lines count for nothing, and of a line of several
/// only the first.
#[must_use]
pub fn suggest(lines: &[&[u8]]) -> Option<Suggestion> {
    let heads = lines.iter().filter_map(|line| std::str::from_utf8(crate::layout::Line::new(line).head).ok());
    let heads: Vec<&str> = heads.filter(|head| !head.trim().is_empty()).take(MOST_LINES).collect();
    let sample: Vec<Vec<Token<'_>>> = heads.iter().map(|head| tokens(head)).collect();
    let spec = Parts::of(&sample, heads.len() * SHARE).spec()?;
    let mut reader = Patterns::compile(std::slice::from_ref(&spec)).ok()?.reader(&Anchor::default());
    let mut found = Found::new();
    let matched = heads.iter().filter(|head| reader.read(head.as_bytes(), &mut found)).count();
    (matched * 100 >= heads.len() * SHARE).then_some(Suggestion { spec, matched, of: heads.len() })
}

/// A pattern while it is made.
#[derive(Default)]
struct Parts {
    regex: String,
    types: BTreeMap<String, FieldType>,
    time_format: Option<String>,
    /// Whether a time stands before what comes next, but for blanks.
    follows_time: bool,
    /// How often each name was wanted.
    names: BTreeMap<String, usize>,
    /// Groups that say something: all but the message.
    groups: usize,
    words: usize,
}

impl Parts {
    /// Goes on while a kind of token, or a class of kinds, stands at the same place in enough lines; those in which it does not are
    /// left behind. `enough` is in hundredths of lines.
    fn of(sample: &[Vec<Token<'_>>], enough: usize) -> Self {
        let mut parts = Self::default();
        let mut with: Vec<&[Token<'_>]> = sample.iter().map(Vec::as_slice).collect();
        for place in 0..MOST_PARTS {
            let at = |tokens: &[Token<'_>]| tokens.get(place).map(|token| token.kind.clone());
            let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
            with.iter().filter_map(|tokens| at(tokens)).for_each(|kind| *counts.entry(kind).or_default() += 1);
            let Some((kind, count)) = counts.iter().max_by_key(|(_, count)| **count) else { break };
            let chosen = if count * 100 >= enough {
                Some(kind.clone())
            } else {
                let class = |class: Kind| {
                    let sum: usize = counts.iter().filter(|(kind, _)| class.holds(kind)).map(|(_, count)| count).sum();
                    (sum * 100 >= enough).then_some(class)
                };
                class(Kind::Float).or_else(|| class(Kind::Word))
            };
            let Some(chosen) = chosen else { break };
            with.retain(|tokens| at(tokens).is_some_and(|kind| chosen.holds(&kind)));
            let texts: Vec<&str> = with.iter().map(|tokens| tokens[place].text).collect();
            if !parts.add(&chosen, &texts) {
                break;
            }
        }
        parts
    }

    /// Adds a part that the texts have in common; not where prose begins.
    fn add(&mut self, kind: &Kind, texts: &[&str]) -> bool {
        let is_constant = texts.iter().all(|text| *text == texts[0]) && texts.len() > 1;
        let follows_time = std::mem::take(&mut self.follows_time);
        let (name, regex, of_type) = match kind {
            Kind::Space => {
                self.follows_time = follows_time;
                self.regex += r"\s+";
                return true;
            }
            Kind::Mark(mark) => {
                self.regex += &literal(&mark.to_string());
                return true;
            }
            Kind::Word if follows_time && texts.iter().all(|text| ZONES.contains(text)) => {
                ("zone".to_owned(), "[A-Z]+", FieldType::Str)
            }
            Kind::Word if is_constant => {
                self.regex += &literal(texts[0]);
                return true;
            }
            Kind::Word if self.words == MOST_WORDS => return false,
            Kind::Word => {
                self.words += 1;
                ("word".to_owned(), tokens::WORD, FieldType::Str)
            }
            Kind::Time(form) => {
                self.time(&tokens::TIMES[*form], texts);
                return true;
            }
            Kind::Level => ("level".to_owned(), "[A-Za-z]+", FieldType::Str),
            Kind::Ip => ("ip".to_owned(), "[0-9A-Fa-f.:]+", FieldType::Ip),
            Kind::Int => ("number".to_owned(), r"-?\d+", FieldType::Int),
            Kind::Float => ("number".to_owned(), r"-?\d+(?:\.\d+)?", FieldType::Float),
            Kind::Quoted => {
                let name = self.name("text");
                write!(self.regex, r#""(?<{name}>(?:[^"\\]|\\.)*)""#).expect("writing to memory does not fail");
                return true;
            }
            Kind::Square => {
                let name = self.name("bracket");
                write!(self.regex, r"\[(?<{name}>[^\]]*)\]").expect("writing to memory does not fail");
                return true;
            }
            Kind::Pair(key) => {
                self.pair(key, texts);
                return true;
            }
        };
        let name = self.name(&name);
        write!(self.regex, "(?<{name}>{regex})").expect("writing to memory does not fail");
        if of_type != FieldType::Str {
            self.types.insert(name, of_type);
        }
        true
    }

    /// A time, with the fraction that the texts have where its form has none.
    fn time(&mut self, form: &tokens::Form, texts: &[&str]) {
        let is_first = !self.names.contains_key("time");
        let name = self.name("time");
        let point = || texts.iter().find_map(|text| text.rsplit(':').next()?.chars().find(|c| matches!(c, '.' | ',')));
        // What reads a fraction may lack it behind a point alone.
        let (regex, format) = match form.format.and_then(|_| point()) {
            None => ("", ""),
            Some('.') => (r"(?:\.\d+)?", "%.f"),
            Some(_) => (r",\d+", ",%f"),
        };
        write!(self.regex, "(?<{name}>{}{regex})", form.regex).expect("writing to memory does not fail");
        if is_first {
            self.time_format = form.format.map(|own| format!("{own}{format}"));
        }
        self.follows_time = true;
    }

    /// `key=value`, in quotes or not, as the texts have it.
    fn pair(&mut self, key: &str, texts: &[&str]) {
        let values = || texts.iter().map(|text| &text[key.len() + 1..]);
        let name = self.name(key);
        let (before, value, after) = match values().filter(|value| value.starts_with('"')).count() {
            0 => ("", r#"[^\s,;|"]*"#, ""),
            quoted if quoted == texts.len() => ("\"", r#"(?:[^"\\]|\\.)*"#, "\""),
            _ => ("", r#""(?:[^"\\]|\\.)*"|[^\s,;|"]*"#, ""),
        };
        let kinds = [FieldType::Int, FieldType::Float, FieldType::Bool, FieldType::Ip];
        if let Some(kind) = kinds.into_iter().find(|kind| values().all(|value| kind.holds(value.as_bytes()))) {
            self.types.insert(name.clone(), kind);
        }
        write!(self.regex, "{}={before}(?<{name}>{value}){after}", literal(key))
            .expect("writing to memory does not fail");
    }

    /// A name that no other group has, of letters that a group may have.
    fn name(&mut self, wanted: &str) -> String {
        self.groups += 1;
        let mut name: String = wanted.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') || name == "message" {
            name.insert(0, '_');
        }
        let count = self.names.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}_{count}");
        }
        name
    }

    /// None where the parts say too little.
    fn spec(self) -> Option<PatternSpec> {
        let has_head = self.names.contains_key("time") || self.names.contains_key("level");
        if self.groups < 2 && !has_head {
            return None;
        }
        // Before the message a word is as long as it can be.
        let word = format!("{})", tokens::WORD);
        let regex = match self.regex.strip_suffix(&word) {
            Some(head) => format!("{head}{})", tokens::WORD.trim_end_matches('?')),
            None => self.regex,
        };
        let mut spec = PatternSpec::own("suggested", format!("{regex}(?<message>.*)"));
        spec.time_format = self.time_format;
        spec.types = self.types;
        Some(spec)
    }
}

/// An expression for a text itself, which may stand between the quotes of TOML. A dash means itself outside of classes.
fn literal(text: &str) -> String {
    let mut literal = String::new();
    for c in regex_syntax::escape(text).replace(r"\-", "-").chars() {
        match c {
            '\'' => literal += r"\x27",
            c if c.is_control() => {
                write!(literal, r"\x{{{:x}}}", u32::from(c)).expect("writing to memory does not fail")
            }
            c => literal.push(c),
        }
    }
    literal
}
