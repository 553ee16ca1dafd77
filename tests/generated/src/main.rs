//! Writes generated logs of an application, and the numbers that the analyses have to give of them.

use anyhow::Context;
use clap::Parser;
use logmill_generated::{Wish, generate, tally};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Writes generated logs (JSON lines) of an application that nobody runs, and expected.json with what the analyses have
/// to say of them.
#[derive(Debug, Parser)]
struct Args {
    /// The folder, made where it is missing.
    folder: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day.
    #[arg(long, default_value = "2026-11-01")]
    from: String,
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// Starts of the application on one day.
    #[arg(long, default_value_t = 2_000)]
    starts: u32,
    /// All users that there ever are.
    #[arg(long, default_value_t = 5_000)]
    users: u32,
    /// Files of one day.
    #[arg(long, default_value_t = 4)]
    files: u32,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let from = humantime::parse_rfc3339(&format!("{}T00:00:00Z", args.from)).context("--from is no day")?;
    let first_day =
        u32::try_from(from.duration_since(UNIX_EPOCH).context("--from is before 1970")?.as_secs() / 86_400)?;
    let Args { seed, days, starts, users, files, .. } = args;
    let made = generate(Wish { seed, first_day, days, starts, users, files });
    std::fs::create_dir_all(&args.folder).with_context(|| format!("making {}", args.folder.display()))?;
    for file in &made {
        let text = file.lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{}", line.json());
            text
        });
        let path = args.folder.join(&file.name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let expected = serde_json::to_vec_pretty(&tally(made.iter().flat_map(|file| &file.lines)))?;
    std::fs::write(args.folder.join("expected.json"), expected).context("writing expected.json")?;
    let lines: usize = made.iter().map(|file| file.lines.len()).sum();
    println!("{lines} generated lines in {} files in {}", made.len(), args.folder.display());
    Ok(())
}
