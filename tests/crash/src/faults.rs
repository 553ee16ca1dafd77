//! The faults, drawn one after the other.

use crate::sight::Sight;
use crate::tally::Tally;
use anyhow::Context;
use logmill_e2e::Running;
use logmill_stack::{ServerId, Stack};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::fmt;
use std::time::{Duration, Instant};

/// What is done to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process of a stage gets SIGKILL; it is started again.
    Kill,
    /// A process of a stage is stopped for longer than its session and its transaction last, and then goes on.
    Zombie,
    /// One more process of a stage is started.
    Join,
    /// That process gets SIGTERM, and is not started again.
    Leave,
    /// The broker gets SIGKILL, and is started again.
    Broker,
    /// So does the engine.
    Engine,
    /// An HDFS cluster gets SIGKILL, or is stopped, until a file of it was parked; then it is started again, or goes on. Other
    /// faults come meanwhile.
    Cluster,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Kill, Self::Zombie, Self::Join, Self::Leave, Self::Broker, Self::Engine, Self::Cluster];

    /// How often it is drawn, once each had its turn.
    fn weight(self) -> u32 {
        match self {
            Self::Kill => 12,
            Self::Zombie | Self::Join | Self::Leave | Self::Engine | Self::Cluster => 2,
            Self::Broker => 1,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Zombie => "zombie",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Broker => "broker",
            Self::Engine => "engine",
            Self::Cluster => "cluster",
        })
    }
}

/// How long something open is waited for before the fault comes anyway.
const AIM: Duration = Duration::from_secs(3);
/// Longer than a session (6 s) and a transaction (10 s by default) last.
const ZOMBIE: Duration = Duration::from_secs(13);
/// How long a cluster stays away at most: one whose files have all been fetched has none to park.
const AWAY: Duration = Duration::from_secs(25);
/// How often it is looked whether a file was parked.
const LOOK_PARKED: Duration = Duration::from_millis(500);
/// Faults of one run.
const FAULTS: u32 = 24;
const LOOK: Duration = Duration::from_millis(20);
/// Grace for the process that leaves.
const GRACE: Duration = Duration::from_secs(30);

/// The faults of one chain, drawn one after the other: each kind once in a random order, then by their weights.
pub struct Faults<'a> {
    stack: &'a Stack,
    running: &'a Running,
    sight: Sight<'a>,
    rng: StdRng,
    tally: Tally,
    /// Stopped processes: name, id, until when.
    stopped: Vec<(String, u32, Instant)>,
    /// The stage that has one process more.
    joined: Option<&'static str>,
    /// The cluster that is away.
    away: Option<Away>,
    /// The kinds that are drawn, and those of them that did not have their turn yet.
    kinds: Vec<Kind>,
    first: Vec<Kind>,
}

/// A cluster that is away.
struct Away {
    name: String,
    /// It is stopped; else it was killed.
    stopped: bool,
    since: Instant,
    /// When to look again, and how many tasks of parked files there were before.
    next_look: Instant,
    parked: usize,
}

impl<'a> Faults<'a> {
    /// Faults of these kinds.
    ///
    /// # Errors
    /// A client that watches the chain cannot be made.
    pub fn new(stack: &'a Stack, running: &'a Running, kinds: &[Kind], mut rng: StdRng) -> anyhow::Result<Self> {
        let sight = Sight::new(&running.chain)?;
        let mut first = kinds.to_vec();
        first.shuffle(&mut rng);
        let (tally, stopped) = (Tally::default(), Vec::new());
        Ok(Self { stack, running, sight, rng, tally, stopped, joined: None, away: None, kinds: kinds.to_vec(), first })
    }

    /// One fault after the other, [`FAULTS`] in all or until `over` says so. Without a bound a chain that is hit every other
    /// second would never come to its end.
    pub(crate) fn inflict(mut self, over: impl Fn() -> bool) -> anyhow::Result<Tally> {
        for _ in 0..FAULTS {
            if over() {
                break;
            }
            self.inflict_next()?;
            let pause = Duration::from_millis(self.rng.random_range(50..800));
            self.rest(pause, &over)?;
        }
        self.end()
    }

