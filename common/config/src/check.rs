//! What settings must satisfy together.

mod clickhouse;

use crate::columns;
use crate::keys::nearest;
use crate::mounts::Mounts;
use crate::patterns;
use crate::planner::{Planner, Selector, path_glob};
use crate::sections::{Cluster, Config, Finished};
use crate::size::Size;
use logmill_core::{Plan, RecordStart};
use logmill_encodings::Encoding;
use logmill_patterns::Zone;
use std::path::Path;
use std::time::Duration;

/// Room in a record for its headers: the file's description with its plan, and what clients add.
const HEADER_BYTES: u64 = 64 << 10;

/// The splitter closes its row batches at this many bytes, whatever the plan says.
const ROWS_BYTES: u64 = 900 << 10;

/// The least limit of a process, a second.
const SLOWEST: Size = Size(64 << 10);

/// Keys (with their tables) and what is wrong with each.
#[derive(Default)]
struct Found(Vec<(Vec<String>, String)>);

impl Found {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.at(&key.split('.').collect::<Vec<_>>(), message);
    }

    fn at(&mut self, key: &[&str], message: impl Into<String>) {
        self.0.push((key.iter().map(|part| (*part).to_owned()).collect(), message.into()));
    }
}

/// All that is wrong with a configuration whose keys and types are right.
pub fn problems(config: &Config) -> Vec<(Vec<String>, String)> {
    let mut found = Found::default();
    names(config, &mut found);
    numbers(config, &mut found);
    clickhouse::problems(config, &mut found);
    for (name, cluster) in &config.clusters {
        one_cluster(name, cluster, &mut found);
    }
    channels(config, &mut found);
    served(config, &mut found);
    globs(config, &mut found);
    encodings(config, &mut found);
    found.0.extend(patterns::problems(config));
    found.0.extend(columns::problems(config));
    zones(config, &mut found);
    plans(config, &mut found);
    analyses(config, &mut found);
    if !is_address(&config.http.listen) {
        found.add("http.listen", format!("{:?} is not address:port, such as 127.0.0.1:0", config.http.listen));
    }
    found.0
}

/// A value of `event` says one thing.
fn analyses(config: &Config, found: &mut Found) {
    for (app, analysis) in &config.analyses {
        if app.is_empty() {
            found.at(&["analyses", app], "an application has a name: [[apps]] gives it");
        }
        let mut seen = std::collections::BTreeSet::new();
        let kinds = [
            ("starts", &analysis.starts),
            ("calls", &analysis.calls),
            ("popups", &analysis.popups),
            ("topics", &analysis.topics),
        ];
        for (key, value) in kinds.into_iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value))) {
            if !seen.insert(value) {
                found.at(&["analyses", app, key], format!("{value:?} says two things: each value may stand once"));
            }
        }
    }
}

fn zones(config: &Config, found: &mut Found) {
    let wrong = |zone: &str| {
        let why = || {
            // Names without a slash are mostly short: one of them is near to any abbreviation.
            let names: Vec<String> = Zone::names().into_iter().filter(|name| name.contains('/')).collect();
            let advice = nearest(zone, &names).first().map(|near| format!("; did you mean {near:?}?"));
            format!(
                "{zone:?} is no zone: UTC, how far east of it, such as +08:00 or -05:30, or a name of the IANA time zone \
                 database, such as Europe/Berlin{}",
                advice.unwrap_or_default()
            )
        };
        Zone::parse(zone).is_none().then(why)
    };
    if let Some(message) = wrong(&config.plan.zone) {
        found.add("plan.zone", message);
    }
    for (i, zone) in config.rules.iter().enumerate().filter_map(|(i, rule)| Some((i, rule.zone.as_deref()?))) {
        if let Some(message) = wrong(zone) {
            found.at(&["rules", &i.to_string(), "zone"], message);
        }
    }
}

