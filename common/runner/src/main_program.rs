//! The whole of a stage's program but the stage.

use crate::channels::ChannelWatch;
use crate::layouts::hold_back;
use crate::metrics::WorkerMetrics;
use crate::passed_over::{ChannelMetrics, Teller};
use crate::restart::Restarts;
use crate::routes::routes;
use crate::signals::stop_on_signals;
use crate::slow::Mates;
use crate::throttle::Throttle;
use crate::worker::{Settings, reached, run_stage};
use anyhow::Context as _;
use clap::{CommandFactory, FromArgMatches, Parser};
use logmill_config::{Compression, Config, ConfigError, LogFormat};
use logmill_core::Stage;
use logmill_kafka::ClientOptions;
use logmill_protocol::worker::Options;
use logmill_telemetry::Telemetry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const EXIT_CODES: &str = "Exit codes: 0 stopped as asked, 1 failed (the log says why), 2 the arguments or the \
                          configuration are wrong,\n130 asked to stop, but not finished within worker.grace.";

/// The arguments of every stage's program.
#[derive(Parser, Debug)]
#[command(version, about = "A stage of logmill: consumes, transforms and produces, exactly once")]
pub struct Arguments {
    /// The configuration; else $LOGMILL_CONFIG, else logmill.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What every process of the chain has: its configuration, what it shows of itself, its stop flag.
pub struct Process {
    pub config: Config,
    /// The file that was named for it.
    file: Option<PathBuf>,
    pub telemetry: Telemetry,
    pub stop: Arc<AtomicBool>,
    /// Its name in its `transactional.id`s: the configured slot, else one that nobody else has.
    pub slot: String,
}

/// A name that no other process has.
fn own_slot() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("p{}-{:x}", std::process::id(), since.as_nanos())
}

/// Clients of this process that wait for Kafka, counted where they are.
#[derive(Debug)]
struct WaitingClients;

impl Collector for WaitingClients {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let gauge = ConstGauge::new(logmill_kafka::waiting_clients());
        let help = "Clients of Kafka that wait for it: no broker is connected, or a call has no answer for 5 s";
        gauge.encode(encoder.encode_descriptor("kafka_waiting_clients", help, None, gauge.metric_type())?)
    }
}

impl Process {
    /// Reads the arguments and the configuration and starts logging. What is wrong is said on standard error.
    ///
    /// # Errors
    /// With the exit code.
    pub fn start(name: &str) -> Result<Self, ExitCode> {
        let program: &'static str = format!("logmill-{name}").leak();
        let example = format!("Example:\n  LOGMILL__WORKER__SLOT=0 {program} --config logmill.toml\n\n{EXIT_CODES}");
        let command = Arguments::command().name(program).bin_name(program).after_help(example);
        let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
        let config = Config::load(arguments.config.as_deref()).map_err(|error| {
            eprintln!("{error}");
            ExitCode::from(2)
        })?;
        logmill_kafka::keep_large_buffers();
        logmill_kafka::keep_small_stacks();
        let format = match config.log.format {
            LogFormat::Text => logmill_telemetry::LogFormat::Text,
            LogFormat::Json => logmill_telemetry::LogFormat::Json,
        };
        logmill_telemetry::init_logs(&config.log.level, format).map_err(|error| {
            eprintln!("{error}");
            ExitCode::from(2)
        })?;
        let stop = stop_on_signals(config.worker.grace).map_err(|error| fail(&error))?;
        // A call to Kafka may take a minute where a broker is away; that is no hang.
        let telemetry = Telemetry::with_bound(config.worker.stall.max(Duration::from_secs(150)));
        telemetry.register(|registry| registry.register_collector(Box::new(WaitingClients)));
        let slot = config.worker.slot.clone().unwrap_or_else(own_slot);
        Ok(Self { config, file: arguments.config, telemetry, stop, slot })
    }

    /// Reads the configuration again, as it was read at the start: for what may change while a process runs.
    pub fn reader(&self) -> impl Fn() -> Result<Config, ConfigError> + Send + 'static {
        let file = self.file.clone();
        move || Config::load(file.as_deref())
    }

    /// The Kafka client of the stage `name`. `transactional_id` lacks the worker's number.
    #[must_use]
    pub fn client(&self, name: &str) -> ClientOptions {
        let (config, topics) = (&self.config, self.config.topics());
        ClientOptions {
            brokers: config.kafka.brokers.clone(),
            group: topics.group(name),
            transactional_id: format!("{}.{name}.{}", config.chain, self.slot),
            topics: topics.served(name, &config.worker.channels),
            compression: config.kafka.compression.name().into(),
            packs: false,
            opens: true,
            transaction_timeout: config.transaction.timeout,
            poll: Duration::from_millis(50),
            properties: properties(config),
        }
    }

    /// Serves health and metrics where the configuration says.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn serve(&self) -> anyhow::Result<()> {
        let address = &self.config.http.listen;
        self.telemetry.serve(address).with_context(|| format!("listening on {address} ([http] listen)"))?;
        Ok(())
    }
}

/// Runs the stage `name` of the chain: the whole `main` of its program.
pub fn stage_main<S: Stage>(name: &'static str, make: impl Fn(&Config) -> anyhow::Result<S> + Sync) -> ExitCode {
    let process = match Process::start(name) {
        Ok(process) => process,
        Err(code) => return code,
    };
    if let Err(error) = routes(&process.config, name) {
        eprintln!("{error:#}");
        return ExitCode::from(2);
    }
    end(run(&process, name, make))
}

