//! The keys that the schema knows, and the first one in a document that it does not.

use serde_json::Value as Json;

/// A node of the JSON Schema, with `$ref` followed.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    root: &'a Json,
    /// The node as it stands at its key: its description is the key's.
    pub at_key: &'a Json,
    /// The type it refers to.
    pub kind: &'a Json,
}

impl<'a> Node<'a> {
    pub fn root(root: &'a Json) -> Self {
        Self { root, at_key: root, kind: root }
    }

    fn resolve(self, node: &'a Json) -> Self {
        // Option<Table> is `anyOf: [$ref, null]`.
        let target = node.get("anyOf").and_then(|any| any.get(0)).unwrap_or(node);
        let kind = match target.get("$ref").and_then(Json::as_str) {
            Some(reference) => {
                self.root.pointer(reference.trim_start_matches('#')).expect("schemars refers to what it defines")
            }
            None => target,
        };
        Self { root: self.root, at_key: node, kind }
    }

    /// The node of a key of this table, or of an entry of this list or map.
    pub fn child(self, key: &str) -> Option<Self> {
        if let Some(node) = self.kind.get("properties").and_then(|all| all.get(key)) {
            return Some(self.resolve(node));
        }
        if let Some(items) = self.kind.get("items") {
            return Some(self.resolve(items));
        }
        match self.kind.get("additionalProperties") {
            Some(Json::Bool(false)) => None,
            Some(node) => Some(self.resolve(node)),
            None => None,
        }
    }

    /// The keys of this table; empty for maps and values.
    pub fn keys(self) -> Vec<String> {
        let properties = self.kind.get("properties").and_then(Json::as_object);
        properties.map(|all| all.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether other programs' settings stand here: nothing below is ours to know.
    pub fn is_foreign(self) -> bool {
        self.kind.get("additionalProperties") == Some(&Json::Bool(true))
    }

    fn types(self) -> Vec<&'a str> {
        match self.kind.get("type") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the key may be left out without a default taking its place.
    pub fn is_optional(self) -> bool {
        let is_null = |node: &Json| node.get("type").and_then(Json::as_str) == Some("null");
        let any = self.at_key.get("anyOf").and_then(Json::as_array);
        self.types().contains(&"null") || any.is_some_and(|any| any.iter().any(is_null))
    }

    /// Whether only a text can stand here.
    pub fn is_text(self) -> bool {
        let types = self.types();
        (types.contains(&"string") && !types.contains(&"integer"))
            || self.kind.get("enum").is_some()
            || self.kind.get("oneOf").is_some()
    }

    pub fn description(self) -> Option<String> {
        let text = self.at_key.get("description").or_else(|| self.kind.get("description"))?.as_str()?;
        Some(text.split('\n').map(str::trim).collect::<Vec<_>>().join(" "))
    }
}

/// A key that the schema does not know: its path, the nearest known one and all known ones.
pub struct Unknown {
    pub path: Vec<String>,
    pub nearest: Option<String>,
    pub known: Vec<String>,
}

/// Those of the known names that the name may have been meant for, the likeliest first.
pub fn nearest<'a, T: AsRef<str>>(name: &str, known: &'a [T]) -> Vec<&'a T> {
    let likeness = |known: &T| strsim::normalized_damerau_levenshtein(name, known.as_ref());
    // Half of the letters right is near enough to be a slip of the fingers.
    let mut near: Vec<_> = known.iter().map(|k| (likeness(k), k)).filter(|(likeness, _)| *likeness >= 0.5).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().map(|(_, name)| name).collect()
}

impl Unknown {
    fn of(path: Vec<String>, known: Vec<String>) -> Self {
        let key = path.last().expect("a key has a name");
        let nearest = nearest(key, &known).first().map(|name| (*name).clone());
        Self { path, nearest, known }
    }
}

/// The first key of `value` that the schema does not know.
pub fn first_unknown(node: Node<'_>, value: &toml::Value, path: &mut Vec<String>) -> Option<Unknown> {
    if node.is_foreign() {
        return None;
    }
    let entries: Vec<(String, &toml::Value)> = match value {
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), value)).collect(),
        toml::Value::Array(list) => list.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => return None,
    };
    for (key, value) in entries {
        path.push(key.clone());
        match node.child(&key) {
            Some(child) => {
                if let Some(unknown) = first_unknown(child, value, path) {
                    return Some(unknown);
                }
            }
            // A table where a value is expected: the type's error says so better.
            None if node.keys().is_empty() => {}
            None => return Some(Unknown::of(path.clone(), node.keys())),
        }
        path.pop();
    }
    None
}
