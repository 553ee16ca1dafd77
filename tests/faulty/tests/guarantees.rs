//! Each guarantee is switched off at its fault point, on the real broker, engine and HDFS, and the comparison with the
//! original files sees it; the same faults with all guarantees on leave every line there once.
//!
//! The look-up of the INSERT (the anti-join) mends rows that come twice, whoever sent them twice. Where the doubled lines
//! of another guarantee are to be seen, it is switched off too, in the control as well.

use logmill_config::Layout;
use logmill_faulty::{DEADLY, Fixture, POISON, Trial, fixture};
use std::time::Duration;

#[test]
fn no_program_that_is_shipped_has_fault_points() {
    let (fixture, _turn) = fixture();
    let has = |program: &std::path::Path| {
        let bytes = std::fs::read(program).expect("a program");
        bytes.windows(14).any(|window| window == b"LOGMILL_FAULTS")
    };
    assert!(has(&fixture.faulty), "where they are, they are found");
    let folder = fixture.faulty.parent().expect("a folder of programs");
    for name in [
        "",
        "-fetcher",
        "-decompressor",
        "-reencoder",
        "-decoder",
        "-distributor",
        "-splitter",
        "-loader",
        "-parser",
        "-ingester",
    ] {
        let program = folder.join(format!("logmill{name}"));
        assert!(!program.exists() || !has(&program), "{} has fault points", program.display());
    }
}

/// The fetcher and the decoder die in the middle of files, the decoder also in the middle of a chunk, and a transaction of
/// the decoder is aborted.
const FETCHER: &str = "die:file-begun:2";
const DECODER: &str = "die:amid-file:3;die:amid-chunk:2;fail:before-offsets:4";
const CARRIED_OUT: [&str; 4] = ["die-file-begun", "die-amid-file", "die-amid-chunk", "fail-before-offsets"];

/// What a fault leaves behind does harm or not by where the transactions ended just then: one of three trials has to show
/// what is lost or doubled without the guarantee.
fn does_harm(name: &str, harm: impl Fn(&str) -> bool) {
    assert!((1..=3).any(|trial| harm(&format!("{name}{trial}"))), "three trials did no harm");
}

fn with_deaths(fixture: &'static Fixture, name: &str, fetcher: &str, decoder: &str) -> Trial {
    let trial = Trial::new(fixture, &fixture.small, name, |_| ());
    trial.start_others(&["fetcher", "decoder", "loader"]);
    trial.start_faulty("loader", 0, "off:anti-join");
    trial.start_faulty("decoder", 0, &format!("{DECODER};{decoder}"));
    trial.start_faulty("fetcher", 0, &format!("{FETCHER};{fetcher}"));
    trial
}

#[test]
fn deaths_and_an_abort_leave_every_line_once() {
    let (fixture, _turn) = fixture();
    with_deaths(fixture, "deaths", "", "").assert_exact(&CARRIED_OUT);
}

#[test]
fn without_s_the_rest_of_a_file_is_headless_and_lost() {
    let (fixture, _turn) = fixture();
    does_harm("nofirst", |name| {
        let trial = with_deaths(fixture, name, "", "weak:S");
        trial.loses("S", &CARRIED_OUT) && trial.rejects("headless") > 0
    });
}

#[test]
fn with_h_one_too_low_a_chunk_is_sent_twice() {
    let (fixture, _turn) = fixture();
    does_harm("lownext", |name| with_deaths(fixture, name, "", "weak:H").doubles("H", &CARRIED_OUT));
}

#[test]
fn without_k_the_first_outputs_of_a_chunk_are_sent_twice() {
    let (fixture, _turn) = fixture();
    does_harm("nok", |name| with_deaths(fixture, name, "", "weak:k").doubles("k", &CARRIED_OUT));
}

#[test]
fn who_goes_on_after_an_abort_without_reading_again_loses_what_was_aborted() {
    let (fixture, _turn) = fixture();
    let off = "seek-after-abort";
    does_harm("noseek", |name| with_deaths(fixture, name, "", &format!("off:{off}")).loses(off, &CARRIED_OUT));
}

#[test]
fn a_fetcher_that_starts_a_file_over_is_found_out_by_the_numbers_of_its_chunks() {
    let (fixture, _turn) = fixture();
    does_harm("nonext", |name| {
        let trial = with_deaths(fixture, name, "off:next-byte", "");
        trial.loses("next-byte", &CARRIED_OUT) && trial.rejects("out-of-order") > 0
    });
}

/// The loader dies between an INSERT and the commit of its offset.
fn with_a_dead_loader(fixture: &'static Fixture, name: &str, loader: &str) -> Trial {
    let trial = Trial::new(fixture, &fixture.small, name, |_| ());
    trial.start_others(&["loader"]);
    trial.start_faulty("loader", 0, &format!("die:inserted:1;{loader}"));
    trial
}