/// The letters that Kafka allows in a topic's name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn names(config: &Config, found: &mut Found) {
    const RULE: &str = "is not a name: letters, digits, '.', '_' and '-' alone can stand in a topic's name";
    if !is_name(&config.chain) {
        found.add("chain", format!("{:?} {RULE}", config.chain));
    }
    for (table, keys) in
        [("clusters", config.clusters.keys().collect::<Vec<_>>()), ("channels", config.channels.keys().collect())]
    {
        for name in keys.into_iter().filter(|name| !is_name(name)) {
            found.at(&[table, name], format!("{name:?} {RULE}"));
        }
    }
    for topic in config.topic_specs().iter().filter(|topic| topic.name.len() > 249) {
        found.add(
            "chain",
            format!("the topic {} would be longer than Kafka's 249 letters: shorten the names", topic.name),
        );
    }
}

fn numbers(config: &Config, found: &mut Found) {
    let (kafka, transaction, worker) = (&config.kafka, &config.transaction, &config.worker);
    if kafka.brokers.split(',').any(|broker| !is_address(broker.trim())) {
        found.add("kafka.brokers", format!("{:?} is not host:port, or several of them with commas", kafka.brokers));
    }
    let at_least_one = [
        ("kafka.partitions", i64::from(kafka.partitions)),
        ("kafka.replication", i64::from(kafka.replication)),
        ("worker.threads", i64::from(worker.threads)),
        ("worker.attempts", i64::from(worker.attempts)),
    ];
    for (key, _) in at_least_one.into_iter().filter(|(_, n)| *n < 1) {
        found.add(key, "must be at least 1");
    }
    if kafka.retention.is_zero() {
        found.add("kafka.retention", "must be longer than any file stays open, such as \"7days\"");
    }
    if transaction.timeout <= transaction.interval {
        found.add(
            "transaction.timeout",
            "must be longer than transaction.interval, or the broker aborts what is not committed yet",
        );
    }
    let smallest = Size(ROWS_BYTES + HEADER_BYTES);
    if kafka.message_bytes < smallest {
        found.add(
            "kafka.message_bytes",
            format!(
                "{} is too small: batches of rows have up to {}, and {} for headers; at least {smallest}",
                kafka.message_bytes,
                Size(ROWS_BYTES),
                Size(HEADER_BYTES)
            ),
        );
    }
    for (key, size) in [("worker.send_bytes", worker.send_bytes), ("worker.queue_bytes", worker.queue_bytes)] {
        if size < kafka.message_bytes {
            found.add(
                key,
                format!("must be at least kafka.message_bytes ({}): a record has to fit", kafka.message_bytes),
            );
        }
    }
    if !worker.slow.is_zero() && worker.slow < Duration::from_secs(10) {
        found.add("worker.slow", "must be at least 10 s, or 0 for never: positions are looked at every few seconds");
    }
    // A chunk is taken whole, and a worker that waits for long is no member of its group.
    if worker.bytes_per_second.is_some_and(|rate| rate < SLOWEST) {
        found.add("worker.bytes_per_second", format!("must be at least {SLOWEST}; leave it out for no limit"));
    }
    for key in kafka.properties.0.keys() {
        // What the chain's guarantees stand on is not for changing.
        const OURS: [&str; 9] = [
            "bootstrap.servers",
            "transactional.id",
            "group.id",
            "isolation.level",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "enable.idempotence",
            "acks",
            "auto.offset.reset",
        ];
        if OURS.contains(&key.as_str()) {
            found.at(&["kafka", "properties", key], format!("{key} is logmill's own to set: remove it"));
        }
    }
}

