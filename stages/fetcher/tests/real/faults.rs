//! One cluster at its worst, and what the other gets meanwhile: a path of 64 KB/s, a DataNode killed amid a read, a NameNode
//! that accepts and never answers. `make worst` looks for longer (`WORST=full`), alone on the machine.

use crate::bench::{Chain, Fetcher, RAW_BYTES, free_address, metric};
use logmill_core::event::Event as Happening;
use logmill_stack::{ServerId, Stack, Wanted, shared};
use std::time::{Duration, Instant};

/// Bytes a second of the narrow path.
const NARROW: u32 = 64_000;
/// Bytes of what HDFS sends at a time.
const PACKET: f64 = 65_536.0;
/// Wider: what is under way when a server dies has passed within a second or two.
const WIDER: u32 = 4_000_000;
/// Chunks of a file of the other cluster: it must not end before the last of what happens to it.
const LONG: usize = 4000;
/// Seconds' worth of files that wait in the sound cluster at least.
const AHEAD: u64 = 4;
/// What the sound cluster must get of what it got before.
const SHARE: f64 = 0.6;

/// How long is looked, and the bytes a second that the sound cluster is held to, so that it has as much to do all the time.
fn size() -> (Duration, u64) {
    let full = std::env::var("WORST").is_ok_and(|size| size == "full");
    if full { (Duration::from_secs(20), 8 << 20) } else { (Duration::from_secs(3), 2 << 20) }
}

/// A sound cluster, `a`, which has always something to do, and one in trouble, `sick`.
struct Two {
    chain: Chain,
    fetcher: Fetcher,
    /// Of the fetcher's metrics.
    address: String,
    /// Of the sound cluster: files and bytes that were put there.
    files: usize,
    put: u64,
}

impl Two {
    fn fetched(&self, cluster: &str) -> u64 {
        metric(&self.address, "bytes_total", cluster).unwrap_or(0)
    }

    fn feed(&mut self) {
        let (_, rate) = size();
        while self.put < self.fetched("a") + AHEAD * rate {
            // Lengths differ, so that contents do.
            let length = rate as usize / 2 + self.files;
            self.chain.put("a", &format!("steady {}", self.files), length);
            (self.files, self.put) = (self.files + 1, self.put + length as u64);
        }
    }

    /// Looks for as long as is looked, and on until it is so. Bytes a second that came of each cluster.
    fn look(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) -> (f64, f64) {
        let (begun, before) = (Instant::now(), (self.fetched("a"), self.fetched("sick")));
        while begun.elapsed() < size().0 || !is_so(self) {
            assert!(begun.elapsed() < size().0 + Duration::from_secs(60), "still not: {what}");
            self.feed();
            std::thread::sleep(Duration::from_millis(100));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let rate = |cluster, before| (self.fetched(cluster) - before) as f64 / seconds;
        let (sound, sick) = (rate("a", before.0), rate("sick", before.1));
        println!("{what}: {seconds:.1} s, the sound cluster {:.2} MB/s, the other {:.3} MB/s", sound / 1e6, sick / 1e6);
        (sound, sick)
    }

    fn parked(&self) -> usize {
        let events = self.chain.events();
        events.iter().filter(|e| e.cluster == "sick" && matches!(e.event, Happening::Parked { .. })).count()
    }
}

#[test]
fn a_narrow_path_a_killed_datanode_and_a_silent_namenode_make_no_other_cluster_slower() {
    let wanted = Wanted { hdfs: vec!["sick".into()], apart: vec!["sick".into()], ..Wanted::default() };
    let stack = Stack::start(&logmill_stack::default_dir(), &wanted).unwrap();
    let chain = Chain::new("worst", &[("a", shared::hdfs(0).into()), ("sick", stack.hdfs("sick").into())]);
    let address = free_address();
    let rate = format!("{} B", size().1);
    let settings = [
        ("LOGMILL__HTTP__LISTEN", &*address),
        ("LOGMILL__CLUSTERS__A__BYTES_PER_SECOND", &*rate),
        // HDFS sends 64 KiB at a time: two files at 64 KB/s get theirs each two seconds.
        ("LOGMILL__CLUSTERS__SICK__COROUTINES", "2"),
        ("LOGMILL__CLUSTERS__SICK__CALL_TIMEOUT", "5s"),
    ];
    let fetcher = chain.fetcher_with("s0", &settings);
    let mut two = Two { chain, fetcher, address, files: 0, put: 0 };
    two.feed();
    let first = size().1;
    two.look("the first files come", |two| two.fetched("a") > first);
    let (before, _) = two.look("before", |_| true);
    let slower = |(sound, _): (f64, f64)| assert!(sound > SHARE * before, "{sound} of {before} bytes a second");

    // They come by the same path: the fetcher sees them when it is narrow.
    two.fetcher.pause();
    for n in 0..2 {
        two.chain.put("sick", &format!("long {n}"), LONG * RAW_BYTES + n);
    }
    stack.path("sick").narrow(Some(NARROW));
    two.fetcher.resume();
    two.look("a narrow path begins", |two| two.fetched("sick") > 0);
    let (begun, stood) = (Instant::now(), two.fetched("sick"));
    slower(two.look("a path of 64 KB/s", |two| two.fetched("sick") > stood + 4 * u64::from(NARROW)));
    // What had come of the packets under way before, one for each coroutine, counts when they are whole.
    let (came, most) = (two.fetched("sick") - stood, f64::from(NARROW) * begun.elapsed().as_secs_f64() + 2.0 * PACKET);
    assert!(came as f64 <= most, "{came} bytes came over the narrow path, {most} can");
    assert_eq!(two.parked(), 0, "what is slow moves");

    stack.path("sick").narrow(Some(WIDER));
    stack.kill(&ServerId::DataNode("sick".into())).unwrap();
    slower(two.look("a DataNode killed amid reads: its files are parked", |two| two.parked() >= 2));
    stack.restart(&ServerId::DataNode("sick".into())).unwrap();
    let stood = two.fetched("sick");
    two.look("it is back", |two| two.fetched("sick") > stood);

    // What is open is read to its end without a word of the NameNode's; the next call is not answered.
    stack.pause(&ServerId::Hdfs("sick".into())).unwrap();
    stack.path("sick").narrow(None);
    let parked = two.parked();
    slower(two.look("a NameNode that accepts and never answers: its files are parked", |two| two.parked() > parked));
    stack.resume(&ServerId::Hdfs("sick".into())).unwrap();
    slower(two.look("afterwards", |_| true));
    two.chain.check();
    assert!(two.fetcher.terminate().success());
}
