//! Puts a fetcher together from the configuration, and runs it.

use crate::channels::{Leads, rule};
use crate::cluster::Cluster;
use crate::downstream::{self, Downstream};
use crate::kafka::ListerJournal;
use crate::listers::{ListerKit, ListerLog, Listers};
use crate::metrics::Metrics;
use crate::pools;
use crate::reload;
use crate::scan::Scan;
use crate::source::Source;
use crate::store;
use crate::volumes;
use crate::worker::{Counted, Worker};
use anyhow::Context as _;
use logmill_config::{Config, Order, Planner, Precedence, Selector};
use logmill_core::Lags;
use logmill_kafka::Client;
use logmill_kafka::admin::Admin;
use logmill_kafka::journal::{Journal, JournalOptions};
use logmill_kafka::notes::Notes;
use logmill_protocol::Pauses;
use logmill_protocol::fetch::{ClusterNote, Fetch, First, Lane, Listed, ListerOptions, Options, Position, Rank, STAGE};
use logmill_runner::{ChannelWatch, Crew, Done, Life, Mates, Process, Restarts, Slowness, Trouble, hold_back};
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Files of one lister's transaction.
const LISTER_BATCH: usize = 500;
/// Files of each lane that a lister holds back: some 300 bytes each.
const HELD: usize = 10_000;
/// The broker's default of `offset.metadata.max.bytes`.
const METADATA_BYTES: usize = 4096;
/// Threads that read, whatever the number of coroutines: reading is mostly waiting.
const IO_THREADS: usize = 2;

/// A fetcher: its clusters, the threads that read them, and what its workers are made of.
pub struct Fetcher {
    config: Arc<Config>,
    io: Runtime,
    clusters: Arc<HashMap<String, Arc<Cluster>>>,
    kits: HashMap<String, Arc<dyn ListerKit>>,
    planner: Arc<RwLock<Planner>>,
    downstream: Arc<Downstream>,
    leads: Arc<Leads>,
    metrics: Metrics,
}

impl Fetcher {
    /// Reaches for nothing yet.
    ///
    /// # Errors
    /// A cluster that cannot be set up as configured.
    pub fn new(config: Config, registry: &mut Registry) -> anyhow::Result<Self> {
        let config = Arc::new(config);
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("io")
            .enable_all()
            .build()
            .context("starting the threads that read")?;
        let metrics = Metrics::register(registry);
        let planner = Planner::new(&config).context("reading the patterns of apps and rules")?;
        let planner = Arc::new(RwLock::new(planner));
        let downstream: Arc<Downstream> = Arc::default();
        let leads = Arc::new(Leads::new(&config));
        let mut clusters = HashMap::new();
        let mut kits: HashMap<String, Arc<dyn ListerKit>> = HashMap::new();
        for (name, settings) in &config.clusters {
            let store = store::of(name, settings, io.handle())?;
            let cluster = Cluster::new(name.clone(), store, settings, metrics.of(name));
            let cluster = Arc::new(cluster.with_downstream(Arc::clone(&downstream)));
            let selector = Selector::new(settings).with_context(|| format!("reading the patterns of {name}"))?;
            let (config, planner, leads) = (Arc::clone(&config), Arc::clone(&planner), Arc::clone(&leads));
            let (settings, own) = (settings.clone(), Arc::clone(&cluster));
            let kit = Kit { config, cluster: own, settings, selector, planner, leads };
            kits.insert(kit.config.topics().tasks(name), Arc::new(kit));
            clusters.insert(name.clone(), cluster);
        }
        Ok(Self { config, io, clusters: Arc::new(clusters), kits, planner, downstream, leads, metrics })
    }

