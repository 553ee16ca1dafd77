//! `logmill redecode` and `logmill replay`, as people run them while all else happens: on files that are through and on files
//! that are not, killed at any moment, and run again until they say that all is replaced.

use crate::killed::{Ended, rest, run};
use anyhow::{Context, bail, ensure};
use logmill_demo::chain::Chain;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Time before each command.
const PAUSE_MS: Range<u64> = 50..8000;
/// A command is killed so often at most, after so long.
const KILLS: u32 = 2;
const KILLED_AFTER_MS: Range<u64> = 50..4000;
/// Time after a refusal: the file is not loaded yet, or a server is away.
const AGAIN: Duration = Duration::from_secs(1);

/// A file, and as what it is to be loaded again: in another encoding, or as its plan says.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) cluster: String,
    pub(crate) path: String,
    pub(crate) encoding: Option<&'static str>,
}

/// The command that loads files again.
fn command(encoding: Option<&str>) -> Vec<&str> {
    match encoding {
        Some(encoding) => vec!["redecode", "--format", "json", "--encoding", encoding],
        None => vec!["replay", "--format", "json"],
    }
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redecoded {
    /// Commands that were killed.
    pub(crate) killed: u32,
    /// Commands that found a file not loaded yet, or a server away.
    pub(crate) refused: u32,
    /// Files that were loaded again as their plan says.
    pub(crate) replayed: u32,
    /// The load of each file, by cluster and path, that readers are to see from then on.
    pub(crate) loads: BTreeMap<(String, String), u32>,
}

/// What the command prints of a file.
#[derive(Deserialize)]
struct Outcome {
    cluster: String,
    path: String,
    new: u32,
    replaced: bool,
}

/// One person's commands, one after the other: each with files of one encoding, again and again until all are replaced.
///
/// # Errors
/// A load was not replaced, or that did not come before it was `over`.
pub(crate) fn person(
    chain: &Chain,
    commands: &[Vec<Wanted>],
    mut rng: StdRng,
    over: impl Fn() -> bool,
) -> anyhow::Result<Redecoded> {
    let mut done = Redecoded::default();
    let mut commands = commands.to_vec();
    while !commands.is_empty() {
        let files = next(chain, &mut commands, &over);
        rest(Duration::from_millis(rng.random_range(PAUSE_MS)), &over);
        let begun = Instant::now();
        let mut kills = rng.random_range(0..=KILLS);
        let mut left = files.clone();
        while let Some(encoding) = left.first().map(|file| file.encoding) {
            let arguments = command(encoding);
            let name = arguments[0];
            ensure!(!over(), "`logmill {}` was not at its end: {left:?}", arguments.join(" "));
            let after = (kills > 0).then(|| Duration::from_millis(rng.random_range(KILLED_AFTER_MS)));
            let mut command = chain.command(&arguments);
            command.args(left.iter().map(|file| &file.path));
            match run(command, after, &over)? {
                Ended::Killed => {
                    println!("{name}: killed");
                    done.killed += 1;
                    kills = kills.saturating_sub(1);
                }
                Ended::Alone { status, printed, errors } => {
                    let read = |line: &str| serde_json::from_str(line).with_context(|| format!("it printed {line:?}"));
                    for outcome in printed.lines().map(read) {
                        let Outcome { cluster, path, new, replaced } = outcome?;
                        ensure!(replaced, "`logmill {name}` left {cluster}:{path} as it was: load {new}\n{errors}");
                        left.retain(|file| (&file.cluster, &file.path) != (&cluster, &path));
                        println!("{name}: {cluster}:{path} is load {new} ({})", encoding.unwrap_or("its plan's"));
                        done.replayed += u32::from(encoding.is_none());
                        done.loads.insert((cluster, path), new);
                    }
                    if !left.is_empty() {
                        done.refused += 1;
                        let said = errors.lines().last().unwrap_or_default();
                        println!("{name}: {} files wait, {status}: {said:.160}", left.len());
                        rest(AGAIN, &over);
                    }
                }
            }
        }
        println!("{} files were loaded again in {:.0} s", files.len(), begun.elapsed().as_secs_f64());
    }
    Ok(done)
}

/// The first command with a file whose end has come in; its rows may be on their way still. Without one, when it is `over`,
/// any.
fn next(chain: &Chain, commands: &mut Vec<Vec<Wanted>>, over: &impl Fn() -> bool) -> Vec<Wanted> {
    loop {
        // A server that is away for a moment knows of none.
        let known = chain.sql("SELECT DISTINCT cluster, path FROM loads FORMAT TSVRaw").unwrap_or_default();
        let known: BTreeSet<(&str, &str)> = known.lines().filter_map(|line| line.split_once('\t')).collect();
        let is_known = |file: &Wanted| known.contains(&(file.cluster.as_str(), file.path.as_str()));
        match commands.iter().position(|files| files.iter().any(is_known)) {
            Some(first) => return commands.remove(first),
            None if over() => return commands.remove(0),
            None => rest(AGAIN, over),
        }
    }
}

/// Deals files out into commands of at most `each` files of one encoding, in a random order.
pub(crate) fn commands(mut files: Vec<Wanted>, each: usize, rng: &mut StdRng) -> Vec<Vec<Wanted>> {
    files.sort_by_key(|file| file.encoding);
    let same = |one: &Wanted, other: &Wanted| one.encoding == other.encoding;
    let mut commands: Vec<Vec<Wanted>> =
        files.chunk_by(same).flat_map(|files| files.chunks(each)).map(<[Wanted]>::to_vec).collect();
    commands.shuffle(rng);
    commands
}

/// Whether readers see of every file the load that they are to see: that of the last command, or else the first one. Members
/// have the load of their archive.
///
/// # Errors
/// They see another one, or several; or the server does not answer.
pub(crate) fn seen_as(chain: &Chain, loads: &BTreeMap<(String, String), u32>) -> anyhow::Result<()> {
    let sql = "SELECT cluster, path, arrayStringConcat(arraySort(groupUniqArray(load)), ',') FROM logs \
               GROUP BY cluster, path FORMAT TSVRaw";
    for line in chain.sql_as_analyst(sql)?.lines() {
        let [cluster, path, seen] = line.split('\t').collect::<Vec<_>>()[..] else { bail!("three columns: {line:?}") };
        let file = path.split_once("!/").map_or(path, |(archive, _)| archive);
        let wanted = loads.get(&(cluster.to_owned(), file.to_owned())).copied().unwrap_or_default();
        ensure!(seen == wanted.to_string(), "readers see load {seen} of {cluster}:{path}, not load {wanted}");
    }
    Ok(())
}