fn address(name: &str, cluster: &Cluster, found: &mut Found) {
    let (url, key) = (&cluster.url, |last| ["clusters", name, last]);
    let place = url.split_once("://").map_or("", |(_, place)| place);
    let known = cluster.is_bucket() || cluster.is_hdfs() || url.starts_with("file:///");
    if !known || place.is_empty() || place == "/" {
        let kinds = "hdfs://host:port, viewfs://table, file:///folder, s3://bucket, gs://bucket, az://container";
        found.at(&key("url"), format!("{url:?} is none of {kinds}"));
    } else if cluster.is_bucket() && place.contains('/') {
        found.at(&key("url"), format!("{url:?} is more than a bucket: folders says where in it to look"));
    }
    if !cluster.is_bucket() && !cluster.store.0.is_empty() {
        found.at(&key("store"), format!("has settings for a bucket, and {url:?} is none"));
    }
}

/// As whom it is asked: a principal has keys, and is the only identity.
fn identity(name: &str, cluster: &Cluster, found: &mut Found) {
    const AUTHENTICATION: &str = "hadoop.security.authentication";
    let key = |last| ["clusters", name, last];
    match (&cluster.principal, &cluster.keytab) {
        (None, None) => return,
        (Some(_), None) => found.at(&key("principal"), "needs keytab, the file with its keys"),
        (None, Some(_)) => found.at(&key("keytab"), "needs principal: whose keys of the file are meant"),
        (Some(principal), Some(_)) if principal.is_empty() => {
            found.at(&key("principal"), "is empty: name one such as logmill@EXAMPLE.COM");
        }
        (Some(_), Some(_)) => {}
    }
    if cluster.user.is_some() {
        let why = "stands there beside principal, which says who it is where the cluster uses Kerberos: remove one of the two";
        found.at(&key("user"), why);
    }
    if !cluster.is_hdfs() {
        found.at(&key("principal"), format!("is for HDFS, and {:?} is none", cluster.url));
    }
    if let Some(other) = cluster.hadoop.0.get(AUTHENTICATION).filter(|value| *value != "kerberos") {
        found.at(&key("hadoop"), format!("{AUTHENTICATION} is {other:?} beside principal: remove one of the two"));
    }
}

/// The client of HDFS reads only a part of what a mount table may say, and a listing shows no mount point.
fn view(name: &str, cluster: &Cluster, found: &mut Found) {
    let Some(table) = cluster.view() else { return };
    let key = |last| ["clusters", name, last];
    if table.contains('/') {
        found
            .at(&key("url"), format!("{:?} is more than a mount table: folders says where in it to look", cluster.url));
        return;
    }
    let (prefix, mounts) = (format!("fs.viewfs.mounttable.{table}"), Mounts::of(table, &cluster.hadoop));
    for other in &mounts.unread {
        found.at(
            &key("hadoop"),
            format!("{prefix}.{other} is not read here: name each folder by {prefix}.link./FOLDER"),
        );
    }
    for (point, target) in mounts.targets.iter().filter(|(_, target)| !target.starts_with("hdfs://")) {
        found.at(&key("hadoop"), format!("{prefix}.{point} is {target:?}, and only hdfs:// can be mounted"));
    }
    if !mounts.has_fallback {
        let why = format!(
            "has no {prefix}.linkFallback, which the client needs for paths that lie below no mount point: \
                           hdfs://host:port/folder, of any of the clusters"
        );
        found.at(&key("hadoop"), why);
    }
    for folder in &cluster.folders {
        if let Some(point) = mounts.below(folder) {
            let why = format!(
                "{folder:?} holds the mount point {point:?}, which a listing of it does not show: name the mount \
                               points themselves"
            );
            found.at(&key("folders"), why);
        }
        let (Finished::Move, Some(place)) = (cluster.finished, &cluster.finished_folder) else { continue };
        let (from, to) = (mounts.around(folder), mounts.around(&format!("{}{folder}", place.trim_end_matches('/'))));
        if from != to {
            let why = format!(
                "lies in the mount {to:?}, and the folder {folder:?} in {from:?}: HDFS moves no file from one mount \
                               to another"
            );
            found.at(&key("finished_folder"), why);
        }
    }
}