/// How a program ends.
#[must_use]
pub fn end(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// What the machine of the stage `name` is told.
///
/// # Errors
/// When the layout of the configuration has no such stage.
pub fn machine_options(config: &Config, name: &str) -> anyhow::Result<Options> {
    let bytes = |size: logmill_config::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
    Ok(Options {
        routes: routes(config, name)?,
        transaction_bytes: bytes(config.transaction.bytes),
        transaction_ms: u64::try_from(config.transaction.interval.as_millis()).unwrap_or(u64::MAX),
        out_bytes: OUT_BYTES,
        metadata_bytes: METADATA_BYTES,
        attempts: config.worker.attempts,
    })
}

fn run<S: Stage>(
    process: &Process,
    name: &'static str,
    make: impl Fn(&Config) -> anyhow::Result<S> + Sync,
) -> anyhow::Result<()> {
    let machine = machine_options(&process.config, name)?;
    let metrics = process.telemetry.register(WorkerMetrics::register);
    let topics = process.config.topics();
    process.serve()?;
    let settings = Settings {
        threads: process.config.worker.threads,
        client: stage_client::<S>(process, name),
        machine,
        metrics,
        telemetry: process.telemetry.clone(),
        stop: Arc::clone(&process.stop),
        stall: process.config.worker.stall,
        restarts: Restarts::default(),
        lags: ChannelWatch::of(process, name)?,
        mates: Mates::start(process, name, topics.served(name, &process.config.worker.channels), reached)?,
        throttle: process.config.worker.bytes_per_second.map(|rate| Arc::new(Throttle::new(rate.0))),
    };
    hold_back(&process.config, name, &process.stop)?;
    tracing::info!(stage = name, threads = settings.threads, "running");
    run_stage(&settings, || make(&process.config)).with_context(|| format!("the {name} has ended"))?;
    tracing::info!(stage = name, "stopped as asked");
    Ok(())
}

/// Bytes that one fetch asks for where each chunk is packed by itself: however much they unpack to, one is unpacked at a time.
/// Each fetch costs a broker something, whatever it brings.
const PACKED_FETCH: u64 = 4 << 20;

/// The Kafka client of a stage. Where lz4 is configured, it is of each chunk by itself (but of what others subscribe to), and
/// so are all chunks that come.
#[must_use]
pub fn stage_client<S: Stage>(process: &Process, name: &str) -> ClientOptions {
    let (mut options, config) = (process.client(name), &process.config);
    options.opens = S::OPENS;
    if config.kafka.compression == Compression::Lz4 {
        let fetch = PACKED_FETCH.min(config.worker.queue_bytes.0 / 4).max(config.worker.fetch_bytes.0).to_string();
        for key in ["fetch.max.bytes", "fetch.message.max.bytes"] {
            if !config.kafka.properties.0.contains_key(key) {
                options.properties.insert(key.into(), fetch.clone());
            }
        }
        options.packs = S::PACKS;
    }
    if options.packs {
        options.compression = Compression::None.name().into();
    }
    options
}

impl ChannelWatch {
    /// How the channels stand, for the stage that chooses among them.
    ///
    /// # Errors
    /// A setting of `kafka.properties` is wrong.
    pub fn of(process: &Process, name: &str) -> anyhow::Result<Option<Self>> {
        if name != process.config.topics().chooses() {
            return Ok(None);
        }
        let metrics = process.telemetry.register(ChannelMetrics::register);
        let teller = Teller::new(&process.config, process.slot.clone(), metrics)?;
        let stall = Some(process.config.distributor.stall);
        let see = move |lags: &logmill_core::Lags, _: &_| teller.see(lags);
        Self::start(&process.config, Arc::clone(&process.stop), stall, see).map(Some)
    }
}

/// librdkafka's settings that follow from the configuration (what bounds memory and messages, and how long a member may
/// hang), then the configured ones as they are.
#[must_use]
pub fn properties(config: &Config) -> BTreeMap<String, String> {
    let kilobytes = |bytes: u64| bytes.div_ceil(1024).max(1).to_string();
    let (message, worker) = (config.kafka.message_bytes.0.clamp(1_000, 1_000_000_000).to_string(), &config.worker);
    let fetch = worker.fetch_bytes.0.clamp(1 << 10, 64 << 20).to_string();
    // A member that hangs is thrown out after this time; the library wants it to be no less than the session's.
    let stall = worker.stall.as_millis().clamp(10_000, 86_400_000);
    let mut all: BTreeMap<String, String> = [
        ("message.max.bytes", message.clone()),
        ("batch.size", message),
        ("fetch.max.bytes", fetch.clone()),
        ("fetch.message.max.bytes", fetch),
        ("queued.max.messages.kbytes", kilobytes(worker.queue_bytes.0.max(worker.fetch_bytes.0))),
        ("queue.buffering.max.kbytes", kilobytes(worker.send_bytes.0)),
        ("max.poll.interval.ms", stall.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    all.extend(config.kafka.properties.0.clone());
    all
}

/// What a stage may heap up in one step; little where there are fault points, so that any chunk has several steps.
const OUT_BYTES: usize = if logmill_faults::ARMED { 16 << 10 } else { 4 << 20 };
/// The broker's default of `offset.metadata.max.bytes`.
const METADATA_BYTES: usize = 4096;

fn fail(error: &anyhow::Error) -> ExitCode {
    tracing::error!("{error:#}");
    eprintln!("{error:#}");
    ExitCode::FAILURE
}
