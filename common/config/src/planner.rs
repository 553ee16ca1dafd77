//! Which files are taken, who wrote them, and how they are treated.

use crate::patterns::{header, named};
use crate::sections::{Cluster, Config, HeaderLine, PlanDefaults, Rule};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use logmill_core::Plan;
use logmill_patterns::{PatternSpec, Zone};
use serde_json::Value;
use std::collections::BTreeMap;

/// Compiles a glob over paths: `*` and `?` stop at slashes, `**` does not; a glob without a slash is over the name
/// alone.
///
/// # Errors
/// The glob cannot be read; the message says where.
pub fn path_glob(pattern: &str) -> Result<Glob, globset::Error> {
    let whole = if pattern.contains('/') || pattern == "**" { pattern.to_owned() } else { format!("**/{pattern}") };
    GlobBuilder::new(&whole).literal_separator(true).build()
}

/// A rule that gives the file at `path` alone these patterns, as it stands in the configuration's file.
#[must_use]
pub fn rule_for(path: &str, patterns: &[&str]) -> String {
    let patterns: Vec<toml::Value> = patterns.iter().map(|name| toml::Value::from(*name)).collect();
    // A backslash is one in a glob, but globset leaves it.
    let path = toml::Value::from(globset::escape(path).replace('\\', r"\\"));
    format!("[[rules]]\npath = {path}\npatterns = {}", toml::Value::from(patterns))
}

/// A glob, and how the configuration has it.
#[derive(Clone, Debug)]
struct Wanted {
    glob: GlobMatcher,
    text: String,
}

impl Wanted {
    fn path(pattern: &str) -> Result<Self, globset::Error> {
        Ok(Self { glob: path_glob(pattern)?.compile_matcher(), text: pattern.to_owned() })
    }

    fn name(pattern: &str) -> Result<Self, globset::Error> {
        Ok(Self { glob: Glob::new(pattern)?.compile_matcher(), text: pattern.to_owned() })
    }
}

/// Which files of a cluster are taken.
#[derive(Clone, Debug)]
pub struct Selector {
    wanted: GlobSet,
    left: GlobSet,
}

impl Selector {
    /// # Errors
    /// A glob of the cluster cannot be read.
    pub fn new(cluster: &Cluster) -> Result<Self, globset::Error> {
        let set = |patterns: &[String]| {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(path_glob(pattern)?);
            }
            set.build()
        };
        Ok(Self { wanted: set(&cluster.patterns)?, left: set(&cluster.exclude)? })
    }

    /// Whether the file at `path` (absolute, in the cluster) is taken. Files that are still being written by the usual
    /// conventions never are.
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let unfinished = name.starts_with(['.', '_']) || name.ends_with(".tmp") || name.ends_with("._COPYING_");
        !unfinished && self.wanted.is_match(path) && !self.left.is_match(path)
    }
}

/// The configuration's rules, compiled: for a lister that looks at a million paths.
#[derive(Clone, Debug)]
pub struct Planner {
    plan: Plan,
    apps: Vec<(Scope, String)>,
    data_types: Vec<(Scope, String)>,
    encodings: Vec<(Scope, String)>,
    rules: Vec<Entry>,
}

/// A rule.
#[derive(Clone, Debug)]
struct Entry {
    scope: Scope,
    rule: Rule,
    /// What its names of patterns mean, where it names some.
    patterns: Option<Vec<PatternSpec>>,
}

/// What the rules say of when a file is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precedence {
    /// The greatest comes first.
    pub priority: i32,
    /// Whether it is backfill; `None`: its age says it.
    pub backfill: Option<bool>,
}

/// Why a file is treated as it is: of each entry of the configuration's lists how it stands to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    pub apps: Vec<Standing>,
    pub data_types: Vec<Standing>,
    pub encodings: Vec<Standing>,
    pub rules: Vec<Standing>,
    /// Which of `rules` has the last word on a key: all keys that one of those sets that hold.
    pub keys: BTreeMap<String, usize>,
}

/// How an entry stands to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// It fits, but the first that fits counts: that one, from 0.
    Behind(usize),
    /// It does not fit, by these of its conditions.
    Unfit(Vec<Unfit>),
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// cluster, path, app, data_type or min_priority.
    pub key: &'static str,
    pub wanted: String,
    /// What the file has: of min_priority the priority that the rules before this one give it.
    pub is: String,
}