fn one_cluster(name: &str, cluster: &Cluster, found: &mut Found) {
    let key = |last| ["clusters", name, last];
    address(name, cluster, found);
    identity(name, cluster, found);
    view(name, cluster, found);
    if cluster.folders.is_empty() {
        found.at(&key("folders"), "names no folder: nothing would ever be found");
    }
    for folder in cluster.folders.iter().filter(|folder| !folder.starts_with('/')) {
        found.at(&key("folders"), format!("{folder:?} must begin with '/'"));
    }
    if let Some(name) = cluster.ready_file.as_ref().filter(|name| name.is_empty() || name.contains('/')) {
        found.at(&key("ready_file"), format!("{name:?} is not the name of a file"));
    }
    for (last, list) in [("patterns", &cluster.patterns), ("exclude", &cluster.exclude)] {
        for error in list.iter().filter_map(|pattern| path_glob(pattern).err()) {
            found.at(&key(last), error.to_string());
        }
    }
    if let (Err(error), true) = (Selector::new(cluster), found.0.is_empty()) {
        found.at(&key("patterns"), error.to_string());
    }
    for (last, number) in [
        ("coroutines", cluster.coroutines),
        ("tasks_ahead", cluster.tasks_ahead),
        ("backfill_coroutines", cluster.backfill_coroutines),
        ("settle", cluster.settle),
        ("down_failures", cluster.down_failures),
        ("weight", cluster.weight.given().unwrap_or(1)),
    ] {
        if number == 0 {
            found.at(&key(last), "must be at least 1");
        }
    }
    for (last, time) in [("scan_interval", cluster.scan_interval), ("call_timeout", cluster.call_timeout)] {
        if time.is_zero() {
            found.at(&key(last), "must be more than 0");
        }
    }
    finished(name, cluster, found);
    if cluster.bytes_per_second == Some(Size(0)) {
        found.at(&key("bytes_per_second"), "must be more than 0; leave it out for no limit");
    }
    if cluster.forget_after <= cluster.scan_interval {
        found.at(&key("forget_after"), "must be longer than scan_interval, or one failed listing makes every file new");
    }
}

/// Where finished files go is a place that is not listed.
fn finished(name: &str, cluster: &Cluster, found: &mut Found) {
    let key = |last| ["clusters", name, last];
    if cluster.finished != Finished::Leave && cluster.is_bucket() {
        let why = "nothing is moved or deleted in a bucket, where an object that was just replaced could not be told: a \
                   lifecycle rule of the bucket does it";
        found.at(&key("finished"), why);
    }
    match &cluster.finished_folder {
        None if cluster.finished == Finished::Move => {
            found.at(&key("finished_folder"), "must name the folder into which files are moved, such as \"/finished\"");
        }
        Some(place) if !place.starts_with('/') => {
            found.at(&key("finished_folder"), format!("{place:?} must begin with '/'"));
        }
        Some(place) => {
            let lies_in = |folder: &&String| match folder.split_once('%') {
                Some((before_date, _)) => before_date.len() > 1 && place.starts_with(before_date),
                None => Path::new(place).starts_with(folder),
            };
            // What is moved has its whole path behind it, which may come out in another folder.
            let holds = |folder: &&String| Path::new(folder).starts_with(place);
            if let Some(folder) = cluster.folders.iter().find(holds) {
                found
                    .at(&key("finished_folder"), format!("holds the folder {folder:?}, in which files are looked for"));
            } else if let Some(folder) = cluster.folders.iter().find(lies_in) {
                found.at(
                    &key("finished_folder"),
                    format!("lies in the folder {folder:?}: what is moved would be taken again"),
                );
            }
        }
        None => {}
    }
}

