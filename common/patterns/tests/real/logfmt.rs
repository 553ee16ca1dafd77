//! Logfmt: runc, a program in Go that logs by logrus; and Rust's `tracing` with the formatter `tracing-logfmt`.

use crate::place::{Place, command};
use crate::reading::{Cut, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::prerequisites::Program;
use std::fs::File;
use std::sync::Arc;

#[test]
fn logrus() {
    let place = Place::new();
    let refused = |flags: &[&str], arguments: &[&str]| {
        let mut runc = command(Program::Runc);
        runc.arg("--root").arg(place.path("root")).arg("--log").arg(place.path("log")).args(flags).args(arguments);
        let ended = runc.output().unwrap_or_else(|error| panic!("runc: {error}"));
        assert!(!ended.status.success(), "{ended:?}");
    };
    refused(&[], &["run", "--bundle", "/no\"where/a=b c", "one"]);
    refused(&["--debug"], &["state", "no name"]);
    refused(&["--debug"], &["delete", "日志"]);

    let log = place.read("log");
    let read = check("runc", &log, Cut::Lines, BuiltIn::Logfmt, "logfmt", true, &["msg"]);
    assert!(read.len() >= 3 && read.iter().all(|r| r.level == Level::Error), "{log}");
    let bundle = one(&read, "a bundle", |r| r.get("msg").contains("/no\"where/a=b c: no such file or directory"));
    assert_eq!(bundle.fields.len(), 1, "{bundle:?}");
    assert!(read.iter().any(|r| r.get("file").starts_with("utils.go:") && r.get("func").starts_with("main.")), "{log}");
}

/// What a program says, within spans that have values of their own.
fn write() {
    let _request = tracing::info_span!("request", request = 17, user = "jane doe").entered();
    tracing::info!(invoices = 3, sum = 17.5, is_paid = true, "charged 3 invoices: \"done\" [really] - x=1");
    let _query = tracing::debug_span!("a query", table = "a=b").entered();
    let error = std::io::Error::other("it's\n\"over\" lines\tC:\\logs");
    tracing::error!(error = &error as &dyn std::error::Error, "boom");
    tracing::warn!(target: "shop", "日志 é");
    tracing::debug!(answer = ?Some("a\nb"), nothing = "", below = -7, "a \u{1b}[1mcolour");
    tracing::trace!("last");
}

#[test]
fn tracing() {
    let place = Place::new();
    let log = File::create(place.path("log")).expect("a file of ours");
    let subscriber = tracing_logfmt::builder().with_location(true).subscriber_builder();
    let subscriber = subscriber.with_max_level(tracing::Level::TRACE).with_writer(Arc::new(log)).finish();
    tracing::subscriber::with_default(subscriber, write);

    let log = place.read("log");
    let wanted = &["target", "location", "span", "span_path", "message", "request", "user"];
    let read = check("tracing", &log, Cut::Lines, BuiltIn::Logfmt, "logfmt", true, wanted);
    assert_eq!(
        read.iter().map(|r| r.level).collect::<Vec<_>>(),
        [Level::Info, Level::Error, Level::Warn, Level::Debug, Level::Trace]
    );
    assert!(read.iter().all(|r| (r.get("request"), r.get("user")) == ("17", "jane doe")), "{log}");
    let [charged, boom, shop, debug, last] = &read[..] else { panic!("{log}") };
    assert_eq!(charged.get("message"), "charged 3 invoices: \"done\" [really] - x=1");
    assert_eq!([charged.get("invoices"), charged.get("sum"), charged.get("is_paid")], ["3", "17.5", "true"]);
    assert_eq!((boom.get("error"), boom.get("message")), ("it's\n\"over\" lines\tC:\\logs", "boom"));
    assert_eq!([boom.get("span"), boom.get("span_path"), boom.get("table")], ["a query", "request>a query", "a=b"]);
    assert_eq!((shop.get("target"), shop.get("message")), ("shop", "日志 é"));
    assert_eq!([debug.get("answer"), debug.get("below")], ["Some(\"a\\nb\")", "-7"]);
    assert_eq!((debug.get("message"), debug.get("nothing")), ("a \u{1b}[1mcolour", ""));
    assert!(last.get("location").contains("logfmt.rs:"), "{last:?}");
}
