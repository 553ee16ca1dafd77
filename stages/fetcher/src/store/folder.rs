//! A local folder as a cluster: `file:///folder`, under which the paths of its files begin.

use super::{Entry, Snapshot, Store, StoreError};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// The bytes of one read.
const PIECE: usize = 256 << 10;

/// Files of a local folder.
pub struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    let what = format!("{}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound => StoreError::Gone(what),
        std::io::ErrorKind::PermissionDenied => StoreError::Refused(what),
        _ => StoreError::Failed(what),
    }
}

fn entry(path: String, metadata: &Metadata) -> Entry {
    let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    let modified_ms = modified.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    Entry { path, length: metadata.len(), modified_ms }
}

impl Store for FolderStore {
    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry, StoreError>> {
        let root = Arc::new(self.root.clone());
        let start = self.at(folder);
        // Folders still to be read; the one that is being read.
        let state = (vec![start], None::<fs::ReadDir>);
        stream::unfold(state, move |(mut folders, mut reading)| {
            let root = Arc::clone(&root);
            async move {
                loop {
                    let Some(open) = &mut reading else {
                        let folder = folders.pop()?;
                        match fs::read_dir(&folder).await {
                            Ok(read) => reading = Some(read),
                            // A folder that is not there (yet, or any more) holds no files.
                            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                            Err(e) => return Some((Err(failed(&folder, &e)), (folders, None))),
                        }
                        continue;
                    };
                    let item = match open.next_entry().await {
                        Ok(Some(item)) => item,
                        Ok(None) => {
                            reading = None;
                            continue;
                        }
                        Err(e) => return Some((Err(failed(&root, &e)), (folders, None))),
                    };
                    let Ok(metadata) = item.metadata().await else { continue };
                    if metadata.is_dir() {
                        folders.push(item.path());
                    } else if metadata.is_file() {
                        let place = item.path();
                        let below = place.strip_prefix(root.as_path()).unwrap_or(&place);
                        // A name that is not UTF-8 cannot be named in a task.
                        let Some(name) = below.to_str() else { continue };
                        return Some((Ok(entry(format!("/{name}"), &metadata)), (folders, reading)));
                    }
                }
            }
        })
        .boxed()
    }

    fn stat(&self, path: &str) -> BoxFuture<'static, Result<Entry, StoreError>> {
        let (place, path) = (self.at(path), path.to_owned());
        Box::pin(async move {
            let metadata = fs::metadata(&place).await.map_err(|e| failed(&place, &e))?;
            Ok(entry(path, &metadata))
        })
    }

    fn open(&self, path: &str) -> BoxFuture<'static, Result<Box<dyn Snapshot>, StoreError>> {
        let place = self.at(path);
        Box::pin(async move {
            let metadata = fs::metadata(&place).await.map_err(|e| failed(&place, &e))?;
            let snapshot: Box<dyn Snapshot> = Box::new(OpenPath { length: metadata.len(), place });
            Ok(snapshot)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<'static, Result<bool, StoreError>> {
        let (from, to) = (self.at(from), self.at(to));
        Box::pin(async move {
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).await.map_err(|e| failed(folder, &e))?;
            }
            // In one step: what a writer puts there between a look and a rename would be gone.
            match rustix::fs::renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                Err(e) => Err(failed(&from, &e.into())),
            }
        })
    }

    fn delete(&self, path: &str) -> BoxFuture<'static, Result<(), StoreError>> {
        let place = self.at(path);
        Box::pin(async move { fs::remove_file(&place).await.map_err(|e| failed(&place, &e)) })
    }
}

struct OpenPath {
    place: PathBuf,
    length: u64,
}

impl Snapshot for OpenPath {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_from(&self, offset: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let left = self.length.saturating_sub(offset);
        let state = (self.place.clone(), None::<File>, left);
        stream::unfold(state, move |(place, mut file, left)| async move {
            if left == 0 {
                return None;
            }
            let read = async {
                if file.is_none() {
                    let mut opened = File::open(&place).await?;
                    opened.seek(std::io::SeekFrom::Start(offset)).await?;
                    file = Some(opened);
                }
                let open = file.as_mut().expect("it was just opened");
                let mut piece = BytesMut::with_capacity(PIECE.min(usize::try_from(left).unwrap_or(PIECE)));
                open.read_buf(&mut piece).await?;
                if piece.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(piece.freeze()) }
            }
            .await;
            match read {
                Ok(mut piece) => {
                    piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - piece.len() as u64;
                    Some((Ok(piece), (place, file, left)))
                }
                Err(e) => Some((Err(failed(&place, &e)), (place, None, 0))),
            }
        })
        .boxed()
    }
}