    /// Runs the workers until the process is asked to stop or one of them fails for good.
    ///
    /// # Errors
    /// The first worker's that failed; the others are stopped then.
    pub fn run(&self, process: &Process) -> anyhow::Result<()> {
        let Process { telemetry, stop, .. } = process;
        let threads = self.config.worker.threads;
        hold_back(&self.config, STAGE, stop)?;
        tracing::info!(stage = STAGE, threads, clusters = self.clusters.len(), "running");
        let mut clusters: Vec<_> = self.clusters.values().cloned().collect();
        clusters.sort_by(|one, other| one.name.cmp(&other.name));
        // Until it is known what is paused.
        for cluster in &clusters {
            cluster.pause(true);
        }
        let (ruled, leads) = (clusters.clone(), Arc::clone(&self.leads));
        let see = move |lags: &Lags, pauses: &Pauses| {
            leads.see(lags);
            ruled.iter().for_each(|cluster| rule(cluster, pauses));
        };
        let watch = ChannelWatch::start(&self.config, Arc::clone(stop), None, see)?;
        let (read, planner) = (process.reader(), Arc::clone(&self.planner));
        self.io.spawn(reload::follow(read, Config::clone(&self.config), clusters.clone(), planner));
        self.io.spawn(downstream::watch(Arc::clone(&self.config), Arc::clone(&self.downstream)));
        let kafka = &self.config.kafka;
        let notes = Notes::new(&kafka.brokers, &kafka.properties.0, self.config.topics().clusters_topic())?;
        let tell = move |note: &ClusterNote| {
            notes.write(&note.key(), &serde_json::to_vec(note).expect("a note is plain data"));
        };
        let (learned, config) = (clusters.clone(), Arc::clone(&self.config));
        let learn = move || volumes::learn(&config, &learned);
        std::thread::Builder::new().name("volumes".into()).spawn(learn).context("starting the thread that learns")?;
        self.io.spawn(pools::balance(clusters, process.slot.clone(), tell));
        // Of backfill it is no sign of anything that it waits.
        let topics = self.config.topics();
        let tasks: Vec<String> = topics.clusters().iter().map(|cluster| topics.tasks(cluster)).collect();
        // Tasks are taken long before they are done, and one may be a huge file: by what was sent it is told who is slow.
        let mates = Mates::start(process, STAGE, tasks, |committed| {
            let position = Position::decode(committed).ok()?;
            Some(Done { next: position.done(), work: position.sent })
        })?;
        let crew = Crew { telemetry, stop, threads, restarts: Restarts::default() };
        let work = |n: u32, name: &str, mut life: Life<'_>| {
            let worker = self.worker(process, n)?;
            // Listers are started at the assignment, before the positions are read.
            let mut slowness = Slowness::new(name, mates.clone());
            worker.run(|event, machine| {
                telemetry.beat(name);
                life.sees(event);
                // By what was paused once nobody may go on for ever.
                if let Some(why) = watch.ended() {
                    return Err(Trouble::Hopeless(why));
                }
                slowness.sees(event);
                // By what nobody may read, or can, nobody is judged.
                let silent = || self.clusters.values().any(|cluster| cluster.is_paused() || cluster.is_down());
                slowness.check(|| (machine.open_files() + machine.waiting_tasks() > 0, silent()))
            })
        };
        crew.run(work).context("the fetcher has ended")
    }

    /// One life of a worker.
    fn worker(&self, process: &Process, n: u32) -> Result<Worker<Client>, Trouble> {
        let (config, topics) = (&self.config, self.config.topics());
        let mut options = process.client(STAGE);
        options.transactional_id = topics.transactional_id(STAGE, &process.slot, n);
        // The bytes of `raw` are compressed as a rule: another round costs and gains nothing.
        options.compression = "none".into();
        // The worker waits for bytes, not here.
        options.poll = Duration::ZERO;
        let log = Client::connect(options, Arc::clone(&process.stop))?;
        let partitions = config.kafka.partitions;
        let coroutines: u32 = config.clusters.values().map(|c| c.coroutines + c.backfill_coroutines).sum();
        let most = config.clusters.values().map(|c| c.coroutines).max().unwrap_or(1);
        let most_backfill = config.clusters.values().map(|c| c.backfill_coroutines).max().unwrap_or(1);
        let machine = Fetch::new(Options {
            raw: Lane::new(topics.raw(), partitions),
            file_events: Lane::new(topics.file_events(), partitions),
            dead_letters: Lane::new(topics.dead_letters(), partitions),
            // Twice what is read at a time, so that the next file waits opened when one ends.
            open_files: 2 * most as usize,
            backfill: config.clusters.keys().map(|name| topics.backfill(name).into()).collect(),
            backfill_files: 2 * most_backfill as usize,
            batch_bytes: usize::try_from(config.transaction.bytes.0).unwrap_or(usize::MAX),
            metadata_bytes: METADATA_BYTES,
        });
        let source = Source::new(self.io.handle().clone(), Arc::clone(&self.clusters), coroutines as usize);
        let listers = Listers::new(self.io.handle().clone(), self.kits.clone(), Restarts::default());
        Ok(Worker { log, machine, source, listers, counted: Counted::new(self.metrics.clone()) })
    }
}

