//! Rotation: a daemon's log becomes many files, cut at line ends.

use anyhow::Context;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A piece of a log: whole lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub log: PathBuf,
    pub from: u64,
    pub to: u64,
}

impl Piece {
    /// Its bytes.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.to - self.from).expect("a piece fits into memory")];
        let file = File::open(&self.log).with_context(|| format!("opening {}", self.log.display()))?;
        file.read_exact_at(&mut bytes, self.from).with_context(|| format!("reading {}", self.log.display()))?;
        Ok(bytes)
    }
}

/// Cuts a log into about `count` pieces of unequal sizes (half to one and a half of the mean, as a rotation by the
/// hour gives; the last one has what would be less). What follows the last LF is left: its line may still be written.
///
/// # Errors
/// The log cannot be read.
pub fn cut(log: &Path, count: usize) -> anyhow::Result<Vec<Piece>> {
    let file = File::open(log).with_context(|| format!("opening {}", log.display()))?;
    let length = last_line_end(&file, file.metadata()?.len())?;
    let mean = (length / count.max(1) as u64).max(1);
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < length {
        // A low-discrepancy sequence instead of a random one: any number of pieces has about the wanted mean.
        let share = (pieces.len() as f64 * 0.618_033_988_749_895).fract() + 0.5;
        let to = line_end_after(&file, from + (mean as f64 * share) as u64, length)?;
        let to = if length - to < mean / 2 { length } else { to };
        pieces.push(Piece { log: log.to_owned(), from, to });
        from = to;
    }
    Ok(pieces)
}

const BLOCK: usize = 64 << 10;

/// The offset behind the first LF at or after `at`, at most `length`.
fn line_end_after(file: &File, at: u64, length: u64) -> anyhow::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut offset = at;
    while offset < length {
        let n = file.read_at(&mut block, offset)?;
        match block[..n].iter().position(|&b| b == b'\n') {
            Some(found) => return Ok(offset + found as u64 + 1),
            None if n == 0 => break,
            None => offset += n as u64,
        }
    }
    Ok(length)
}

/// The offset behind the last LF below `length`; 0 when there is none.
fn last_line_end(file: &File, length: u64) -> anyhow::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut end = length;
    while end > 0 {
        let n = end.min(BLOCK as u64);
        let read = &mut block[..n as usize];
        file.read_exact_at(read, end - n)?;
        if let Some(found) = read.iter().rposition(|&b| b == b'\n') {
            return Ok(end - n + found as u64 + 1);
        }
        end -= n;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_and_join_to_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let text: String = (0..5000).map(|n| format!("line {n} {}\n", "x".repeat(n % 90))).collect();
        std::fs::write(&log, format!("{text}unfinished")).unwrap();
        let pieces = cut(&log, 40).unwrap();
        assert!((30..=50).contains(&pieces.len()), "{} pieces", pieces.len());
        let mut joined = Vec::new();
        for piece in &pieces {
            let bytes = piece.read().unwrap();
            assert_eq!(bytes.last(), Some(&b'\n'));
            joined.extend(bytes);
        }
        assert_eq!(String::from_utf8(joined).unwrap(), text);
        let least = pieces.iter().map(|piece| piece.to - piece.from).min().unwrap();
        assert!(least >= text.len() as u64 / 80, "the least has {least} of {} bytes", text.len());
    }
}