impl Reasons {
    /// The place of the entry of such a list that counts, from 0.
    #[must_use]
    pub fn first(list: &[Standing]) -> Option<usize> {
        list.iter().position(|standing| *standing == Standing::Counts)
    }
}

/// To which files an entry applies; what is left out fits all.
#[derive(Clone, Debug)]
struct Scope {
    cluster: Option<Wanted>,
    path: Option<Wanted>,
    app: Option<Wanted>,
    data_type: Option<Wanted>,
}

/// A file, as scopes see it.
struct Known<'a> {
    cluster: &'a str,
    path: &'a str,
    app: &'a str,
    data_type: &'a str,
}

impl Scope {
    fn new(cluster: Option<&str>, path: Option<&str>, app: Option<&str>) -> Result<Self, globset::Error> {
        Ok(Self {
            cluster: cluster.map(Wanted::name).transpose()?,
            path: path.map(Wanted::path).transpose()?,
            app: app.map(Wanted::name).transpose()?,
            data_type: None,
        })
    }

    fn of_rule(rule: &Rule) -> Result<Self, globset::Error> {
        let data_type = rule.data_type.as_deref().map(Wanted::name).transpose()?;
        let all = Self::new(rule.cluster.as_deref(), rule.path.as_deref(), rule.app.as_deref())?;
        Ok(Self { data_type, ..all })
    }

    fn fits(&self, file: &Known<'_>) -> bool {
        self.others(file).next().is_none()
    }

    /// The keys by which it does not fit, with what they want and what the file has.
    fn others<'a>(&'a self, file: &Known<'a>) -> impl Iterator<Item = (&'static str, &'a Wanted, &'a str)> {
        let scopes = [
            ("cluster", &self.cluster, file.cluster),
            ("path", &self.path, file.path),
            ("app", &self.app, file.app),
            ("data_type", &self.data_type, file.data_type),
        ];
        let unfit = |(key, wanted, is): (_, &'a Option<Wanted>, &'a str)| {
            wanted.as_ref().filter(|wanted| !wanted.glob.is_match(is)).map(|wanted| (key, wanted, is))
        };
        scopes.into_iter().filter_map(unfit)
    }

    fn unfit(&self, file: &Known<'_>) -> Vec<Unfit> {
        let unfit =
            |(key, wanted, is): (_, &Wanted, &str)| Unfit { key, wanted: wanted.text.clone(), is: is.to_owned() };
        self.others(file).map(unfit).collect()
    }
}

/// The first entry of a list that fits a file: its place, and what it says.
fn first<'a>(list: &'a [(Scope, String)], file: &Known<'_>) -> Option<(usize, &'a str)> {
    let fitting = list.iter().enumerate().find(|(_, (scope, _))| scope.fits(file));
    fitting.map(|(at, (_, says))| (at, says.as_str()))
}

/// How each entry of such a list stands to a file.
fn standings(list: &[(Scope, String)], file: &Known<'_>) -> Vec<Standing> {
    let counts = first(list, file).map(|(at, _)| at);
    let standing = |(at, (scope, _)): (usize, &(Scope, String))| match (scope.unfit(file), counts) {
        (unfit, Some(first)) if unfit.is_empty() && at > first => Standing::Behind(first),
        (unfit, _) if unfit.is_empty() => Standing::Counts,
        (unfit, _) => Standing::Unfit(unfit),
    };
    list.iter().enumerate().map(standing).collect()
}

impl Planner {
    /// # Errors
    /// A glob cannot be read.
    pub fn new(config: &Config) -> Result<Self, globset::Error> {
        let (mut apps, mut data_types, mut encodings) = (Vec::new(), Vec::new(), Vec::new());
        for entry in &config.apps {
            apps.push((Scope::new(None, Some(&entry.path), None)?, entry.app.clone()));
        }
        for entry in &config.data_types {
            data_types.push((Scope::new(None, Some(&entry.path), None)?, entry.data_type.clone()));
        }
        for entry in &config.encodings {
            let scope = Scope::new(entry.cluster.as_deref(), entry.path.as_deref(), entry.app.as_deref())?;
            encodings.push((scope, entry.encoding.clone()));
        }
        let mut rules = Vec::new();
        for rule in &config.rules {
            let patterns = rule.patterns.as_ref().map(|names| named(&config.patterns, names));
            rules.push(Entry { scope: Scope::of_rule(rule)?, rule: rule.clone(), patterns });
        }
        let plan = Plan { patterns: named(&config.patterns, &config.plan.patterns), ..base(&config.plan) };
        Ok(Self { plan, apps, data_types, encodings, rules })
    }

