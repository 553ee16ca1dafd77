//! The client: clickhouse's own, on a connector that sends small pieces at once, with a bound on every wait.

use crate::cluster::Cluster;
use crate::error::Error;
use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use logmill_config as config;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long any query but an INSERT may take; the ledger's widest ones read the whole table.
pub(crate) const QUERY: Duration = Duration::from_secs(600);
/// The server closes idle connections after 3 s by default.
const IDLE: Duration = Duration::from_secs(2);

/// One database on one server; in the cluster variant the front, which knows its shards. Cheap to clone; clones share
/// connections.
#[derive(Clone)]
pub struct Database {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) insert_timeout: Duration,
    /// How long rows are kept, in whole days; for ever where nothing says.
    pub(crate) keep: Option<Duration>,
    /// Where the rows lie, where they do not lie here.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// Knows the server; connects when something is asked.
    ///
    /// # Errors
    /// The password's file cannot be read.
    pub fn new(config: &config::ClickHouse) -> std::io::Result<Self> {
        let mut database = Self::at(config, &config.url, config.database.clone())?;
        if !config.shards.is_empty() {
            let shard = |url: &String| Self::at(config, url, config.shard_database());
            let shards = config.shards.iter().map(shard).collect::<std::io::Result<_>>()?;
            database.client = Cluster::asks(database.client);
            database.cluster =
                Some(Arc::new(Cluster { name: config.cluster.clone(), replicated: config.replicated, shards }));
        }
        Ok(database)
    }

    fn at(config: &config::ClickHouse, url: &str, name: String) -> std::io::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_keepalive(Some(Duration::from_secs(60)));
        connector.set_connect_timeout(Some(CONNECT));
        let http = HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        let mut client =
            Client::with_http_client(http).with_url(url).with_user(&config.user).with_compression(Compression::None);
        let password = config.secret()?;
        if !password.is_empty() {
            client = client.with_password(password);
        }
        Ok(Self {
            client,
            url: url.to_owned(),
            name,
            insert_timeout: config.insert_timeout,
            keep: config.keep,
            cluster: None,
        })
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's version: also the check that it answers.
    ///
    /// # Errors
    /// It does not answer, or refuses the account.
    pub async fn version(&self) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        struct Version {
            v: String,
        }
        let found: Vec<Version> = self.server_select("SELECT version() AS v").await?;
        Ok(found.into_iter().next().map_or_else(String::new, |version| version.v))
    }

    /// Runs a statement that gives no rows, in the database.
    ///
    /// # Errors
    /// As the server says, or [`Error::Unknown`].
    pub async fn execute(&self, sql: &str) -> Result<(), Error> {
        self.run(self.client.clone().with_database(&self.name), sql).await
    }

    /// The same, outside of any database.
    pub(crate) async fn server_execute(&self, sql: &str) -> Result<(), Error> {
        self.run(self.client.clone(), sql).await
    }

    async fn run(&self, client: Client, sql: &str) -> Result<(), Error> {
        let query = client.query(&escape(sql));
        self.in_time(sql, query.execute()).await?.map_err(|e| Error::of(&e, &self.url))
    }

    /// Runs a query in the database and reads its rows; the names of its columns are those of `T`'s fields.
    ///
    /// # Errors
    /// As the server says, [`Error::Unknown`], or [`Error::Answer`] when a row is not a `T`.
    pub async fn select<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, Error> {
        self.rows(self.client.clone().with_database(&self.name), sql).await
    }

    pub(crate) async fn server_select<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, Error> {
        self.rows(self.client.clone(), sql).await
    }

    async fn rows<T: DeserializeOwned>(&self, client: Client, sql: &str) -> Result<Vec<T>, Error> {
        let failed = |e: clickhouse::error::Error| Error::of(&e, &self.url);
        let answer = |why: String| Error::Answer { question: start_of(sql), why };
        let mut cursor = client
            .query(&escape(sql))
            .with_setting("output_format_json_quote_64bit_integers", "0")
            // An exception in the middle of an answer would look like data: the server holds the answer back instead.
            .with_setting("wait_end_of_query", "1")
            .with_setting("max_query_size", "16777216")
            .fetch_bytes("JSONEachRow")
            .map_err(failed)?;
        let bytes = self.in_time(sql, cursor.collect()).await?.map_err(failed)?;
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line).map_err(|e| answer(format!("{e}: {}", String::from_utf8_lossy(line))))
            })
            .collect()
    }

    async fn in_time<T>(&self, sql: &str, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout(QUERY, work).await.map_err(|_| Error::Unknown {
            url: self.url.clone(),
            why: format!("no answer within {QUERY:?} to {}", start_of(sql)),
        })
    }
}

/// The client takes a `?` for a place to bind.
fn escape(sql: &str) -> String {
    sql.replace('?', "??")
}

fn start_of(sql: &str) -> String {
    sql.split_whitespace().take(12).collect::<Vec<_>>().join(" ")
}
