//! What may change while a fetcher runs: the clusters' weights, and the rules by which the plans of files are made that
//! come later.

use crate::cluster::Cluster;
use logmill_config::{Config, Planner};
use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often the configuration is read again. With [`SETTLED`], what was changed holds within five seconds.
const AGAIN: Duration = Duration::from_millis(2500);

/// How long after it was seen changed it is read once more: a file is taken when it says the same twice, and so mostly not
/// while it is being written.
const SETTLED: Duration = Duration::from_secs(2);

/// Reads the configuration again and again; `now` is what holds. One that is wrong is refused as a whole, and said once.
pub(crate) async fn follow<E: Display>(
    read: impl Fn() -> Result<Config, E>,
    mut now: Config,
    clusters: Vec<Arc<Cluster>>,
    planner: Arc<RwLock<Planner>>,
) {
    let mut refused = None;
    let mut last = Ok(now.clone());
    let mut wait = AGAIN;
    loop {
        tokio::time::sleep(wait).await;
        let new = read().map_err(|why| why.to_string());
        if new != last {
            last = new;
            wait = SETTLED;
            continue;
        }
        wait = AGAIN;
        match new.and_then(|new| take(&mut now, new, &clusters, &planner)) {
            Ok(()) => refused = None,
            Err(why) if refused.as_ref() == Some(&why) => {}
            Err(why) => {
                tracing::error!("the configuration was changed and is wrong; what it said before holds: {why}");
                refused = Some(why);
            }
        }
    }
}

/// Takes over what has changed, all of it or nothing.
fn take(now: &mut Config, new: Config, clusters: &[Arc<Cluster>], planner: &RwLock<Planner>) -> Result<(), String> {
    // All that plans are made of: [`Planner::new`].
    fn rules(config: &Config) -> impl PartialEq + '_ {
        (&config.apps, &config.data_types, &config.encodings, &config.rules, &config.plan, &config.patterns)
    }
    if rules(now) != rules(&new) {
        let changed = Planner::new(&new).map_err(|why| format!("the patterns of apps and rules: {why}"))?;
        *planner.write().unwrap_or_else(PoisonError::into_inner) = changed;
        tracing::info!(
            apps = new.apps.len(),
            rules = new.rules.len(),
            "other rules hold for files that come from now on"
        );
    }
    for cluster in clusters {
        if let Some(settings) = new.clusters.get(&cluster.name) {
            cluster.configure(settings);
        }
    }
    *now = new;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ClusterMetrics;
    use crate::store::FolderStore;
    fn config(text: &str) -> Result<Config, String> {
        Config::parse(text, "test", []).map_err(|why| why.to_string())
    }

    /// A pattern of one's own, which every file has.
    fn own(regex: &str) -> String {
        format!("[plan]\npatterns = [\"own\"]\n[[patterns]]\nname = \"own\"\nregex = '{regex}'\n")
    }

    #[test]
    fn another_expression_under_the_same_name_holds_for_files_that_come_later() {
        let with = |regex| config(&format!("[clusters.a]\nurl = \"file:///none\"\n{}", own(regex))).unwrap();
        let mut now = with("(?<a>.)");
        let planner = RwLock::new(Planner::new(&now).unwrap());
        let version = || planner.read().unwrap().plan("a", "/x").1.version();
        let before = version();
        take(&mut now, with("(?<b>.)"), &[], &planner).unwrap();
        assert_ne!(version(), before);
    }

    #[test]
    fn weights_and_rules_are_taken_over_and_a_bad_file_changes_nothing() {
        let cluster = |weight: &str| format!("[clusters.a]\nurl = \"file:///none\"\n{weight}\n");
        let mut now = config(&cluster("")).unwrap();
        let planner = RwLock::new(Planner::new(&now).unwrap());
        let store = Arc::new(FolderStore::new("/none"));
        let a = Arc::new(Cluster::new("a", store, &now.clusters["a"], ClusterMetrics::default()));
        for (text, weight, app) in [
            (cluster("weight = 3"), 3, ""),
            // What is learned begins with what was.
            (cluster("weight = \"auto\""), 3, ""),
            (cluster("weight = 3"), 3, ""),
            (cluster("weight = 5") + "[[apps]]\npath = \"x/[\"\napp = \"x\"", 3, ""),
            (cluster("weight = 7") + "[[apps]]\npath = \"/x/**\"\napp = \"x\"", 7, "x"),
            (cluster("weight = 7\ndrain = true"), 7, ""),
            (cluster("weight = 7"), 7, ""),
        ] {
            let taken = config(&text).and_then(|new| take(&mut now, new, &[Arc::clone(&a)], &planner));
            assert_eq!(taken.is_ok(), !text.contains("x/["), "{taken:?}");
            assert_eq!((a.is_learned(), a.is_drained()), (text.contains("auto"), text.contains("drain")));
            assert_eq!((a.weight(), planner.read().unwrap().plan("a", "/x/y").0.as_str()), (weight, app), "{text}");
        }
    }
}