#[test]
fn an_insert_that_is_repeated_leaves_every_line_once() {
    let (fixture, _turn) = fixture();
    with_a_dead_loader(fixture, "repeated", "").assert_exact(&["die-inserted"]);
}

#[test]
fn without_the_anti_join_a_repeated_insert_doubles_its_rows() {
    let (fixture, _turn) = fixture();
    does_harm("nojoin", |name| {
        with_a_dead_loader(fixture, name, "off:anti-join").doubles("anti-join", &["die-inserted"])
    });
}

/// The ingester dies in the middle of a chunk, of a file, and between an INSERT and the commit of its offset.
fn with_a_dead_ingester(fixture: &'static Fixture, name: &str, ingester: &str) -> Trial {
    let trial = Trial::laid_out(fixture, &fixture.small, name, Layout::Direct, |_| ());
    trial.start_others(&["ingester"]);
    trial.start_faulty("ingester", 0, &format!("die:amid-file:2;die:amid-chunk:3;die:inserted:1;{ingester}"));
    trial
}

const INGESTER_DIED: [&str; 3] = ["die-amid-file", "die-amid-chunk", "die-inserted"];

#[test]
fn an_ingester_that_dies_anywhere_leaves_every_line_once() {
    let (fixture, _turn) = fixture();
    with_a_dead_ingester(fixture, "ingested", "").assert_exact(&INGESTER_DIED);
}

#[test]
fn without_the_anti_join_a_batch_that_is_ingested_again_doubles_its_rows() {
    let (fixture, _turn) = fixture();
    does_harm("ingestjoin", |name| {
        with_a_dead_ingester(fixture, name, "off:anti-join").doubles("anti-join", &INGESTER_DIED)
    });
}

/// Longer than any process is stopped here.
const LONG: Duration = Duration::from_secs(60);

/// A decoder stops before it commits, for longer than its session; another does all that is left; then it wakes.
fn with_a_zombie(fixture: &'static Fixture, name: &str, decoder: &str) -> Trial {
    let trial = Trial::new(fixture, &fixture.small, name, |config| config.transaction.timeout = LONG);
    trial.start_others(&["decoder", "loader"]);
    trial.start_faulty("loader", 0, "off:anti-join");
    trial.start_faulty("decoder", 0, &format!("hold:commit:6;mark:commit-over:6;{decoder}"));
    trial.until("a decoder is about to commit", || trial.is_done("hold-commit"));
    trial.signal("decoder-0", libc::SIGSTOP);
    trial.start("decoder", 1);
    trial.until("another has taken all over", || trial.is_idle(&["fetcher", "decoder"]));
    trial.release("commit");
    trial.signal("decoder-0", libc::SIGCONT);
    trial
}

const WOKEN: [&str; 2] = ["hold-commit", "mark-commit-over"];

#[test]
fn a_zombie_cannot_commit_under_the_metadata_of_its_assignment() {
    let (fixture, _turn) = fixture();
    with_a_zombie(fixture, "zombie", "").assert_exact(&WOKEN);
}

#[test]
fn a_zombie_that_asks_for_the_metadata_when_it_commits_overwrites_its_successor() {
    let (fixture, _turn) = fixture();
    does_harm("nogroup", |name| with_a_zombie(fixture, name, "off:group-metadata").doubles("group-metadata", &WOKEN));
}

const INSERTS: &str = "SELECT count() FROM system.processes WHERE current_database = currentDatabase() \
                       AND query LIKE 'INSERT INTO rows%'";

/// A loader stops in the middle of an INSERT that the server has begun with, for longer than its session; another takes
/// the batch over.
fn with_a_half_sent_insert(fixture: &'static Fixture, name: &str, off: &str) -> Trial {
    let trial = Trial::new(fixture, &fixture.large, name, |config| {
        config.transaction.timeout = LONG;
        config.clickhouse.batch_interval = Duration::from_secs(2);
    });
    trial.start_others(&["loader"]);
    trial.until("all is split", || trial.is_idle(&["fetcher", "decoder", "distributor", "splitter"]));
    trial.start_faulty("loader", 0, &format!("hold:insert-begun:1;{off}"));
    trial.until("an INSERT is half sent", || trial.is_done("hold-insert-begun"));
    trial.until("the server has begun with it", || trial.number(INSERTS) > 0);
    // Where it has no more to do it has no transaction open, for the end of which its successor would wait.
    trial.until("all else is loaded", || trial.has_one_batch_left());
    trial.signal("loader-0", libc::SIGSTOP);
    trial.start_faulty("loader", 1, off);
    trial
}

