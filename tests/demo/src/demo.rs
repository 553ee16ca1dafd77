//! The play: stack, logs, stages, progress, proof, queries.

use crate::chain::{Chain, Settings};
use crate::logs::generate::{Logs, Wish, clients, generate};
use crate::logs::shop;
use crate::logs::upload::{Put, upload};
use crate::options::Options;
use crate::{extra, faults, progress, queries};
use anyhow::{Context, ensure};
use logmill_stack::{Stack, Wanted};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const FILES: usize = 200;
/// How long the daemons may be kept under load for their logs.
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// How long nothing may move before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs the demo to its end; true when everything was proven. Dropping the future ends all processes.
///
/// # Errors
/// Something that the demo needs does not work; what.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    let begun = Instant::now();
    // The stack first: two demos of one checkout would empty each other's folder.
    let stack = stack(options.brokers).await?;
    let folder = folder()?;
    say(&format!("the servers are up after {:.1} s", begun.elapsed().as_secs_f64()));
    let mut logs = make_logs(&stack, &folder, &options).await?;
    let clusters: Vec<String> = stack.addresses().hdfs.keys().cloned().collect();
    let lines = shop::add(&mut logs, "/logs", &clusters, shopping()?)?;
    say(&format!("{} generated lines of an application that nobody runs, for the analyses", lines.len()));
    let files = put_logs(&stack, &folder, &logs, &options).await?;

    let settings = Settings {
        name: "logmill".into(),
        folder: folder.clone(),
        layout: options.layout,
        instances: options.instances,
        files: "/logs".into(),
        chunk_bytes: None,
    };
    let chain = tokio::task::block_in_place(|| {
        Chain::set_up_with(&stack, settings, |config| shop::configure(config, "/logs"))
    })?;
    let processes = tokio::task::block_in_place(|| chain.start(|text| say(&text)))?;
    say(&format!("{} processes run; their logs are in {}", processes.list().len(), chain.logs().display()));
    let started = Instant::now();
    let every = Duration::from_secs(if std::io::stdout().is_terminal() { 1 } else { 2 });
    let kill = async {
        match options.kill {
            true => faults::kill_each(&chain, &processes, PATIENCE).await,
            false => Ok(Vec::new()),
        }
    };
    let (through, kills) = tokio::try_join!(progress::wait(&chain, files, every, PATIENCE, show), kill)?;
    let took = started.elapsed().as_secs_f64();
    say(&format!("all files are through after {took:.1} s, {:.1} MB/s", through.bytes as f64 / 1e6 / took));
    for kill in &kills {
        say(&format!(
            "{} (process {}) was killed with kill -9 after {} records of output",
            kill.process, kill.pid, kill.output
        ));
    }

    let proof = tokio::task::block_in_place(|| chain.logmill(&["reconcile"]))?;
    print_output("logmill reconcile", &proof);
    let mut proven = proof.status.success();
    if options.kill {
        let compared = tokio::task::block_in_place(|| chain.compare(&logs.manifest, options.logs.is_some()))?;
        print_output("the independent comparison with the originals", &compared);
        proven &= compared.status.success();
    }
    tokio::task::block_in_place(|| queries::show(&chain))?;
    analyze(&chain)?;
    queries::invite(&chain);
    if !options.once {
        say("the stages go on; put more files into /logs of a cluster, or end with Ctrl-C");
        std::future::pending::<()>().await;
    }
    let verdict = if proven { "proven" } else { "NOT PROVEN" };
    let (files, rows) = (through.files, through.rows);
    let lines = chain.sql("SELECT uniqExact(file_id, load, line) FROM rows")?;
    drop(processes);
    stack.stop();
    println!(
        "{verdict}: {files} files, {} lines, {rows} rows, in {:.0} s",
        lines.trim(),
        begun.elapsed().as_secs_f64()
    );
    Ok(proven)
}

/// A week of an application, up to today.
fn shopping() -> anyhow::Result<logmill_generated::Wish> {
    const DAYS: u32 = 7;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
    let today = u32::try_from(now.as_secs() / 86_400).context("the clock stands too late")?;
    let first_day = today + 1 - DAYS;
    Ok(logmill_generated::Wish { seed: 1, first_day, days: DAYS, starts: 600, users: 1_500, files: 2 })
}

