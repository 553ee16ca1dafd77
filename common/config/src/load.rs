//! Reads the file, then the environment.

use crate::error::{ConfigError, Place, Problem};
use crate::keys::{Node, first_unknown};
use crate::reference::schema;
use crate::sections::Config;
use figment::Figment;
use figment::providers::Serialized;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "logmill.toml";
/// The environment variable that names the file.
pub const CONFIG_VARIABLE: &str = "LOGMILL_CONFIG";
/// What the variables that override a key begin with: `LOGMILL__KAFKA__BROKERS` is `kafka.brokers`.
const PREFIX: &str = "LOGMILL__";

impl Config {
    /// Reads and checks the configuration: the file at `path`, else the one that `LOGMILL_CONFIG` names, else
    /// `logmill.toml` in the working folder; then the variables `LOGMILL__SECTION__KEY`.
    ///
    /// # Errors
    /// No file, no TOML, an unknown key, a value of the wrong type, or settings that cannot be right.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
        let path = path.map(Path::to_owned).or(named).unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ConfigError::Missing(path.clone()),
            _ => ConfigError::Unreadable { path: path.clone(), source },
        })?;
        Self::parse(&text, &path.display().to_string(), environment())
    }

    /// The configuration without a file: the defaults, then the environment. For what needs no servers.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_defaults() -> Result<Self, ConfigError> {
        Self::parse("", "defaults", environment())
    }

    /// Reads and checks a configuration of which the text is at hand; `name` stands in messages.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        text: &str,
        name: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let source = Source::new(text, name)?;
        let schema = schema();
        let root = Node::root(&schema);
        let mut document = source.document.clone();
        refuse_unknown(root, &document, &source)?;
        let mut overridden = Vec::new();
        for (variable, value) in variables {
            let Some(path) = variable.strip_prefix(PREFIX) else { continue };
            let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            let key = set(&mut document, root, &path, &value).map_err(|message| ConfigError::BadValue {
                place: Place::Variable(variable.clone()),
                key: path.join("."),
                message,
            })?;
            overridden.push((key, variable));
        }
        let places = Places { source, overridden };
        refuse_unknown(root, &document, &places)?;
        let config: Config =
            Figment::from(Serialized::defaults(&document)).extract().map_err(|error| bad_value(&error, &places))?;
        let problems: Vec<_> = crate::check::problems(&config)
            .into_iter()
            .map(|(key, message)| Problem { place: places.of(&key), key: key.join("."), message })
            .collect();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError::Unsound(problems)) }
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    let mut all: Vec<_> =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    all.sort();
    all.into_iter()
}

/// Knows where a key stands.
trait Locate {
    fn of(&self, key: &[String]) -> Place;
}

/// The file: its text, and the same parsed.
struct Source {
    name: String,
    text: String,
    document: toml::Value,
}

impl Source {
    fn new(text: &str, name: &str) -> Result<Self, ConfigError> {
        let document: toml::Table = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            place: Place::File { name: name.to_owned(), line: error.span().map(|span| line(text, span.start)) },
            message: error.message().trim_end().replace('\n', ", "),
        })?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), document: toml::Value::Table(document) })
    }

    /// The line of a key, or of the nearest table around it that stands in the file.
    fn line_of(&self, key: &[String]) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut value = &DeValue::Table(table.get_ref().clone());
        let mut at = None;
        for part in key {
            match value {
                DeValue::Table(table) => {
                    let Some((name, inner)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
                    at = Some(name.span().start);
                    value = inner.get_ref();
                }
                DeValue::Array(list) => {
                    let Some(inner) = part.parse().ok().and_then(|i: usize| list.get(i)) else { break };
                    at = Some(inner.span().start);
                    value = inner.get_ref();
                }
                _ => break,
            }
        }
        at.map(|at| line(&self.text, at))
    }
}

impl Locate for Source {
    fn of(&self, key: &[String]) -> Place {
        Place::File { name: self.name.clone(), line: self.line_of(key) }
    }
}

/// The file, and what the environment set after it.
struct Places {
    source: Source,
    overridden: Vec<(Vec<String>, String)>,
}

impl Locate for Places {
    fn of(&self, key: &[String]) -> Place {
        let variable = self.overridden.iter().find(|(path, _)| key.starts_with(path));
        variable.map_or_else(|| self.source.of(key), |(_, name)| Place::Variable(name.clone()))
    }
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

fn refuse_unknown(root: Node<'_>, document: &toml::Value, places: &impl Locate) -> Result<(), ConfigError> {
    first_unknown(root, document, &mut Vec::new()).map_or(Ok(()), |unknown| {
        let crate::keys::Unknown { path, nearest, known } = unknown;
        Err(ConfigError::UnknownKey { place: places.of(&path), key: path.join("."), nearest, known })
    })
}

fn bad_value(error: &figment::Error, places: &Places) -> ConfigError {
    let key: Vec<String> = error.path.clone();
    let message = error
        .kind
        .to_string()
        .replace("``", "`")
        .replace("`one of `", "one of `")
        .replace("expected struct ", "expected a table, ");
    ConfigError::BadValue { place: places.of(&key), key: key.join("."), message }
}

/// Sets one key of the document to a variable's value: as it is where only a text can stand, and in settings of other
/// programs (a secret may look like a number), else read as TOML. Gives
/// the key as it stands in the document (names there may have capitals).
fn set(document: &mut toml::Value, root: Node<'_>, path: &[String], text: &str) -> Result<Vec<String>, String> {
    let mut table = document;
    let mut node = Some(root);
    let mut key = Vec::new();
    let (last, tables) = path.split_last().expect("splitting gives one part or more");
    for part in tables {
        let name = existing(table, part);
        node = node.and_then(|node| node.child(&name));
        let inner = table.as_table_mut().ok_or_else(|| format!("{} is no table", key.join(".")))?;
        table = inner.entry(name.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        key.push(name);
    }
    let name = existing(table, last);
    let is_foreign = node.is_some_and(Node::is_foreign);
    node = node.and_then(|node| node.child(&name));
    let inner = table.as_table_mut().ok_or_else(|| format!("{} is no table", key.join(".")))?;
    let value = match node {
        Some(node) if is_foreign || node.is_text() => toml::Value::String(text.to_owned()),
        _ => read(text),
    };
    inner.insert(name.clone(), value);
    key.push(name);
    Ok(key)
}

fn existing(table: &toml::Value, part: &str) -> String {
    let same = table.as_table().and_then(|table| table.keys().find(|name| name.eq_ignore_ascii_case(part)));
    same.cloned().unwrap_or_else(|| part.to_owned())
}

fn read(text: &str) -> toml::Value {
    let document: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
    document.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(text.to_owned()))
}
