//! A chain of its own for each test on the shared Kafka, files in HDFS or a bucket, the fetcher as a process; and the check
//! of what it left in `raw`.

use bytes::Bytes;
use hdfs_native::{Client, ClientBuilder, WriteOptions};
use logmill_config::Config;
use logmill_core::event::{Event as Happening, LedgerRecord};
use logmill_core::wire::{Kind, Record, WireChunk};
use logmill_core::{End, FileId, Seq};
use logmill_kafka::admin::{Admin, TopicSpec};
use logmill_protocol::Partition;
use logmill_protocol::fetch::Task;
use logmill_stack::{BucketAddress, HdfsAddress, Vault};
use object_store::ObjectStoreExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(90);
pub const RAW_BYTES: usize = 16 << 10;

/// Where a cluster is.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Hdfs(&'a HdfsAddress),
    /// These folders of it, instead of one of the chain's own.
    Folders(&'a HdfsAddress, &'a [&'a str]),
    /// The folder of a user in a cluster with Kerberos, which that user reads; what is put into it comes there by
    /// [`Vault::store`].
    Vault(&'a Vault, &'a str),
    Bucket(&'a BucketAddress),
}

impl<'a> From<&'a HdfsAddress> for Place<'a> {
    fn from(address: &'a HdfsAddress) -> Self {
        Self::Hdfs(address)
    }
}

impl<'a> From<&'a BucketAddress> for Place<'a> {
    fn from(address: &'a BucketAddress) -> Self {
        Self::Bucket(address)
    }
}

impl Place<'_> {
    /// The address, the table of the settings that a client needs, and these.
    fn settings(&self) -> (&str, &'static str, &BTreeMap<String, String>) {
        match self {
            Self::Hdfs(address) | Self::Folders(address, _) => (&address.url, "hadoop", &address.config),
            Self::Vault(vault, _) => (&vault.hdfs.url, "hadoop", &vault.hdfs.config),
            Self::Bucket(address) => (&address.url, "store", &address.config),
        }
    }

    /// Where files are looked for, where the chain has a folder of its own.
    fn folders(&self, own: &str) -> Vec<String> {
        match self {
            Self::Hdfs(_) | Self::Bucket(_) => vec![own.to_owned()],
            Self::Folders(_, folders) => folders.iter().map(|folder| (*folder).to_owned()).collect(),
            Self::Vault(_, user) => vec![format!("/{user}")],
        }
    }

    /// The keys of its identity.
    fn identity(&self) -> String {
        let Self::Vault(vault, user) = self else { return String::new() };
        format!("principal = \"{}\"\nkeytab = {:?}\n", vault.principal(user), vault.keytab(user))
    }
}

/// Puts files into a cluster.
enum Writer {
    Hdfs(Client),
    Vault(PathBuf),
    Bucket(AmazonS3),
}

impl Writer {
    async fn new(place: Place<'_>, folders: &[String], io: &Handle) -> Self {
        match place {
            Place::Hdfs(address) | Place::Folders(address, _) => {
                let client = ClientBuilder::new().with_url(&address.url).with_config(address.config.clone());
                let client = client.with_io_runtime(io.clone()).build().unwrap();
                for folder in folders {
                    client.mkdirs(folder, 0o755, true).await.unwrap();
                }
                Self::Hdfs(client)
            }
            Place::Vault(vault, _) => Self::Vault(vault.staging()),
            Place::Bucket(address) => {
                // As the fetcher does; another test may have done it.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let start = AmazonS3Builder::new().with_url(&address.url);
                let builder = address
                    .config
                    .iter()
                    .fold(start, |builder, (key, value)| builder.with_config(key.parse().unwrap(), value));
                Self::Bucket(builder.build().unwrap())
            }
        }
    }

    async fn put(&self, path: &str, content: Bytes) {
        match self {
            Self::Hdfs(client) => {
                let options = WriteOptions::default().replication(1);
                // As `hdfs dfs -put` does: a file that is being written looks settled, with too few bytes.
                let draft = format!("{path}._COPYING_");
                let mut writer = client.create(&draft, options).await.unwrap();
                writer.write_bytes(content).await.unwrap();
                writer.close().await.unwrap();
                client.rename(&draft, path, false).await.unwrap();
            }
            Self::Vault(staging) => {
                let place = staging.join(path.trim_start_matches('/'));
                std::fs::create_dir_all(place.parent().unwrap()).unwrap();
                std::fs::write(place, content).unwrap();
            }
            Self::Bucket(client) => {
                client.put(&Path::parse(path).unwrap(), content.into()).await.unwrap();
            }
        }
    }
}

/// A chain: its configuration, its topics, the files that were put into its clusters.
pub struct Chain {
    pub config: Config,
    file: tempfile::NamedTempFile,
    /// What stands in it.
    text: String,
    pub admin: Admin,
    io: Runtime,
    stores: BTreeMap<String, Writer>,
    /// (cluster, path) and what is in it.
    pub files: BTreeMap<(String, String), Vec<u8>>,
}

