//! Which entries of the configuration count for a file, why the others do not, and the plan that comes of them.

use crate::files::now_ms;
use logmill_config::{Config, PlanDefaults, Planner, Reasons, Standing, Unfit};
use logmill_core::{FileMeta, Header};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A key of a file's plan, or what else the configuration says of the file.
pub struct Setting {
    key: String,
    value: Value,
    /// Which entry says so; none: nothing does.
    by: Option<String>,
}

impl Setting {
    /// For people: a line for each of which something says what it is, and one for the others.
    pub fn lines(settings: &[Self]) -> Vec<String> {
        let width = settings.iter().map(|setting| setting.key.len()).max().unwrap_or_default();
        let line = |setting: &Self| {
            let by = setting.by.as_ref()?;
            Some(format!("{:<width$}  {} (by {by})", setting.key, setting.shown()))
        };
        let mut lines: Vec<String> = settings.iter().filter_map(line).collect();
        let others = settings.iter().filter(|setting| setting.by.is_none());
        let others: Vec<String> = others.map(|setting| format!("{} {}", setting.key, setting.shown())).collect();
        if !others.is_empty() {
            lines.push(format!("{:<width$}  {}", "by default", others.join(", ")));
        }
        lines
    }

    fn shown(&self) -> String {
        match &self.value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(names) if names.is_empty() => "none".to_owned(),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        }
    }
}

/// An object: of each key the value, and who says so.
pub fn as_object<S: Serializer>(settings: &[Setting], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Said<'a> {
        value: &'a Value,
        by: Option<&'a str>,
    }
    serializer.collect_map(settings.iter().map(|Setting { key, value, by }| (key, Said { value, by: by.as_deref() })))
}

/// A file, and how the entries of the configuration stand to it.
pub struct Treated<'a> {
    config: &'a Config,
    file: &'a FileMeta,
    reasons: Reasons,
    priority: i32,
    /// As the rules say.
    backfill: Option<bool>,
}

impl<'a> Treated<'a> {
    /// `path` is what the entries go by: of a member that of its archive.
    pub fn new(config: &'a Config, planner: &Planner, file: &'a FileMeta, path: &str) -> Self {
        let precedence = planner.precedence(&file.cluster, path);
        let reasons = planner.reasons(&file.cluster, path);
        Self { config, file, reasons, priority: precedence.priority, backfill: precedence.backfill }
    }

    /// Of each entry of the lists whether it counts, or why it does not: a line for each.
    pub fn entries(&self) -> Vec<String> {
        let (Config { apps, data_types, encodings, .. }, reasons) = (self.config, &self.reasons);
        let by_path = |path: &str, what: &str, name: &str| {
            [format!("its path {path:?} names"), format!("its path {path:?} would name"), format!("the {what} {name}")]
        };
        let apps = apps.iter().map(|entry| by_path(&entry.path, "application", &entry.app));
        let types = data_types.iter().map(|entry| by_path(&entry.path, "data type", &entry.data_type));
        let encodings = encodings.iter().map(|entry| &entry.encoding);
        let encodings = encodings.map(|name| ["fixes".into(), "would fix".into(), format!("the encoding {name}")]);
        let mut lines: Vec<String> = listed("apps", apps, &reasons.apps).collect();
        lines.extend(listed("data_types", types, &reasons.data_types));
        lines.extend(listed("encodings", encodings, &reasons.encodings));
        lines.extend(reasons.rules.iter().enumerate().map(|(i, standing)| match standing {
            Standing::Unfit(unfit) => format!("[[rules]] {}: does not hold: {}", i + 1, all(unfit)),
            Standing::Counts | Standing::Behind(_) => format!("[[rules]] {}: holds, and says {}", i + 1, self.says(i)),
        }));
        lines
    }

    /// Whether an entry does not fit for the folder of the file alone.
    pub fn hangs_on_path(&self) -> bool {
        let Reasons { apps, data_types, encodings, rules, .. } = &self.reasons;
        let is_folder = |unfit: &Unfit| unfit.key == "path" && unfit.wanted.contains('/');
        let standings = [apps, data_types, encodings, rules].into_iter().flatten();
        standings.into_iter().any(|standing| matches!(standing, Standing::Unfit(unfit) if unfit.iter().all(is_folder)))
    }

    /// The keys that a rule sets, with their values, and which of them a later rule sets otherwise.
    fn says(&self, rule: usize) -> String {
        let set = self.config.rules[rule].sets().into_iter().map(|(key, value)| match self.reasons.keys.get(&key) {
            Some(last) if *last != rule => {
                format!("{key} = {value} (lost to [[rules]] {}, which comes later)", last + 1)
            }
            _ => format!("{key} = {value}"),
        });
        let set: Vec<String> = set.collect();
        if set.is_empty() { "nothing".into() } else { set.join(", ") }
    }

