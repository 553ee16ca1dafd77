//! The libraries that stand behind the decompressor and the re-encoder, beside others of their kind.

#[path = "../../src/data.rs"]
pub mod data;
pub mod texts;

use logmill_core::memory::Run;
use logmill_core::{End, FileId, FileMeta, Output, Plan, Stage};
use std::sync::Arc;

/// A file of this path, as a stage is told of it, with the default plan.
#[must_use]
pub fn file(path: &str, length: usize) -> Arc<FileMeta> {
    Arc::new(FileMeta {
        length: length as u64,
        modified_ms: 1_795_000_000_000,
        app: "app".into(),
        ..FileMeta::new(FileId(1), "a", path, Plan::default())
    })
}

/// Runs one file through a stage, in chunks of the plan's size.
pub fn run<S: Stage>(stage: &S, file: &Arc<FileMeta>, bytes: &bytes::Bytes, mut sink: impl FnMut(Output)) {
    let mut run = Run::new(stage, file);
    for chunk in bytes.chunks(file.plan.raw_bytes as usize) {
        run.push(bytes.slice_ref(chunk), &mut sink);
    }
    run.end(End::Complete, &mut sink);
}
