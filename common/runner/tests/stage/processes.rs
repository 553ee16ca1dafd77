//! What processes of one stage do together.

use crate::place::{File, PARTITIONS, Place};
use crate::running::*;
use crate::shout::{Shout, Startled};
use logmill_core::wire::Kind;
use logmill_runner::run_stage;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[test]
fn two_processes_of_which_one_is_killed_again_and_again_bring_every_byte_exactly_once() {
    let place = Place::new();
    let files: Vec<_> = (0..12).map(|n| File::new(n, 100_000 + 7_001 * n)).collect();
    let steady = Running::start(&place, "steady");
    let mut victim = Running::start(&place, "victim");
    let mut seen = 0;
    for some in files.chunks(4) {
        place.publish(some);
        until("the stage goes on", || place.count("out") > seen + 20);
        seen = place.count("out");
        victim.kill();
        victim = Running::start(&place, "victim");
    }
    let ends = |output: &[logmill_core::wire::WireChunk]| {
        output.iter().filter(|chunk| matches!(chunk.kind, Kind::End(_))).count()
    };
    until("every file ends", || ends(&place.output("out")) >= files.len());
    for process in [steady, victim] {
        assert!(process.terminate().success(), "SIGTERM is obeyed");
    }
    let output = place.output("out");
    for file in &files {
        file.check(&output);
    }
    assert_eq!(ends(&output), files.len());
    assert_eq!(place.count("events"), files.len(), "one event a file");
    assert_eq!(place.count("dead"), 0);
    // Nothing is left to do: what a successor would read begins at the end.
    for (partition, committed) in place.admin.committed(&place.name, &place.partitions("in")).expect("positions") {
        let committed = committed.expect("offset 0 was committed");
        let position = logmill_protocol::worker::Position::decode(&committed).expect("a position");
        assert_eq!(position.first, position.next, "{partition}");
        let from = position.next.0;
        assert!(place.admin.read(&partition, from, None, 1).expect("readable").is_empty(), "{partition}");
    }
}

#[test]
fn of_two_processes_with_one_slot_the_one_that_is_fenced_says_what_to_look_at() {
    let place = Place::new();
    let mut older = Running::start_with(&place, "same", Stdio::piped());
    let lines = BufReader::new(older.0.stderr.take().expect("its log")).lines();
    let said = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&said);
    let hint = format!("transactional.id {}.same.", place.name);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok).filter(|line| line.contains(&hint)) {
            says.fetch_or(line.contains("is worker.slot unique?"), Ordering::Relaxed);
        }
    });
    place.publish(&[File::new(0, 10_000)]);
    until("the older works", || place.count("out") > 0);
    let younger = Running::start(&place, "same");
    let mut number = 1;
    until("the older says that it was fenced", || {
        place.publish(&[File::new(number, 10_000)]);
        number += 1;
        said.load(Ordering::Relaxed)
    });
    for process in [older, younger] {
        process.kill();
    }
}

#[test]
fn a_stage_whose_output_topic_is_missing_ends_at_once_and_names_it() {
    let place = Place::new();
    let stop = Arc::new(AtomicBool::new(false));
    let mut settings = place.settings("w", &stop);
    settings.machine.routes.dead_letters.topic = "no-such-topic".into();
    let why = run_stage(&settings, || Ok(Shout)).expect_err("a topic is missing");
    assert!(format!("{why:#}").contains("no-such-topic"), "{why:#}");
    assert!(stop.load(Ordering::Relaxed), "the process ends");
}

#[test]
fn what_workers_do_shows_in_the_metrics() {
    let place = Place::new();
    place.publish(&[File::new(0, 10_000)]);
    let stop = Arc::new(AtomicBool::new(false));
    let settings = place.settings("w", &stop);
    let telemetry = settings.telemetry.clone();
    let stage = std::thread::spawn(move || run_stage(&settings, || Ok(Shout)));
    let partition = PARTITIONS;
    let shows = |line: &str| telemetry.metrics().lines().any(|found| found == line);
    until("metrics tell of the file", || shows("logmill_stage_bytes_in_total 10000") && telemetry.dead().is_empty());
    let at = File::new(0, 10_000).meta.file_id.partition(partition);
    until("nothing waits", || {
        shows(&format!("logmill_stage_lag{{topic=\"{}\",partition=\"{at}\"}} 0", place.topic("in")))
    });
    stop.store(true, Ordering::Relaxed);
    stage.join().expect("no panic").expect("it stops as asked");
    assert!(!telemetry.metrics().contains("logmill_stage_lag{"), "partitions that were given up are not shown");
}

/// Sets flags when it goes, so that a test that fails does not wait for its stage.
struct AtLast<'a>([&'a AtomicBool; 2]);

impl Drop for AtLast<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
    }
}

#[test]
fn a_process_is_ready_while_all_of_its_workers_have_their_share() {
    let place = Place::new();
    let stop = Arc::new(AtomicBool::new(false));
    let settings = place.settings("w", &stop);
    let probes = settings.telemetry.serve("127.0.0.1:0").expect("a free port");
    let ready = || {
        let mut probe = TcpStream::connect(probes).expect("the probes are served");
        probe.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        probe.read_to_string(&mut answer).expect("an answer");
        answer.lines().next().is_some_and(|status| status.contains(" 200 "))
    };
    assert!(!ready(), "nothing runs");
    // One of the two workers panics at its first chunk, and its next life begins only when the test says so.
    let (startled, lives, go_on) = (AtomicBool::new(true), AtomicU32::new(0), AtomicBool::new(false));
    let make = || {
        if lives.fetch_add(1, Ordering::Relaxed) >= settings.threads {
            until("the test goes on", || go_on.load(Ordering::Relaxed));
        }
        Ok(Startled(&startled))
    };
    std::thread::scope(|scope| {
        let _end = AtLast([&stop, &go_on]);
        let stage = scope.spawn(|| run_stage(&settings, make));
        until("all have their share", ready);
        place.publish(&[File::new(0, 10_000)]);
        until("one panicked", || !ready());
        go_on.store(true, Ordering::Relaxed);
        until("it began anew", ready);
        stop.store(true, Ordering::Relaxed);
        stage.join().expect("panics are caught").expect("it stops as asked");
    });
    assert!(!ready(), "nothing runs any more");
}