impl Chain {
    /// Makes the topics of a chain of this name over these clusters.
    pub fn new(name: &str, clusters: &[(&str, Place<'_>)]) -> Self {
        let folder = format!("/{name}-{}", std::process::id());
        let mut text = format!(
            "chain = \"{name}-{}\"\n[kafka]\nbrokers = \"{}\"\npartitions = 2\n[plan]\nraw_bytes = \"{} B\"\n\
             [transaction]\nbytes = \"256 KiB\"\n[log]\nlevel = \"info\"\n",
            std::process::id(),
            logmill_stack::shared::kafka(),
            RAW_BYTES,
        );
        let io = Runtime::new().unwrap();
        let mut stores = BTreeMap::new();
        for (cluster, place) in clusters {
            let (url, table, settings) = place.settings();
            let (folders, identity) = (place.folders(&folder), place.identity());
            write!(
                text,
                "[clusters.{cluster}]\nurl = \"{url}\"\nfolders = {folders:?}\nscan_interval = \"300ms\"\nsettle = 2\n\
                 call_timeout = \"2s\"\npark_after = \"2s\"\n{identity}[clusters.{cluster}.{table}]\n"
            )
            .unwrap();
            for (key, value) in settings {
                writeln!(text, "\"{key}\" = \"{value}\"").unwrap();
            }
            let writer = io.block_on(Writer::new(*place, &folders, io.handle()));
            stores.insert((*cluster).to_owned(), writer);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, &text).unwrap();
        let config = Config::parse(&text, "test", []).unwrap();
        let admin = Admin::new(&config.kafka.brokers, &BTreeMap::new()).unwrap();
        let specs: Vec<TopicSpec> = config
            .topic_specs()
            .into_iter()
            .map(|s| TopicSpec {
                name: s.name,
                partitions: s.partitions,
                replication: s.replication,
                config: s.configs,
            })
            .collect();
        io.block_on(admin.apply(&specs)).unwrap();
        let chain = Self { config, file, text, admin, io, stores, files: BTreeMap::new() };
        let topics = chain.config.topics();
        let tasks: Vec<Partition> = topics.inputs("fetcher").iter().flat_map(|t| chain.partitions(t)).collect();
        // A broker that has just started elects the group's coordinator first.
        chain
            .until("offset 0 is committed", |chain| chain.admin.commit_start(&topics.group("fetcher"), &tasks).is_ok());
        chain
    }

    pub fn partitions(&self, topic: &str) -> Vec<Partition> {
        let count = self.config.topic_specs().into_iter().find(|s| s.name == topic).unwrap().partitions;
        (0..count).map(|n| Partition::new(topic, n)).collect()
    }

    /// Puts a file of `length` bytes into the first folder of a cluster, or anywhere where its name is a path, in the place of
    /// one that has that name. Another length, other bytes.
    pub fn put(&mut self, cluster: &str, name: &str, length: usize) {
        let is_path = name.starts_with('/');
        let folder = &self.config.clusters[cluster].folders[0];
        let path = if is_path { name.to_owned() } else { format!("{folder}/{name}") };
        let salt = FileId::of(cluster, path.as_bytes(), length as u64, 0).0 as u64;
        let content: Vec<u8> = (0..length as u64).map(|i| ((i ^ salt).wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
        self.io.block_on(self.stores[cluster].put(&path, Bytes::from(content.clone())));
        self.files.insert((cluster.to_owned(), path), content);
    }

    /// Starts a fetcher.
    pub fn fetcher(&self, slot: &str) -> Fetcher {
        self.fetcher_with(slot, &[])
    }

    /// Starts a fetcher with variables of the environment.
    pub fn fetcher_with(&self, slot: &str, variables: &[(&str, &str)]) -> Fetcher {
        Fetcher(self.command(slot).envs(variables.iter().copied()).spawn().unwrap())
    }

    /// Starts a fetcher with variables of the environment that writes its log to a file.
    pub fn fetcher_into(&self, slot: &str, variables: &[(&str, &str)], log: &std::path::Path) -> Fetcher {
        let mut command = self.command(slot);
        command.envs(variables.iter().copied()).stderr(std::fs::File::create(log).unwrap());
        Fetcher(command.spawn().unwrap())
    }

    fn command(&self, slot: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logmill-fetcher"));
        command.arg("--config").arg(self.file.path()).env("LOGMILL__WORKER__SLOT", slot).stdin(Stdio::null());
        command
    }

    /// Writes the configuration anew, with something added to the section of a cluster.
    pub fn configure(&self, cluster: &str, line: &str) {
        let section = format!("[clusters.{cluster}]\n");
        std::fs::write(self.file.path(), self.text.replace(&section, &format!("{section}{line}\n"))).unwrap();
    }

    /// Adds a rule to the configuration.
    pub fn rule(&self, rule: &str) {
        std::fs::write(self.file.path(), format!("{}\n[[rules]]\n{rule}\n", self.text)).unwrap();
    }

    /// Commits the ends of a topic for the group of a stage, as if that had taken all there is.
    pub fn take_all(&self, stage: &str, topic: &str) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.config.kafka.brokers).set("group.id", self.config.topics().group(stage));
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            let end = Offset::Offset(self.admin.watermarks(&partition).unwrap().1);
            list.add_partition_offset(topic, partition.index, end).unwrap();
        }
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Every committed record of a topic.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let read = |p: &Partition| self.admin.read(p, 0, None, usize::MAX).unwrap();
        self.partitions(topic).iter().flat_map(read).map(|incoming| incoming.record).collect()
    }

    /// The sum of the ends of a topic's partitions: grows with everything that is sent.
    pub fn size(&self, topic: &str) -> i64 {
        self.partitions(topic).iter().map(|p| self.admin.watermarks(p).unwrap().1).sum()
    }

    pub fn events(&self) -> Vec<LedgerRecord> {
        let records = self.records(&self.config.topics().file_events());
        records.iter().map(|r| serde_json::from_slice(&r.payload).unwrap()).collect()
    }

    /// Waits until something is so.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < PATIENCE, "after {PATIENCE:?} still not: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The files that have ended.
    pub fn closed(&self) -> usize {
        self.events().iter().filter(|e| matches!(e.event, Happening::Closed { .. })).count()
    }

    /// The chunks of each file in `raw`.
    pub fn chunks(&self) -> BTreeMap<FileId, Vec<WireChunk>> {
        let mut chunks: BTreeMap<FileId, Vec<WireChunk>> = BTreeMap::new();
        for record in self.records(&self.config.topics().raw()) {
            let chunk = WireChunk::decode(&record).unwrap();
            chunks.entry(chunk.file_id).or_default().push(chunk);
        }
        chunks
    }

    /// Waits until every file has ended, then checks that `raw` holds each file's bytes live exactly once, in order.
    pub fn check(&self) {
        self.until("every file is closed", |chain| chain.closed() >= chain.files.len());
        let chunks = self.chunks();
        assert_eq!(chunks.len(), self.files.len(), "each file has one id");
        for chunks in chunks.values() {
            let file = chunks[0].file.as_ref().expect("the first chunk describes the file");
            let content = &self.files[&(file.cluster.clone(), file.path.clone())];
            let (mut next, mut parked, mut live, mut ended) = (Seq(0), Seq(0), Vec::new(), false);
            for chunk in chunks {
                assert!(!ended && chunk.seq == next, "{}: chunk {} after {next}", file.path, chunk.seq);
                assert_eq!(chunk.silent, chunk.seq < parked, "{}: chunk {}", file.path, chunk.seq);
                match chunk.kind {
                    Kind::Data => {
                        assert_eq!(chunk.payload[..], content[next.0 as usize * RAW_BYTES..][..chunk.payload.len()]);
                        if !chunk.silent {
                            live.extend_from_slice(&chunk.payload);
                        }
                        next = next.next();
                    }
                    Kind::Park => (parked, next) = (parked.max(next), Seq(0)),
                    Kind::End(end) => {
                        assert_eq!(end, End::Complete, "{}", file.path);
                        ended = true;
                    }
                }
            }
            assert!(ended, "{} has no end", file.path);
            assert!(live == *content, "{}: {} live bytes of {}", file.path, live.len(), content.len());
        }
        for event in self.events() {
            if let Happening::Closed { crc32, bytes_in, .. } = event.event {
                let content = &self.files[&(event.cluster, event.path)];
                let sum = format!("{:08x}", crc32fast::hash(content));
                assert_eq!((crc32, bytes_in), (Some(sum), content.len() as u64));
            }
        }
    }

    /// The tasks of a cluster, those of parked files too.
    pub fn tasks(&self, cluster: &str) -> Vec<Task> {
        let topic = self.config.topics().tasks(cluster);
        self.partitions(&topic).iter().flat_map(|partition| self.tasks_of(partition)).collect()
    }

    /// The tasks of a partition, in order.
    pub fn tasks_of(&self, partition: &Partition) -> Vec<Task> {
        let records = self.admin.read(partition, 0, None, usize::MAX).unwrap();
        records.iter().map(|incoming| Task::decode(&incoming.record).unwrap()).collect()
    }
}

/// An address that nobody listens at.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A metric of a cluster, as the fetcher at `address` shows it.
pub fn metric(address: &str, name: &str, cluster: &str) -> Option<u64> {
    let mut connection = TcpStream::connect(address).ok()?;
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    connection.read_to_string(&mut page).ok()?;
    let name = format!("logmill_fetcher_{name}{{cluster=\"{cluster}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

/// A fetcher's process; killed when it is dropped.
pub struct Fetcher(Child);

impl Fetcher {
    /// SIGSTOP, until [`Fetcher::resume`].
    pub fn pause(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the process is a child that was not waited for, so the id is its own still.
        let sent = unsafe { libc::kill(self.0.id() as i32, signal) };
        assert_eq!(sent, 0);
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM; how it ended.
    pub fn terminate(self) -> std::process::ExitStatus {
        self.signal(libc::SIGTERM);
        self.ended()
    }

    /// How it ended, when it has.
    pub fn ended(mut self) -> std::process::ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "the fetcher does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
