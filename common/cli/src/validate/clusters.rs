//! What the fetcher needs of each cluster.

use super::check::Check;
use futures::{StreamExt, stream};
use logmill_config::{Cluster, Config, Selector};
use logmill_fetcher::dated;
use logmill_fetcher::store::{self, Entry, SetUpError, Store, StoreError};
use std::future::Future;
use std::path::Path;
use std::time::SystemTime;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// Files of a folder that are looked at to find one that would be taken.
const LOOKED_AT: usize = 1000;

/// For each cluster: its folders can be listed, and a file in one can be read.
pub async fn checks(config: &Config) -> Vec<Check> {
    let mut all = Vec::new();
    for (name, cluster) in &config.clusters {
        match store::of(name, cluster, &Handle::current()) {
            Ok(store) => one(name, cluster, &*store, &mut all).await,
            Err(error) => all.push(unsound(name, &error)),
        }
    }
    all
}

/// The clusters whose stores know a setting by no such name.
pub fn unknown(config: &Config) -> Vec<Check> {
    let wrong = |name, cluster| store::check(name, cluster).err().map(|error| unsound(name, &error));
    config.clusters.iter().filter_map(|(name, cluster)| wrong(name, cluster)).collect()
}

fn unsound(name: &str, error: &SetUpError) -> Check {
    Check::bad(name, "settings", error.to_string(), format!("correct [clusters.{name}]"))
}

async fn one(name: &str, cluster: &Cluster, store: &dyn Store, all: &mut Vec<Check>) {
    let selector = Selector::new(cluster).expect("the globs of a checked configuration compile");
    let mut sample: Option<Entry> = None;
    for folder in &cluster.folders {
        let what = format!("folder {folder}");
        let folders = dated::expand(folder, SystemTime::now(), cluster.days);
        // A local folder that is not there lists as empty, as a bucket's prefix does.
        if let Some(root) = cluster.url.strip_prefix("file://")
            && !folders.iter().any(|folder| Path::new(root).join(folder.trim_start_matches('/')).is_dir())
        {
            let advice = format!("make the folder, or correct folders in [clusters.{name}]");
            all.push(Check::bad(name, &what, format!("there is no such folder in {root}"), advice));
            continue;
        }
        let mut seen = 0;
        let look = async {
            let mut files = stream::iter(folders).flat_map(|folder| store.list(&folder));
            while let Some(file) = files.next().await {
                let file = file?;
                seen += 1;
                if selector.takes(&file.path) {
                    sample.get_or_insert(file);
                    break;
                }
                if seen == LOOKED_AT {
                    break;
                }
            }
            Ok(())
        };
        let looked = bounded(cluster, look).await;
        all.push(match looked {
            Ok(()) if sample.is_some() => Check::good(name, &what, "can be listed and has files to take"),
            Ok(()) => Check::good(name, &what, format!("can be listed; no file to take among {seen}")),
            Err(StoreError::Gone(why)) => {
                Check::bad(name, &what, why, format!("make the folder, or correct folders in [clusters.{name}]"))
            }
            Err(StoreError::Refused(why)) => Check::bad(
                name,
                &what,
                why,
                format!("give the user of [clusters.{name}] the right to list it, or correct its keys in store"),
            ),
            Err(StoreError::Failed(why)) => Check::bad(
                name,
                &what,
                why,
                format!("check url, user, principal, hadoop and store in [clusters.{name}]"),
            ),
        });
    }
    let Some(file) = sample else { return };
    let read = async {
        let snapshot = store.open(&file.path).await?;
        snapshot.read_from(0).next().await.transpose()
    };
    all.push(match bounded(cluster, read).await {
        Ok(_) => Check::good(name, "rights", format!("{} can be read", file.path)),
        Err(error) => {
            let advice = "check the right to read it, and that the addresses of the DataNodes can be reached from here";
            Check::bad(name, "rights", format!("{} cannot be read: {error}", file.path), advice)
        }
    });
}

/// A call that is given up after the cluster's `call_timeout`.
pub async fn bounded<T>(cluster: &Cluster, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let silent = || StoreError::Failed(format!("no answer within {:?}", cluster.call_timeout));
    timeout(cluster.call_timeout, call).await.unwrap_or_else(|_| Err(silent()))
}