    /// How the file is treated: first what everyone asks for, then all else on which the configuration has a word.
    pub fn plan(&self) -> Vec<Setting> {
        let (plan, reasons) = (&self.file.plan, &self.reasons);
        let mut settings: Vec<Setting> = Vec::new();
        let mut add = |key: &str, value: Value, by| settings.push(Setting { key: key.to_owned(), value, by });
        let name = |name: &str| if name.is_empty() { Value::Null } else { name.into() };
        let (app, data_type) = (Reasons::first(&reasons.apps), Reasons::first(&reasons.data_types));
        add("app", name(&self.file.app), entry("apps", app));
        let named = data_type.map_or("", |i| &self.config.data_types[i].data_type);
        add("data_type", name(named), entry("data_types", data_type));
        add("channel_group", json!(plan.channel_group), self.by("channel_group"));
        add("priority", json!(self.priority), self.by("priority"));
        let (is_backfill, by) = self.lane();
        add("lane", json!(if is_backfill { "backfill" } else { "live" }), by);
        add("zone", json!(plan.zone().map(|zone| zone.to_string())), self.by("zone"));
        let fixed = entry("encodings", Reasons::first(&reasons.encodings)).or_else(|| self.by("encoding"));
        match &plan.encoding {
            Some(encoding) => add("encoding", json!(encoding), fixed),
            None => {
                add("encoding", json!("as detected"), None);
                add("default_encoding", json!(plan.default_encoding), self.by("default_encoding"));
            }
        }
        let names: Vec<&str> = plan.patterns.iter().map(|spec| spec.name.as_str()).collect();
        add("patterns", json!(names), self.by("patterns"));
        if let Some(header) = plan.header {
            let is_said = self.said("header").0 != json!("none");
            let by = if is_said { self.by("header") } else { Some("its patterns".into()) };
            add("header", json!(if header == Header::Csv { "csv" } else { "w3c" }), by);
        }
        let told =
            ["channel_group", "priority", "backfill", "zone", "encoding", "default_encoding", "patterns", "header"];
        let by_rules = reasons.keys.keys().cloned();
        let keys: BTreeSet<String> =
            as_map(&self.config.plan).into_iter().map(|(key, _)| key).chain(by_rules).collect();
        for key in keys.iter().filter(|key| !told.contains(&key.as_str())) {
            if let (value, by @ Some(_)) = self.said(key) {
                add(key, value, by);
            }
        }
        settings
    }

    /// What the configuration says of a key, and which entry does: none where that is the default.
    fn said(&self, key: &str) -> (Value, Option<String>) {
        if let Some(last) = self.reasons.keys.get(key) {
            let set = self.config.rules[*last].sets().into_iter().find(|(set, _)| set == key);
            return (set.map_or(Value::Null, |(_, value)| value), entry("rules", Some(*last)));
        }
        let [value, usual] = [&self.config.plan, &PlanDefaults::default()].map(|plan| as_map(plan).remove(key));
        let by = (value != usual).then(|| "[plan]".to_owned());
        (value.unwrap_or_default(), by)
    }

    fn by(&self, key: &str) -> Option<String> {
        self.said(key).1
    }

    /// Whether the file is backfill, as fetchers find when they list it, and what says so.
    fn lane(&self) -> (bool, Option<String>) {
        if let Some(is_backfill) = self.backfill {
            return (is_backfill, self.by("backfill"));
        }
        let FileMeta { cluster, modified_ms, .. } = self.file;
        let settings = self.config.clusters.get(cluster);
        let Some(settings) = settings.filter(|settings| settings.backfill_after.is_some()) else {
            return (false, None);
        };
        (
            settings.is_backfill(*modified_ms, now_ms()),
            Some(format!("its age and backfill_after of [clusters.{cluster}]")),
        )
    }
}

fn entry(list: &str, at: Option<usize>) -> Option<String> {
    at.map(|at| format!("[[{list}]] {}", at + 1))
}

/// Lines for the entries of a list of which the first that fits counts: what each does, or would do, and with what.
fn listed(list: &str, says: impl Iterator<Item = [String; 3]>, standings: &[Standing]) -> impl Iterator<Item = String> {
    says.zip(standings).enumerate().map(move |(i, ([does, would, what], standing))| {
        let line = match standing {
            Standing::Counts => format!("{does} {what}"),
            Standing::Behind(first) => format!("{would} {what}, but [[{list}]] {} comes first", first + 1),
            Standing::Unfit(unfit) => format!("does not fit: {}", all(unfit)),
        };
        format!("[[{list}]] {}: {line}", i + 1)
    })
}

/// The conditions that do not hold.
fn all(unfit: &[Unfit]) -> String {
    let one = |Unfit { key, wanted, is }: &Unfit| match *key {
        "min_priority" => format!("the rules before it give the file priority {is}, and its min_priority is {wanted}"),
        _ if is.is_empty() => format!("{key} is none, and has to match {wanted:?}"),
        _ => format!("{key} is {is:?}, which {wanted:?} does not match"),
    };
    unfit.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn as_map(plan: &PlanDefaults) -> Map<String, Value> {
    match serde_json::to_value(plan) {
        Ok(Value::Object(keys)) => keys,
        _ => Map::new(),
    }
}