    /// The next fault: its kind.
    ///
    /// # Errors
    /// It cannot be inflicted: a server does not start again.
    pub fn inflict_next(&mut self) -> anyhow::Result<Kind> {
        let kind = self.first.pop().unwrap_or_else(|| self.draw());
        self.one(kind)?;
        Ok(kind)
    }

    /// A pause, in which zombies wake and a cluster comes back when their time has come.
    ///
    /// # Errors
    /// The cluster does not start again.
    pub fn rest(&mut self, pause: Duration, over: impl Fn() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < pause && !over() {
            self.wake(Instant::now())?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until the last zombie is awake and all clusters are there. What was done.
    ///
    /// # Errors
    /// A cluster does not start again.
    pub fn end(mut self) -> anyhow::Result<Tally> {
        while !self.stopped.is_empty() || self.away.is_some() {
            self.wake(Instant::now())?;
            std::thread::sleep(LOOK);
        }
        Ok(self.tally)
    }

    fn draw(&mut self) -> Kind {
        let all: u32 = self.kinds.iter().map(|kind| kind.weight()).sum();
        let mut left = self.rng.random_range(0..all);
        for kind in &self.kinds {
            if left < kind.weight() {
                return *kind;
            }
            left -= kind.weight();
        }
        unreachable!("the weights add up")
    }

    /// The stages in a random order: the first that is in the middle of something is hit. Without one, the first is.
    fn target(&mut self) -> (&'static str, bool) {
        let mut stages = self.running.chain.stages().to_vec();
        stages.shuffle(&mut self.rng);
        let amid = self.sight.amid(&stages, AIM);
        (amid.unwrap_or(stages[0]), amid.is_some())
    }

    fn one(&mut self, kind: Kind) -> anyhow::Result<()> {
        let slot: u32 = self.rng.random_range(0..2);
        let (stage, hit) = match kind {
            Kind::Engine => {
                let loads = self.running.chain.config.layout.loads_rows();
                (loads, self.sight.amid(&[loads], AIM).is_some())
            }
            // Whether it met something shows when it comes back.
            Kind::Cluster => ("fetcher", false),
            // Of all zombies those of who loads rows reach farthest: an INSERT of theirs may come late.
            Kind::Zombie if self.rng.random() => {
                let loads = self.running.chain.config.layout.loads_rows();
                (loads, self.sight.amid(&[loads], AIM).is_some())
            }
            Kind::Leave => {
                (self.joined.unwrap_or("loader"), self.joined.is_some_and(|s| self.sight.amid(&[s], AIM).is_some()))
            }
            _ => self.target(),
        };
        let name = format!("{stage}-{slot}");
        match kind {
            Kind::Kill => {
                // One that is being started again just now has had its fault.
                if !self.is_stopped(&name) && self.running.processes.kill(&name).is_ok() {
                    self.count(kind, &name, hit);
                }
            }
            Kind::Zombie => {
                let status = self.running.processes.list().into_iter().find(|status| status.name == name);
                if let Some(pid) = status.and_then(|status| status.pid).filter(|_| !self.is_stopped(&name)) {
                    // SAFETY: kill takes two numbers; a process that is gone is no harm.
                    unsafe { libc::kill(pid as libc::pid_t, libc::SIGSTOP) };
                    self.stopped.push((name.clone(), pid, Instant::now() + ZOMBIE));
                    let loads = stage == self.running.chain.config.layout.loads_rows();
                    self.tally.seen.zombies += u32::from(loads && hit);
                    self.count(kind, &name, hit);
                }
            }
            Kind::Join => {
                if self.joined.is_none() {
                    self.running.processes.start(self.running.chain.spec(stage, 2))?;
                    self.joined = Some(stage);
                    self.count(kind, stage, hit);
                }
            }
            Kind::Leave => {
                if let Some(stage) = self.joined.take() {
                    // One that is being started again just now cannot be ended yet, and stays.
                    match self.running.processes.terminate(&format!("{stage}-2"), GRACE) {
                        Ok(_) => self.count(kind, stage, hit),
                        Err(why) => println!("{stage}-2 stays: {why:#}"),
                    }
                }
            }
            Kind::Broker => {
                let is_broker = |server: &ServerId| matches!(server, ServerId::Broker(_));
                let brokers = self.stack.servers().into_iter().filter(is_broker).count();
                let broker = ServerId::Broker(self.rng.random_range(1..=brokers));
                self.stack.kill(&broker).with_context(|| format!("killing {broker}"))?;
                self.stack.restart(&broker).with_context(|| format!("starting {broker} again"))?;
                self.count(kind, &broker.to_string(), hit);
            }
            Kind::Engine => {
                self.stack.kill(&ServerId::ClickHouse).context("killing the engine")?;
                self.stack.restart(&ServerId::ClickHouse).context("starting the engine again")?;
                self.count(kind, "the engine", hit);
            }
            Kind::Cluster => self.leave_a_cluster()?,
        }
        Ok(())
    }

    fn leave_a_cluster(&mut self) -> anyhow::Result<()> {
        if self.away.is_some() {
            return Ok(());
        }
        let names: Vec<&String> = self.stack.addresses().hdfs.keys().collect();
        let name = names[self.rng.random_range(0..names.len())].clone();
        let (stopped, server) = (self.rng.random(), ServerId::Hdfs(name.clone()));
        // Kafka may be away just now; nothing was parked before the first cluster goes.
        let parked = self.sight.parked(&name).unwrap_or_default();
        let leave = if stopped { self.stack.pause(&server) } else { self.stack.kill(&server) };
        leave.with_context(|| format!("taking {server} away"))?;
        println!("cluster: {name} is {}", if stopped { "stopped" } else { "killed" });
        let now = Instant::now();
        self.away = Some(Away { name, stopped, since: now, next_look: now + LOOK_PARKED, parked });
        Ok(())
    }

    /// Brings the cluster back that is away, as soon as files of it were parked.
    fn come_back(&mut self, now: Instant) -> anyhow::Result<()> {
        let Some(away) = self.away.as_mut().filter(|away| now >= away.next_look) else { return Ok(()) };
        away.next_look = now + LOOK_PARKED;
        let parked = self.sight.parked(&away.name).unwrap_or_default().saturating_sub(away.parked);
        if parked == 0 && now - away.since < AWAY {
            return Ok(());
        }
        let Away { name, stopped, since, .. } = self.away.take().expect("one is away");
        let server = ServerId::Hdfs(name.clone());
        let back = if stopped { self.stack.resume(&server) } else { self.stack.restart(&server) };
        back.with_context(|| format!("bringing {server} back"))?;
        println!("cluster: {name} comes back after {:.0} s, {parked} files were parked", (now - since).as_secs_f64());
        self.count(Kind::Cluster, &name, parked > 0);
        Ok(())
    }

    fn count(&mut self, kind: Kind, target: &str, hit: bool) {
        println!("{kind}: {target}{}", if hit { ", amid something" } else { "" });
        self.tally.count(kind, hit);
    }

    fn is_stopped(&self, name: &str) -> bool {
        self.stopped.iter().any(|(stopped, _, _)| stopped == name)
    }

    /// Lets those go on whose time is over.
    fn wake(&mut self, now: Instant) -> anyhow::Result<()> {
        self.stopped.retain(|(name, pid, until)| {
            if now < *until {
                return true;
            }
            println!("{name} goes on");
            // SAFETY: as above.
            unsafe { libc::kill(*pid as libc::pid_t, libc::SIGCONT) };
            false
        });
        self.come_back(now)
    }
}
