//! One stack a test process, for tests that do not break servers: each server starts when first asked for, and ends
//! with the process. Take names of your own (topics, databases, folders): other tests run beside you.
//!
//! `LOGMILL_STACK=FILE` takes the servers of a running stack (`logmill-stack up`) from its state file instead.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::addresses::{Addresses, BucketAddress, ClickHouseAddress, HdfsAddress, State};
use crate::stack::{Stack, Wanted};

/// Kafka's bootstrap servers.
///
/// # Panics
/// When it cannot be started: the test cannot go on.
pub fn kafka() -> &'static str {
    static PLACE: OnceLock<String> = OnceLock::new();
    PLACE.get_or_init(|| {
        let given = running().map(|given| given.kafka).filter(|kafka| !kafka.is_empty());
        given.unwrap_or_else(|| start(Wanted { brokers: 1, ..Wanted::default() }).kafka)
    })
}

/// ClickHouse.
///
/// # Panics
/// When it cannot be started: the test cannot go on.
pub fn clickhouse() -> &'static ClickHouseAddress {
    static PLACE: OnceLock<ClickHouseAddress> = OnceLock::new();
    PLACE.get_or_init(|| {
        let given = running().and_then(|given| given.clickhouse);
        given.unwrap_or_else(|| {
            let started = start(Wanted { clickhouse: true, ..Wanted::default() });
            started.clickhouse.expect("it was wanted")
        })
    })
}

/// Two ClickHouse engines, each a shard of the cluster `logmill`.
///
/// # Panics
/// When they cannot be started: the test cannot go on.
pub fn two_clickhouses() -> &'static [ClickHouseAddress; 2] {
    static PLACES: OnceLock<[ClickHouseAddress; 2]> = OnceLock::new();
    PLACES.get_or_init(|| {
        let wanted = Wanted { clickhouse: true, second_clickhouse: true, ..Wanted::default() };
        let started = start(wanted);
        [started.clickhouse, started.second_clickhouse].map(|one| one.expect("it was wanted"))
    })
}

/// The HDFS cluster number `n`, counted from 0; each starts when first asked for.
///
/// # Panics
/// When it cannot be started: the test cannot go on.
pub fn hdfs(n: usize) -> &'static HdfsAddress {
    static PLACES: Mutex<BTreeMap<usize, &'static HdfsAddress>> = Mutex::new(BTreeMap::new());
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    places.entry(n).or_insert_with(|| {
        let given = running().and_then(|given| given.hdfs.into_values().nth(n));
        let place = given.unwrap_or_else(|| {
            let started = start(Wanted { hdfs: vec![format!("shared-{n}")], ..Wanted::default() });
            started.hdfs.into_values().next().expect("it was wanted")
        });
        Box::leak(Box::new(place))
    })
}

/// A bucket.
///
/// # Panics
/// When its server cannot be started: the test cannot go on.
pub fn bucket() -> &'static BucketAddress {
    static PLACE: OnceLock<BucketAddress> = OnceLock::new();
    PLACE.get_or_init(|| {
        let given = running().and_then(|given| given.buckets.into_values().next());
        given.unwrap_or_else(|| {
            let started = start(Wanted { buckets: vec!["shared".into()], ..Wanted::default() });
            started.buckets.into_values().next().expect("it was wanted")
        })
    })
}

/// The stack that `LOGMILL_STACK` names.
fn running() -> Option<Addresses> {
    let file = std::env::var_os("LOGMILL_STACK")?;
    match State::read(file.as_ref()) {
        Ok(state) => Some(state.addresses),
        Err(error) => panic!("LOGMILL_STACK: {error}"),
    }
}

/// The stacks of this process, ended by `end` at its exit.
static STACKS: Mutex<Vec<Stack>> = Mutex::new(Vec::new());

fn start(wanted: Wanted) -> Addresses {
    static AT_EXIT: OnceLock<()> = OnceLock::new();
    let stack = Stack::start(&crate::default_dir(), &wanted).unwrap_or_else(|error| panic!("{error}"));
    let addresses = stack.addresses().clone();
    STACKS.lock().unwrap_or_else(PoisonError::into_inner).push(stack);
    AT_EXIT.get_or_init(|| {
        // A static is never dropped: without this the data would lie there until the next start sweeps it up.
        // SAFETY: `end` takes nothing and does not unwind.
        unsafe { libc::atexit(end) };
    });
    addresses
}

extern "C" fn end() {
    if let Ok(mut stacks) = STACKS.try_lock() {
        stacks.clear();
    }
}
