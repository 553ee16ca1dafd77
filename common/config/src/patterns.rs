//! The patterns that names in the configuration mean.

use crate::keys::nearest;
use crate::sections::Config;
use logmill_core::{Header, Plan};
use logmill_patterns::{BuiltIn, PatternError, PatternSpec, Patterns};
use std::collections::BTreeSet;

/// Stands for all built-in patterns, in their order.
pub const AUTO: &str = "auto";

/// Bytes that the patterns of a plan may have as JSON: they travel with every chunk, beside the file's description.
const PLAN_BYTES: usize = 16 << 10;

/// A key (with its tables) and what is wrong with it.
type Problem = (Vec<String>, String);

/// Those that the names mean, in their order, each once. A pattern of one's own with the name of a built-in one stands for it; names
/// that mean nothing are left out.
pub(crate) fn named(own: &[PatternSpec], names: &[String]) -> Vec<PatternSpec> {
    let one = |name: &str| {
        let built_in = || BuiltIn::by_name(name).map(PatternSpec::built_in);
        own.iter().find(|spec| spec.name == name).cloned().or_else(built_in)
    };
    let mut specs: Vec<PatternSpec> = Vec::new();
    for name in names {
        let meant: Vec<PatternSpec> = match name.as_str() {
            AUTO => BuiltIn::ALL.iter().filter_map(|built_in| one(built_in.name())).collect(),
            name => one(name).into_iter().collect(),
        };
        for spec in meant {
            if specs.iter().all(|known| known.name != spec.name) {
                specs.push(spec);
            }
        }
    }
    specs
}

/// The header line that the patterns need, where the plan names none: that of the first one that needs one.
pub(crate) fn header(plan: &Plan) -> Option<Header> {
    let needed = plan.patterns.iter().find_map(|spec| match spec.of_built_in() {
        Some(BuiltIn::Csv) => Some(Header::Csv),
        Some(BuiltIn::W3c) => Some(Header::W3c),
        _ => None,
    });
    plan.header.or(needed)
}

/// What is wrong with the patterns of one's own, and with the names of patterns.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (i, spec) in config.patterns.iter().enumerate() {
        let mut add = |key: &str, message: String| {
            problems.push((vec!["patterns".into(), i.to_string(), key.into()], message));
        };
        if spec.name.is_empty() || spec.name == AUTO {
            add("name", format!("{:?} is no name of a pattern: choose another", spec.name));
        } else if !seen.insert(&spec.name) {
            add("name", format!("there are two patterns {:?}: give one of them another name", spec.name));
        } else if let Err(error) = Patterns::compile(std::slice::from_ref(spec)) {
            add(error.key(), error.to_string());
        }
    }
    for (i, name) in config.plan.patterns.iter().enumerate() {
        let key = vec!["plan".into(), "patterns".into(), i.to_string()];
        problems.extend(unknown(config, name).map(|message| (key, message)));
    }
    for (i, rule) in config.rules.iter().enumerate() {
        for (j, name) in rule.patterns.iter().flatten().enumerate() {
            let key = vec!["rules".into(), i.to_string(), "patterns".into(), j.to_string()];
            problems.extend(unknown(config, name).map(|message| (key, message)));
        }
    }
    problems
}

/// What is wrong with the patterns of a plan together.
pub(crate) fn of_plan(plan: &Plan) -> Option<String> {
    if let Err(error @ PatternError::TooMany { .. }) = Patterns::compile(&plan.patterns) {
        return Some(error.to_string());
    }
    let bytes = serde_json::to_string(&plan.patterns).expect("a pattern is plain data").len();
    (bytes > PLAN_BYTES).then(|| {
        format!(
            "they take {bytes} bytes in every chunk, and {PLAN_BYTES} are the most: name fewer of them, or shorten their \
             expressions"
        )
    })
}

/// Why a name means no pattern.
fn unknown(config: &Config, name: &str) -> Option<String> {
    let is_known = |name: &str| {
        name == AUTO || BuiltIn::by_name(name).is_some() || config.patterns.iter().any(|spec| spec.name == name)
    };
    if is_known(name) {
        return None;
    }
    let own = config.patterns.iter().map(|spec| spec.name.as_str());
    let known: Vec<&str> = [AUTO].into_iter().chain(BuiltIn::ALL.map(BuiltIn::name)).chain(own).collect();
    let advice = match nearest(name, &known).first() {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known are {}, and one's own of [[patterns]]", known.join(", ")),
    };
    Some(format!("there is no pattern {name:?}; {advice}"))
}