/// What a cluster's lister is made of.
struct Kit {
    config: Arc<Config>,
    cluster: Arc<Cluster>,
    settings: logmill_config::Cluster,
    selector: Selector,
    planner: Arc<RwLock<Planner>>,
    leads: Arc<Leads>,
}

impl Kit {
    /// As `topics apply` makes it.
    fn known(&self) -> Lane {
        Lane::new(self.config.topics().known(&self.cluster.name), 1)
    }

    /// Live and backfill.
    fn lanes(&self) -> [Lane; 2] {
        let (topics, name) = (self.config.topics(), &self.cluster.name);
        [topics.tasks(name), topics.backfill(name)].map(|topic| Lane::new(topic, self.config.kafka.partitions))
    }
}

impl ListerKit for Kit {
    fn connect(&self) -> Result<Box<dyn ListerLog>, String> {
        let options = JournalOptions {
            brokers: self.config.kafka.brokers.clone(),
            transactional_id: self.config.topics().lister_id(&self.cluster.name),
            transaction_timeout: self.config.transaction.timeout,
            properties: self.config.kafka.properties.0.clone(),
        };
        let (brokers, properties) = (&options.brokers, &options.properties);
        let admin = Admin::new(brokers, properties).map_err(|e| e.to_string())?;
        let fetchers = admin.onlooker(&self.config.topics().group(STAGE)).map_err(|e| e.to_string())?;
        let journal = Journal::connect(options).map_err(|e| e.to_string())?;
        Ok(Box::new(ListerJournal::new(journal, self.known(), fetchers, self.lanes())))
    }

    fn options(&self) -> ListerOptions {
        let (planner, cluster) = (Arc::clone(&self.planner), self.cluster.name.clone());
        let plan_for = move |path: &str| planner.read().unwrap_or_else(PoisonError::into_inner).plan(&cluster, path);
        let (planner, cluster) = (Arc::clone(&self.planner), self.cluster.name.clone());
        let settings = self.settings.clone();
        let first = match self.settings.order {
            Order::Oldest => First::Oldest,
            Order::Newest => First::Newest,
        };
        let rank_for = move |file: &Listed, now_ms: u64| {
            let rules = planner.read().unwrap_or_else(PoisonError::into_inner);
            let Precedence { priority, backfill } = rules.precedence(&cluster, &file.path);
            let backfill = backfill.unwrap_or_else(|| settings.is_backfill(file.modified_ms, now_ms));
            Rank::new(backfill, priority, first, file.modified_ms)
        };
        let (planner, cluster, leads) = (Arc::clone(&self.planner), self.cluster.name.clone(), Arc::clone(&self.leads));
        let withheld = move |file: &Listed| {
            let rules = || planner.read().unwrap_or_else(PoisonError::into_inner);
            leads.anywhere_closed() && leads.is_closed(rules().channel_group(&cluster, &file.path))
        };
        let [tasks, backfill] = self.lanes();
        ListerOptions {
            cluster: self.cluster.name.clone(),
            tasks,
            backfill,
            known: self.known(),
            plan_for: Box::new(plan_for),
            rank_for: Box::new(rank_for),
            withheld: Box::new(withheld),
            ahead: self.settings.tasks_ahead.into(),
            held: HELD,
            settle: u8::try_from(self.settings.settle).unwrap_or(u8::MAX).clamp(1, u8::MAX - 1),
            forget_ms: u64::try_from(self.settings.forget_after.as_millis()).unwrap_or(u64::MAX),
            batch: LISTER_BATCH,
        }
    }

    fn scan(&self) -> Scan {
        let Self { cluster, settings, selector, .. } = self;
        Scan::new(Arc::clone(cluster), settings.clone(), selector.clone())
    }

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}
