//! What people see of the command itself: help, errors, exit codes.

mod bench;

use bench::Bench;
use clap::CommandFactory;
use std::time::Instant;

/// The help of every command, each with an example.
#[test]
fn help() {
    let bench = Bench::new();
    let mut all = Vec::new();
    names(&logmill_cli::args::Args::command(), &mut Vec::new(), &mut all);
    assert!(all.len() > 12, "{all:?}");
    for name in all {
        let arguments: Vec<_> = name.iter().map(String::as_str).chain(["--help"]).collect();
        let run = bench.run(&arguments);
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains("Example"), "{name:?} has no example");
        insta::assert_snapshot!(format!("help_{}", name.join("_")), run.stdout);
    }
}

fn names(command: &clap::Command, path: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    all.push(path.clone());
    for inner in command.get_subcommands() {
        path.push(inner.get_name().to_owned());
        names(inner, path, all);
        path.pop();
    }
}

#[test]
fn it_answers_within_a_second() {
    let bench = Bench::new();
    bench.run(&["--version"]);
    let start = Instant::now();
    assert_eq!(bench.run(&["--version"]).code, 0);
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
}

#[test]
fn what_is_wrong_on_the_command_line() {
    let bench = Bench::new();
    for (name, arguments) in [
        ("command", &["valdiate"][..]),
        ("option", &["validate", "--conect"]),
        ("missing", &["dry-run"]),
        ("value", &["lag", "--over", "soon"]),
    ] {
        let run = bench.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        insta::assert_snapshot!(format!("usage_{name}"), run.stderr);
    }
}

#[test]
fn what_is_wrong_in_the_configuration() {
    let bench = Bench::new();
    let run = bench.run(&["validate"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!("no_configuration", run.stderr);
    bench.file("logmill.toml", b"[kafka]\nbrokres = \"a:1\"\n");
    let run = bench.run(&["validate"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!("unknown_key", run.stderr);
    bench.file("logmill.toml", b"[worker]\nthreads = 0\n");
    let run = bench.run(&["status"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!("unsound", run.stderr);
}

#[test]
fn the_example_is_valid() {
    let bench = Bench::new();
    let example = bench.run(&["config", "example"]);
    bench.file("elsewhere.toml", example.stdout.as_bytes());
    let run = bench.run(&["--config", "elsewhere.toml", "validate"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("valid", run.stdout);
}

#[test]
fn the_completion_of_each_shell_knows_the_commands() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = bench.run(&["completion", shell]);
        assert!(run.code == 0 && run.stdout.contains("dry-run"), "{shell}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named_within_seconds() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"[kafka]\nbrokers = \"127.0.0.1:1\"\n[clickhouse]\nurl = \"http://127.0.0.1:1\"\n");
    let start = Instant::now();
    for command in [
        &["validate", "--connect"][..],
        &["topics", "plan"],
        &["migrate"],
        &["status"],
        &["lag"],
        &["dlq", "list"],
        &["files"],
        &["tap", "raw"],
        &["top", "--once"],
    ] {
        let run = bench.run(command);
        assert_eq!(run.code, 1, "{command:?}: {}", run.stderr);
        assert!(
            format!("{}{}", run.stdout, run.stderr).contains("127.0.0.1:1"),
            "{command:?}: {} {}",
            run.stdout,
            run.stderr
        );
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