/// What users of the application did.
fn analyze(chain: &Chain) -> anyhow::Result<()> {
    for arguments in [
        &["analyze", "--refresh"][..],
        &["analyze", "new-users", "--app", shop::APP],
        &["analyze", "topics", "--app", shop::APP, "--limit", "5"],
    ] {
        let output = tokio::task::block_in_place(|| chain.logmill(arguments))?;
        print_output(&format!("logmill {}", arguments.join(" ")), &output);
        ensure!(output.status.success(), "the analyses do not work");
    }
    Ok(())
}

/// `.demo` of the checkout, empty.
fn folder() -> anyhow::Result<PathBuf> {
    let stacks = logmill_stack::default_dir();
    let folder = stacks.parent().unwrap_or(Path::new(".")).join(".demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("resolving {}", folder.display()))
}

async fn stack(brokers: usize) -> anyhow::Result<Stack> {
    let wanted = Wanted { brokers, hdfs: vec!["a".into(), "b".into()], clickhouse: true, ..Wanted::default() };
    let start = move || Stack::start_kept(&logmill_stack::default_dir(), "demo", &wanted, true);
    Ok(tokio::task::spawn_blocking(start).await??)
}

async fn make_logs(stack: &Stack, folder: &Path, options: &Options) -> anyhow::Result<Logs> {
    say("the servers log at DEBUG while they are kept busy");
    let wish = Wish { files: FILES, bytes: options.size.0, limit: LOAD_LIMIT };
    let logs = generate(stack, &folder.join("logs"), wish, show).await?;
    let (bytes, lines) = logs.totals();
    let stored: u64 = logs.entries.iter().map(|e| e.stored_bytes).sum();
    let count = |of: &dyn Fn(&crate::logs::manifest::Entry) -> bool| logs.entries.iter().filter(|e| of(e)).count();
    say(&format!(
        "{} log files of {} MB and {lines} lines, packed {} MB: {} of many members, {} in GBK, {} damaged",
        logs.entries.len(),
        bytes / 1_000_000,
        stored / 1_000_000,
        count(&|e| e.members > 1),
        count(&|e| e.encoding == crate::logs::manifest::Encoding::Gbk),
        count(&|e| e.damage.is_some()),
    ));
    if logs.repeated > 0 {
        say(&format!(
            "{} of them repeat the text of another: the servers wrote too little in {LOAD_LIMIT:?}",
            logs.repeated
        ));
    }
    Ok(logs)
}

/// Puts all files into the clusters. Returns how many.
async fn put_logs(stack: &Stack, folder: &Path, logs: &Logs, options: &Options) -> anyhow::Result<u64> {
    let packed = folder.join("logs");
    let mut puts: Vec<Put> = logs.entries.iter().map(|entry| Put::of(&packed, entry)).collect();
    if let Some(folder) = &options.logs {
        let clusters: Vec<String> = stack.addresses().hdfs.keys().cloned().collect();
        let more = extra::files(folder, &clusters)?;
        ensure!(!more.is_empty(), "there is no file in {} that the chain would take", folder.display());
        say(&format!("{} files of {}", more.len(), folder.display()));
        puts.extend(more);
    }
    let files = puts.len() as u64;
    upload(&clients(stack)?, puts).await?;
    say(&format!(
        "{files} files lie in the clusters {}",
        stack.addresses().hdfs.keys().cloned().collect::<Vec<_>>().join(" and ")
    ));
    Ok(files)
}

fn print_output(what: &str, output: &Output) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // Files that are as they should be are in the sum.
    let lines: Vec<&str> = text.trim_end().lines().filter(|line| !line.starts_with("ok ")).collect();
    say(&format!("{what}:"));
    const SHOWN: usize = 30;
    if lines.len() > SHOWN {
        println!("  ({} lines before)", lines.len() - SHOWN);
    }
    lines[lines.len().saturating_sub(SHOWN)..].iter().for_each(|line| println!("  {line}"));
}

/// A line that stays.
fn say(text: &str) {
    let clear = if std::io::stdout().is_terminal() { "\r\x1b[K" } else { "" };
    println!("{clear}== {text}");
}

/// A line of progress: replaced by the next one on a terminal.
fn show(text: String) {
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[K   {text}");
        let _ = std::io::stdout().flush();
    } else {
        println!("   {text}");
    }
}