fn channels(config: &Config, found: &mut Found) {
    for (name, _) in config.channels.iter().filter(|(_, channel)| channel.weight == 0) {
        found.at(&["channels", name, "weight"], "must be at least 1");
    }
    for (name, _) in config.channels.iter().filter(|(_, channel)| channel.backlog == Some(0)) {
        found.at(&["channels", name, "backlog"], "must be at least 1; leave it out for no limit");
    }
    if config.distributor.stall.is_zero() {
        found.add("distributor.stall", "must be more than 0, such as \"30s\"");
    }
    if !config.channel_groups.contains_key("default") {
        found.add("channel_groups", "there must be a group \"default\": it takes the files of groups that are gone");
    }
    for (group, members) in &config.channel_groups {
        if members.is_empty() {
            found.at(&["channel_groups", group], "has no channel: its files would have nowhere to go");
        }
        for member in members.iter().filter(|member| !config.channels.contains_key(*member)) {
            let known = config.channels.keys().cloned().collect::<Vec<_>>().join(", ");
            found.at(&["channel_groups", group], format!("there is no channel {member:?}; channels are {known}"));
        }
    }
}

/// The channels that a process serves are channels.
fn served(config: &Config, found: &mut Found) {
    for name in config.worker.channels.iter().filter(|name| !config.channels.contains_key(*name)) {
        let known = config.channels.keys().cloned().collect::<Vec<_>>().join(", ");
        found.add("worker.channels", format!("there is no channel {name:?}; channels are {known}"));
    }
}

fn globs(config: &Config, found: &mut Found) {
    let mut check = |key: [&str; 3], result: Result<globset::Glob, globset::Error>| {
        if let Err(error) = result {
            found.at(&key, error.to_string());
        }
    };
    for (i, entry) in config.apps.iter().enumerate() {
        check(["apps", &i.to_string(), "path"], path_glob(&entry.path));
    }
    for (i, entry) in config.data_types.iter().enumerate() {
        check(["data_types", &i.to_string(), "path"], path_glob(&entry.path));
    }
    for (i, pattern) in config.rules.iter().enumerate().filter_map(|(i, rule)| Some((i, rule.data_type.as_ref()?))) {
        check(["rules", &i.to_string(), "data_type"], globset::Glob::new(pattern));
    }
    let encodings = config.encodings.iter().map(|entry| (&entry.cluster, &entry.path, &entry.app));
    let rules = config.rules.iter().map(|rule| (&rule.cluster, &rule.path, &rule.app));
    let encodings = encodings.enumerate().map(|(i, scope)| ("encodings", i, scope));
    for (table, i, (cluster, path, app)) in encodings.chain(rules.enumerate().map(|(i, scope)| ("rules", i, scope))) {
        let i = i.to_string();
        for (last, pattern) in [("cluster", cluster), ("app", app)] {
            if let Some(pattern) = pattern {
                check([table, &i, last], globset::Glob::new(pattern));
            }
        }
        if let Some(path) = path {
            check([table, &i, "path"], path_glob(path));
        }
    }
}

fn encodings(config: &Config, found: &mut Found) {
    for (i, entry) in config.encodings.iter().enumerate() {
        if let Err(message) = encoding(&entry.encoding) {
            found.at(&["encodings", &i.to_string(), "encoding"], message);
        }
    }
}

/// The encoding of a label.
///
/// # Errors
/// There is none; the message names labels that are near.
pub fn encoding(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(label).ok_or_else(|| {
        let labels: Vec<_> = Encoding::all().flat_map(Encoding::labels).collect();
        let mut near: Vec<&str> = nearest(&label.to_lowercase(), &labels).into_iter().copied().collect();
        near.dedup_by_key(|label| Encoding::for_label(label));
        near.truncate(3);
        if near.is_empty() {
            near = vec!["utf-8", "gb18030", "windows-1252"];
        }
        let near = near.join(", ");
        format!("{label:?} is not a label of an encoding, such as {near}; docs/encodings.md has all")
    })
}