    /// The application that wrote the file (empty when no entry of `apps` matches) and the file's plan.
    #[must_use]
    pub fn plan(&self, cluster: &str, path: &str) -> (String, Plan) {
        let file = self.know(cluster, path);
        let mut plan = self.plan.clone();
        self.for_each_rule(&file, |Entry { rule, patterns, .. }| {
            rule.change(&mut plan);
            if let Some(patterns) = patterns {
                plan.patterns.clone_from(patterns);
            }
        });
        plan.header = header(&plan);
        if let Some((_, encoding)) = first(&self.encodings, &file) {
            plan.encoding = Some(encoding.to_owned());
        }
        (file.app.to_owned(), plan)
    }

    /// Why the file has the application and the plan that it has.
    #[must_use]
    pub fn reasons(&self, cluster: &str, path: &str) -> Reasons {
        let file = self.know(cluster, path);
        let (mut rules, mut keys) = (Vec::with_capacity(self.rules.len()), BTreeMap::new());
        self.walk(&file, |entry, stands| {
            rules.push(match stands {
                Stands::Holds => Standing::Counts,
                Stands::Unfit => Standing::Unfit(entry.scope.unfit(&file)),
                Stands::Low(priority) => {
                    let wanted = entry.rule.min_priority.unwrap_or_default().to_string();
                    Standing::Unfit(vec![Unfit { key: "min_priority", wanted, is: priority.to_string() }])
                }
            });
            if stands == Stands::Holds {
                let at = rules.len() - 1;
                keys.extend(entry.rule.sets().into_iter().map(|(key, _)| (key, at)));
            }
        });
        let by_path = Known { app: "", data_type: "", ..file };
        Reasons {
            apps: standings(&self.apps, &by_path),
            data_types: standings(&self.data_types, &by_path),
            encodings: standings(&self.encodings, &file),
            rules,
            keys,
        }
    }

    /// When the file is fetched.
    #[must_use]
    pub fn precedence(&self, cluster: &str, path: &str) -> Precedence {
        if self.rules.iter().all(|Entry { rule, .. }| rule.priority.is_none() && rule.backfill.is_none()) {
            return Precedence::default();
        }
        let mut backfill = None;
        let priority =
            self.for_each_rule(&self.know(cluster, path), |entry| backfill = entry.rule.backfill.or(backfill));
        Precedence { priority, backfill }
    }

    /// The group of channels to which the file's text is to go: that of its plan.
    #[must_use]
    pub fn channel_group<'a>(&'a self, cluster: &str, path: &str) -> &'a str {
        let mut group = self.plan.channel_group.as_str();
        if self.rules.iter().any(|Entry { rule, .. }| rule.channel_group.is_some()) {
            let known = self.know(cluster, path);
            self.for_each_rule(&known, |entry| group = entry.rule.channel_group.as_deref().unwrap_or(group));
        }
        group
    }

    fn know<'a>(&'a self, cluster: &'a str, path: &'a str) -> Known<'a> {
        let by_path = Known { cluster, path, app: "", data_type: "" };
        let named = |list| first(list, &by_path).map_or("", |(_, name)| name);
        Known { app: named(&self.apps), data_type: named(&self.data_types), ..by_path }
    }

    /// Shows the rules that apply to a file, in order, and says what priority they give it.
    fn for_each_rule<'a>(&'a self, file: &Known<'_>, mut each: impl FnMut(&'a Entry)) -> i32 {
        self.walk(file, |entry, stands| {
            if stands == Stands::Holds {
                each(entry);
            }
        })
    }

    /// Shows all rules, in order, each with how it stands to the file, and says what priority those give it that hold.
    fn walk<'a>(&'a self, file: &Known<'_>, mut each: impl FnMut(&'a Entry, Stands)) -> i32 {
        let mut priority = 0;
        for entry in &self.rules {
            let is_low = entry.rule.min_priority.is_some_and(|least| priority < least);
            let stands = match entry.scope.fits(file) {
                false => Stands::Unfit,
                true if is_low => Stands::Low(priority),
                true => Stands::Holds,
            };
            if stands == Stands::Holds {
                priority = entry.rule.priority.unwrap_or(priority);
            }
            each(entry, stands);
        }
        priority
    }
}

