//! The folder of one run's data, and who owns it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::artifacts::remove_folder;
use crate::error::{Doing, Error, Result};

/// A folder of data, ours while the lock in it is held: the system frees the lock when the process ends.
#[derive(Debug)]
pub(crate) struct Instance {
    folder: PathBuf,
    /// Whether the data outlives this value.
    kept: bool,
    _lock: File,
}

impl Instance {
    /// A new folder below `dir/runs`, removed with this value. Folders whose process has gone are removed first.
    pub fn scratch(dir: &Path) -> Result<Instance> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let runs = dir.join("runs");
        sweep(&runs);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = runs.join(name);
        remove_folder(&folder)?;
        Instance::at(folder, false)
    }

    /// The folder `dir/NAME`, which stays; `fresh` empties it first.
    pub fn kept(dir: &Path, name: &str, fresh: bool) -> Result<Instance> {
        let instance = Instance::at(dir.join(name), true)?;
        if fresh {
            for entry in fs::read_dir(instance.folder()).doing(|| format!("list {}", instance.folder.display()))? {
                let path = entry.doing(|| format!("list {}", instance.folder.display()))?.path();
                if path.is_dir() {
                    remove_folder(&path)?;
                }
            }
        }
        Ok(instance)
    }

    fn at(folder: PathBuf, kept: bool) -> Result<Instance> {
        fs::create_dir_all(&folder).doing(|| format!("create {}", folder.display()))?;
        let folder = folder.canonicalize().doing(|| format!("resolve {}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).doing(|| format!("create {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Instance { folder, kept, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::InUse { folder }),
            Err(fs::TryLockError::Error(error)) => Err(error).doing(|| format!("lock {}", path.display())),
        }
    }

    /// The folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.kept && !std::thread::panicking() {
            let _ = remove_folder(&self.folder);
        }
    }
}

/// Removes the scratch folders of processes that have gone.
fn sweep(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let path = entry.path();
        let free = match File::open(path.join("lock")) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => is_old(&path), // being made just now, or never finished
        };
        if free {
            let _ = remove_folder(&path);
        }
    }
}

fn is_old(path: &Path) -> bool {
    let age = |time: SystemTime| time.elapsed().unwrap_or_default();
    path.metadata().and_then(|meta| meta.modified()).is_ok_and(|time| age(time) > Duration::from_secs(60))
}
