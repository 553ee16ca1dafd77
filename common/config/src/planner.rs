//! Which files are taken, who wrote them, and how they are treated.

use crate::patterns::{header, named};
use crate::sections::{Cluster, Config, HeaderLine, PlanDefaults, Rule, zone_seconds};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use logmill_core::Plan;
use logmill_patterns::PatternSpec;

/// Compiles a glob over paths: `*` and `?` stop at slashes, `**` does not; a glob without a slash is over the name
/// alone.
///
/// # Errors
/// The glob cannot be read; the message says where.
pub fn path_glob(pattern: &str) -> Result<Glob, globset::Error> {
    let whole = if pattern.contains('/') || pattern == "**" { pattern.to_owned() } else { format!("**/{pattern}") };
    GlobBuilder::new(&whole).literal_separator(true).build()
}

fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(path_glob(pattern)?.compile_matcher())
}

fn name_matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(Glob::new(pattern)?.compile_matcher())
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
    apps: Vec<(GlobMatcher, String)>,
    encodings: Vec<(Scope, String)>,
    rules: Vec<(Scope, Rule)>,
    /// What the rules' names of patterns mean, where a rule names some.
    patterns: Vec<Option<Vec<PatternSpec>>>,
}

/// What the rules say of when a file is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Precedence {
    /// The greatest comes first.
    pub priority: i32,
    /// Whether it is backfill; `None`: its age says it.
    pub backfill: Option<bool>,
}

/// Why a file is treated as it is: places in the configuration's lists, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// Which of `apps` named its application.
    pub app: Option<usize>,
    /// Which of `encodings` fixed its encoding.
    pub encoding: Option<usize>,
    /// Of each of `rules` the key by which it does not hold for the file: cluster, path or app; none where it does.
    pub rules: Vec<Option<&'static str>>,
}

/// To which files an entry applies; what is left out fits all.
#[derive(Clone, Debug)]
struct Scope {
    cluster: Option<GlobMatcher>,
    path: Option<GlobMatcher>,
    app: Option<GlobMatcher>,
}

impl Scope {
    fn new(cluster: Option<&str>, path: Option<&str>, app: Option<&str>) -> Result<Self, globset::Error> {
        Ok(Self {
            cluster: cluster.map(name_matcher).transpose()?,
            path: path.map(matcher).transpose()?,
            app: app.map(name_matcher).transpose()?,
        })
    }

    fn fits(&self, cluster: &str, path: &str, app: &str) -> bool {
        self.other(cluster, path, app).is_none()
    }

    /// The key by which it does not fit.
    fn other(&self, cluster: &str, path: &str, app: &str) -> Option<&'static str> {
        let fits = |glob: &Option<GlobMatcher>, text: &str| glob.as_ref().is_none_or(|glob| glob.is_match(text));
        let scopes = [("cluster", &self.cluster, cluster), ("path", &self.path, path), ("app", &self.app, app)];
        scopes.into_iter().find(|(_, glob, text)| !fits(glob, text)).map(|(key, ..)| key)
    }
}

impl Planner {
    /// # Errors
    /// A glob cannot be read.
    pub fn new(config: &Config) -> Result<Self, globset::Error> {
        let apps =
            config.apps.iter().map(|entry| Ok((matcher(&entry.path)?, entry.app.clone()))).collect::<Result<_, _>>()?;
        let mut encodings = Vec::new();
        for entry in &config.encodings {
            let scope = Scope::new(entry.cluster.as_deref(), entry.path.as_deref(), entry.app.as_deref())?;
            encodings.push((scope, entry.encoding.clone()));
        }
        let (mut rules, mut patterns) = (Vec::new(), Vec::new());
        for rule in &config.rules {
            let scope = Scope::new(rule.cluster.as_deref(), rule.path.as_deref(), rule.app.as_deref())?;
            rules.push((scope, rule.clone()));
            patterns.push(rule.patterns.as_ref().map(|names| named(&config.patterns, names)));
        }
        let plan = Plan { patterns: named(&config.patterns, &config.plan.patterns), ..base(&config.plan) };
        Ok(Self { plan, apps, encodings, rules, patterns })
    }

    /// The application that wrote the file (empty when no entry of `apps` matches) and the file's plan.
    #[must_use]
    pub fn plan(&self, cluster: &str, path: &str) -> (String, Plan) {
        let app = self.app(path).to_owned();
        let mut plan = self.plan.clone();
        for ((scope, rule), patterns) in self.rules.iter().zip(&self.patterns) {
            if scope.fits(cluster, path, &app) {
                rule.change(&mut plan);
                if let Some(patterns) = patterns {
                    plan.patterns.clone_from(patterns);
                }
            }
        }
        plan.header = header(&plan);
        if let Some((_, encoding)) = self.encodings.iter().find(|(scope, _)| scope.fits(cluster, path, &app)) {
            plan.encoding = Some(encoding.clone());
        }
        (app, plan)
    }

    fn app(&self, path: &str) -> &str {
        self.apps.iter().find(|(glob, _)| glob.is_match(path)).map_or("", |(_, app)| app)
    }

    /// Why the file has the application and the plan that it has.
    #[must_use]
    pub fn reasons(&self, cluster: &str, path: &str) -> Reasons {
        let app = self.app(path);
        Reasons {
            app: self.apps.iter().position(|(glob, _)| glob.is_match(path)),
            encoding: self.encodings.iter().position(|(scope, _)| scope.fits(cluster, path, app)),
            rules: self.rules.iter().map(|(scope, _)| scope.other(cluster, path, app)).collect(),
        }
    }

    /// When the file is fetched.
    #[must_use]
    pub fn precedence(&self, cluster: &str, path: &str) -> Precedence {
        let says = |rule: &Rule| rule.priority.is_some() || rule.backfill.is_some();
        let mut found = Precedence::default();
        let mut app = None;
        for (scope, rule) in self.rules.iter().filter(|(_, rule)| says(rule)) {
            if scope.fits(cluster, path, app.get_or_insert_with(|| self.app(path))) {
                found.priority = rule.priority.unwrap_or(found.priority);
                found.backfill = rule.backfill.or(found.backfill);
            }
        }
        found
    }
}

fn base(defaults: &PlanDefaults) -> Plan {
    let cut = |size: crate::Size| u32::try_from(size.0).unwrap_or(u32::MAX);
    Plan {
        rules: Plan::RULES,
        raw_bytes: cut(defaults.raw_bytes),
        plain_bytes: cut(defaults.plain_bytes),
        text_bytes: cut(defaults.text_bytes),
        line_bytes: cut(defaults.line_bytes),
        record_start: defaults.record_start.clone().filter(|pattern| !pattern.is_empty()),
        header: defaults.header.of_plan(),
        patterns: Vec::new(),
        zone_seconds: zone_seconds(&defaults.zone).unwrap_or(0), // what is none is refused before
        encoding: defaults.encoding.clone(),
        default_encoding: defaults.default_encoding.clone(),
        malformed_per_million: defaults.malformed_per_million,
        max_ratio: defaults.max_ratio,
        ratio_after_bytes: defaults.ratio_after_bytes.0,
        max_bytes: defaults.max_bytes.0,
        window_bytes: defaults.window_bytes.0,
        channel_group: defaults.channel_group.clone(),
    }
}

impl Rule {
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
        set(&mut plan.zone_seconds, self.zone.as_deref().and_then(zone_seconds).as_ref());
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