/// How a rule stands to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Holds,
    /// Its scope is another.
    Unfit,
    /// The rules before it give the file this priority, and it wants more.
    Low(i32),
}

fn base(defaults: &PlanDefaults) -> Plan {
    let cut = |size: crate::Size| u32::try_from(size.0).unwrap_or(u32::MAX);
    let mut plan = Plan {
        rules: Plan::RULES,
        raw_bytes: cut(defaults.raw_bytes),
        plain_bytes: cut(defaults.plain_bytes),
        text_bytes: cut(defaults.text_bytes),
        line_bytes: cut(defaults.line_bytes),
        record_start: defaults.record_start.clone().filter(|pattern| !pattern.is_empty()),
        header: defaults.header.of_plan(),
        patterns: Vec::new(),
        zone_seconds: 0,
        zone_name: None,
        encoding: defaults.encoding.clone(),
        default_encoding: defaults.default_encoding.clone(),
        malformed_per_million: defaults.malformed_per_million,
        max_ratio: defaults.max_ratio,
        ratio_after_bytes: defaults.ratio_after_bytes.0,
        max_bytes: defaults.max_bytes.0,
        window_bytes: defaults.window_bytes.0,
        channel_group: defaults.channel_group.clone(),
    };
    plan.set_zone(&Zone::parse(&defaults.zone).unwrap_or_default()); // what is none is refused before
    plan
}

impl Rule {
    /// The keys that say for which files it holds.
    const SCOPE: [&str; 5] = ["cluster", "path", "app", "data_type", "min_priority"];

    /// The keys that it sets, with their values.
    #[must_use]
    pub fn sets(&self) -> Vec<(String, Value)> {
        let Ok(Value::Object(keys)) = serde_json::to_value(self) else { return Vec::new() };
        keys.into_iter().filter(|(key, _)| !Self::SCOPE.contains(&key.as_str())).collect()
    }

    fn change(&self, plan: &mut Plan) {
        fn set<T: Clone>(to: &mut T, from: Option<&T>) {
            if let Some(value) = from {
                to.clone_from(value);
            }
        }
        let cut = |size: Option<crate::Size>| size.map(|size| u32::try_from(size.0).unwrap_or(u32::MAX));
        set(&mut plan.raw_bytes, cut(self.raw_bytes).as_ref());
        set(&mut plan.plain_bytes, cut(self.plain_bytes).as_ref());
        set(&mut plan.text_bytes, cut(self.text_bytes).as_ref());
        set(&mut plan.line_bytes, cut(self.line_bytes).as_ref());
        if let Some(pattern) = &self.record_start {
            plan.record_start = Some(pattern.clone()).filter(|pattern| !pattern.is_empty());
        }
        set(&mut plan.header, self.header.map(HeaderLine::of_plan).as_ref());
        if let Some(zone) = self.zone.as_deref().and_then(Zone::parse) {
            plan.set_zone(&zone);
        }
        set(&mut plan.default_encoding, self.default_encoding.as_ref());
        set(&mut plan.malformed_per_million, self.malformed_per_million.as_ref());
        set(&mut plan.max_ratio, self.max_ratio.as_ref());
        set(&mut plan.ratio_after_bytes, self.ratio_after_bytes.map(|size| size.0).as_ref());
        set(&mut plan.max_bytes, self.max_bytes.map(|size| size.0).as_ref());
        set(&mut plan.window_bytes, self.window_bytes.map(|size| size.0).as_ref());
        set(&mut plan.channel_group, self.channel_group.as_ref());
    }
}

impl Config {
    /// The application and the plan of one file. For many files make a [`Planner`] once.
    ///
    /// # Panics
    /// When a glob of `apps`, `encodings` or `rules` cannot be read: a configuration that was loaded has been checked
    /// for that.
    #[must_use]
    pub fn plan_for(&self, cluster: &str, path: &str) -> (String, Plan) {
        Planner::new(self).expect("the globs of a checked configuration compile").plan(cluster, path)
    }
}
