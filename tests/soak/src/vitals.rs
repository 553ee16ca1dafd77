//! What a process takes of its machine, read where Linux keeps it, and what a folder takes of its disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Bytes in memory (`VmRSS`).
    pub memory: u64,
    /// Open file descriptors.
    pub files: u64,
    pub threads: u64,
}

impl Vitals {
    /// Of a process; `None` when it is gone.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            memory: field("VmRSS:")? * 1024,
            files: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64,
            threads: field("Threads:")?,
        })
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
        }
    }
}

/// Bytes that a folder takes on its disk. What goes while it is counted is not counted.
#[must_use]
pub fn disk(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_process() {
        let mine = Vitals::of(std::process::id()).expect("it runs");
        assert!(mine.memory > 100_000 && mine.files >= 3 && mine.threads >= 1, "{mine:?}");
        assert_eq!(Vitals::of(u32::MAX), None);
    }

    #[test]
    fn of_a_folder_with_its_folders() {
        let folder = std::env::temp_dir().join(format!("logmill-disk-{}", std::process::id()));
        fs::create_dir_all(folder.join("in")).unwrap();
        fs::write(folder.join("in/x"), vec![1; 100_000]).unwrap();
        let found = disk(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert!((100_000..200_000).contains(&found), "{found}");
    }
}