#[test]
fn the_server_refuses_an_insert_while_the_same_one_runs() {
    let (fixture, _turn) = fixture();
    let trial = with_a_half_sent_insert(fixture, "halfsent", "");
    trial.until("the successor is refused", || trial.says("loader-1", "the same INSERT is running already"));
    trial.release("insert-begun");
    trial.signal("loader-0", libc::SIGCONT);
    trial.assert_exact(&["hold-insert-begun"]);
}

#[test]
fn with_another_query_id_for_the_same_batch_both_inserts_let_its_rows_in() {
    let (fixture, _turn) = fixture();
    does_harm("noid", |name| {
        let trial = with_a_half_sent_insert(fixture, name, "off:query-id");
        trial.through();
        assert!(trial.compare().is_exact(), "the successor's INSERT has let them in");
        trial.release("insert-begun");
        trial.signal("loader-0", libc::SIGCONT);
        trial.until("the late INSERT is over", || trial.number(INSERTS) == 0);
        trial.doubles("query-id", &["hold-insert-begun"])
    });
}

/// A stage dies of one chunk, again and again. How many lines of the deadly file are in the table, from where to where, and
/// how many rows were rejected with the chunk.
fn with_a_deadly_chunk(fixture: &'static Fixture, name: &str, stage: &str) -> [u64; 4] {
    const ATTEMPTS: u32 = 3;
    let layout = if stage == "ingester" { Layout::Direct } else { Layout::Fused };
    let trial = Trial::laid_out(fixture, &fixture.deadly, name, layout, |config| config.worker.attempts = ATTEMPTS);
    trial.start_others(&[stage]);
    trial.start_faulty(stage, 0, &format!("poison:{POISON}"));
    trial.through_with(1);
    let found = trial.compared(true);
    assert!(found.is_exact(), "all around it is loaded: {}", found.report);
    let deaths: u32 = trial.processes.list().iter().map(|process| process.deaths).sum();
    // The deaths count from when all before the chunk is committed; until then each restart commits one chunk more.
    assert!((ATTEMPTS..ATTEMPTS + 10).contains(&deaths), "it died {deaths} times, and was let {ATTEMPTS} times");
    assert_eq!(trial.rejects("decree"), 1);
    assert_eq!(trial.rejects("headless") + trial.rejects("out-of-order"), 0);
    let (path, ..) = DEADLY;
    // A file that was given up is not proven, and reconcile says so until a person has looked at it.
    let proof = trial.chain.logmill(&["reconcile"]).expect("logmill reconcile runs");
    let proof = String::from_utf8_lossy(&proof.stdout).into_owned();
    let failed: Vec<_> = proof.lines().filter(|line| line.starts_with("FAILED")).collect();
    let named = failed.iter().filter(|line| line.contains(path) && line.contains("gave it up (decree)")).count();
    assert_eq!((failed.len(), named), if stage == "splitter" { (0, 0) } else { (1, 1) }, "{proof}");
    let of_file = |sql: &str| trial.number(&format!("{sql} WHERE path = '{path}'"));
    [
        of_file("SELECT uniqExact(line) FROM rows"),
        of_file("SELECT min(line) FROM rows"),
        of_file("SELECT max(line) FROM rows"),
        of_file("SELECT sum(rows) FROM rejects"),
    ]
}

#[test]
fn a_chunk_that_kills_its_decoder_ends_its_file_and_no_other() {
    let (fixture, _turn) = fixture();
    let (_, count, deadly) = DEADLY;
    let [lines, first, last, _] = with_a_deadly_chunk(fixture, "deadlyfile", "decoder");
    // The file ends before the chunk; a line that was cut there is a row too.
    assert_eq!((first, last), (1, lines));
    assert!(last <= deadly && deadly - last < 200, "line {last} is the last one of {count}, {deadly} is deadly");
}

#[test]
fn a_chunk_that_kills_its_ingester_ends_its_file_and_no_other() {
    let (fixture, _turn) = fixture();
    let (_, count, deadly) = DEADLY;
    let [lines, first, last, _] = with_a_deadly_chunk(fixture, "deadlyingest", "ingester");
    assert_eq!((first, last), (1, lines));
    assert!(last <= deadly && deadly - last < 200, "line {last} is the last one of {count}, {deadly} is deadly");
}

#[test]
fn a_chunk_that_kills_its_splitter_is_a_hole_in_its_file() {
    let (fixture, _turn) = fixture();
    let (_, count, _) = DEADLY;
    let [lines, first, last, rejected] = with_a_deadly_chunk(fixture, "deadlychunk", "splitter");
    assert_eq!((first, last), (1, count));
    assert!(rejected > 0 && lines + rejected == count, "{lines} lines loaded and {rejected} rejected of {count}");
}