/// The plan of the defaults, and the one of each rule alone over them.
fn plans(config: &Config, found: &mut Found) {
    let alone = |rules| {
        Planner::new(&Config { rules, apps: Vec::new(), encodings: Vec::new(), ..config.clone() })
            .ok()
            .map(|p| p.plan("", "").1)
    };
    if let Some(plan) = alone(Vec::new()) {
        one_plan(config, &plan, &["plan"], found);
    }
    for (i, rule) in config.rules.iter().enumerate() {
        let everywhere =
            crate::Rule { cluster: None, path: None, app: None, data_type: None, min_priority: None, ..rule.clone() };
        if let (Some(plan), Some(base)) = (alone(vec![everywhere]), alone(Vec::new()))
            && plan != base
        {
            // What is wrong with the defaults already is not the rule's fault.
            let (mut of_base, mut of_rule) = (Found::default(), Found::default());
            one_plan(config, &base, &[], &mut of_base);
            one_plan(config, &plan, &[], &mut of_rule);
            of_rule.0.retain(|problem| !of_base.0.contains(problem));
            found.0.extend(
                of_rule.0.into_iter().map(|(key, message)| {
                    (["rules".to_owned(), i.to_string()].into_iter().chain(key).collect(), message)
                }),
            );
        }
    }
}

fn one_plan(config: &Config, plan: &Plan, table: &[&str], found: &mut Found) {
    let mut add = |last: &str, message: String| found.at(&[table, &[last]].concat(), message);
    let room = config.kafka.message_bytes.0.saturating_sub(HEADER_BYTES);
    for (key, bytes) in
        [("raw_bytes", plan.raw_bytes), ("plain_bytes", plan.plain_bytes), ("text_bytes", plan.text_bytes)]
    {
        if bytes == 0 {
            add(key, "must be more than 0".into());
        } else if u64::from(bytes) > room {
            add(
                key,
                format!(
                    "{} does not fit into kafka.message_bytes ({}) with {} for headers: at most {room} B",
                    Size(bytes.into()),
                    config.kafka.message_bytes,
                    Size(HEADER_BYTES)
                ),
            );
        }
    }
    if plan.line_bytes > plan.text_bytes {
        add(
            "line_bytes",
            format!("{} is more than text_bytes ({})", Size(plan.line_bytes.into()), Size(plan.text_bytes.into())),
        );
    }
    // A character of UTF-8 has up to four bytes, and a part holds one at least.
    if plan.line_bytes < 4 {
        add("line_bytes", "must be at least 4".into());
    }
    if let Some(pattern) = &plan.record_start
        && let Err(error) = RecordStart::new(pattern)
    {
        add("record_start", format!("{pattern:?} {error}"));
    }
    if let Some(message) = patterns::of_plan(plan) {
        add("patterns", message);
    }
    if plan.max_ratio == 0 {
        add("max_ratio", "must be at least 1".into());
    }
    if plan.max_bytes == 0 {
        add("max_bytes", "must be more than 0".into());
    }
    if !plan.window_bytes.is_power_of_two() || !(1 << 10..=1 << 31).contains(&plan.window_bytes) {
        add("window_bytes", "must be a power of two from 1 KiB to 2 GiB".into());
    }
    if let Some(Err(message)) = plan.encoding.as_deref().map(encoding) {
        add("encoding", message);
    }
    match encoding(&plan.default_encoding) {
        Ok(encoding) if encoding.family().extends_ascii() => {}
        Ok(encoding) => add(
            "default_encoding",
            format!(
                "{} does not extend ASCII, and what is too little evidence is nearly all ASCII: name its files in \
                 [[encodings]]",
                encoding.name()
            ),
        ),
        Err(message) => add("default_encoding", message),
    }
    if !config.channel_groups.contains_key(&plan.channel_group) {
        let known = config.channel_groups.keys().cloned().collect::<Vec<_>>().join(", ");
        add("channel_group", format!("there is no channel group {:?}; groups are {known}", plan.channel_group));
    }
}
