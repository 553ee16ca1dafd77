//! Files that the reference tools wrote: see the README beside them.

use crate::pack::lines;
use crate::seen::*;
use logmill_core::{Event, Outcome};
use std::path::Path;

#[test]
fn what_the_reference_tools_wrote() {
    let text = lines(600);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains(".tar") || name.contains(".zip") {
            continue; // an archive: see archives.rs
        }
        let codec = match path.extension().and_then(|ending| ending.to_str()).unwrap() {
            "gz" => "gzip",
            "bz2" => "bzip2",
            "xz" => "xz",
            "lzma" => "lzma",
            "zst" => "zstd",
            "lz4" if path.ends_with("lz4-legacy.lz4") => "lz4-legacy",
            "lz4" => "lz4",
            "br" => "brotli",
            "lzo" => "lzop",
            _ => continue,
        };
        let bytes = std::fs::read(&path).unwrap();
        let seen = check_named(path.to_str().unwrap(), &bytes, &text, Outcome::Complete, &[]);
        let Some(Event::Closed { found, .. }) = seen.closed else { panic!("{path:?}: {:?}", seen.closed) };
        assert_eq!(found.as_deref(), Some(codec), "{path:?}");
        // One byte of the middle of it: whatever comes of that, it ends.
        let mut damaged = bytes;
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x10;
        run_named(path.to_str().unwrap(), &damaged);
        read += 1;
    }
    assert_eq!(read, 20, "every file of the README is there");
}
