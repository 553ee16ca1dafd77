//! Java programs: logback by itself and with the usual layouts, Spring Boot, log4j 1.2 and 2; and the JVM's own log.

use crate::place::{Place, command};
use crate::reading::{Cut, Record, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::prerequisites::Program;
use logmill_stack::{Artifacts, Part, default_dir};
use std::process::Command;

/// `java` with some flags and the jars of a part, to run a main from its source.
fn java(place: &Place, part: Part, source: (&str, &str), flags: &[String]) -> Command {
    let artifacts =
        Artifacts::ensure(&default_dir().join("artifacts"), &[part]).unwrap_or_else(|error| panic!("{error}"));
    let mut class_path = place.folder().as_os_str().to_owned();
    class_path.push(":");
    class_path.push(artifacts.class_path(part));
    let mut java = command(Program::Java);
    java.args(["-XX:+UseSerialGC", "-Xshare:auto", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]).args(flags);
    java.arg("-cp").arg(class_path).arg(place.write(source.0, source.1));
    java
}

const WRITE: (&str, &str) = ("WriteLogs.java", include_str!("assets/WriteLogs.java"));

/// What `WriteLogs` says at INFO and above, by whatever layout with a logger.
fn check_events(what: &str, read: &[Record], has_thread: bool) {
    let charged = one(read, what, |r| r.get("message").starts_with("charged"));
    assert_eq!(charged.get("message"), "charged 3 invoices: done [really] - x=\"1\"", "{what}");
    assert_eq!(charged.level, Level::Info, "{what}");
    let logger = charged.get("logger");
    assert!(logger.ends_with(".InvoiceService") || logger == "InvoiceService", "{what}: {charged:?}");
    let boom = one(read, what, |r| r.get("message") == "boom");
    assert_eq!(boom.level, Level::Error, "{what}");
    assert!(boom.text.contains("\tat WriteLogs.write(") && boom.text.contains("Caused by: "), "{what}: {boom:?}");
    assert_eq!(one(read, what, |r| r.level == Level::Warn).get("message"), "日志 é", "{what}");
    let pool = one(read, what, |r| r.get("message") == "from a pool");
    assert_eq!(pool.get("logger"), "Short", "{what}");
    if has_thread {
        assert_eq!((pool.get("thread"), charged.get("thread")), ("pool-1-thread-[2] of 3", "main"), "{what}");
    }
}

#[test]
fn logback_as_it_is() {
    let place = Place::new();
    place.run(java(&place, Part::Loggers, WRITE, &[]), "log");
    let log = place.read("log");
    let read = check("logback", &log, Cut::Starts, BuiltIn::Log4j, "log4j", false, &["thread", "logger", "message"]);
    check_events("logback", &read, true);
    assert!(read.iter().all(|r| r.time.is_none()), "a clock without a date is no time: {log}");
    let pairs = one(&read, "pairs", |r| r.get("message") == "with pairs");
    assert_eq!((pairs.get("invoice"), pairs.get("who")), ("17", "jane doe"), "{pairs:?}");
}

/// Layouts that people use, as they stand in the documentation of log4j, logback and programs of the field.
const LAYOUTS: [(&str, bool); 12] = [
    ("%d [%t] %-5p %c - %m%n", true),
    ("%d{ISO8601} %-5p [%t] %c{2}: %m%n", true),
    ("%d{\"yyyy-MM-dd HH:mm:ss.SSS\"} [%thread] %-5level %logger{36} - %msg%n", true),
    ("%d{\"yyyy-MM-dd'T'HH:mm:ss.SSSXXX\", UTC} [%thread] %-5level %logger - %msg%n", true),
    ("%d{\"yyyy-MM-dd HH:mm:ss\"} %-5p %c{1} - %m%n", false),
    ("%d{\"yyyy-MM-dd HH:mm:ss,SSS\"} %-5p %c{1}:%L - %m%n", false),
    ("%d{\"yyyy/MM/dd HH:mm:ss.SSS\"} %-5p [%t] %c - %m%n", true),
    ("[%d] [%t] [%p] %c: %m%n", true),
    ("%d [%p] %c - %m%n", false),
    ("%d %p [%t] %c \\(%F:%M\\(%L\\)\\) - %m%n", true),
    ("%d %p %c: %m%n", false),
    ("%d{\"yy/MM/dd HH:mm:ss\"} %p %c{2}: %m%n", false),
];

#[test]
fn logback_with_the_usual_layouts() {
    let place = Place::new();
    let mut appenders = String::new();
    let mut uses = String::new();
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    for (i, (layout, _)) in LAYOUTS.iter().enumerate() {
        appenders += &format!(
            "<appender name='{i}' class='ch.qos.logback.core.FileAppender'><file>{}</file>\
             <encoder><charset>UTF-8</charset><pattern>{}</pattern></encoder></appender>\n",
            place.path(&format!("{i}.log")).display(),
            escape(layout)
        );
        uses += &format!("<appender-ref ref='{i}'/>");
    }
    appenders += &format!(
        "<appender name='json' class='ch.qos.logback.core.FileAppender'><file>{}</file>\
         <encoder class='ch.qos.logback.classic.encoder.JsonEncoder'/></appender>\n",
        place.path("json.log").display()
    );
    place.write(
        "logback.xml",
        &format!(
            "<configuration>{appenders}<root level='INFO'>{uses}<appender-ref ref='json'/></root></configuration>"
        ),
    );
    place.run(java(&place, Part::Loggers, WRITE, &[]), "output");
    for (i, (layout, has_thread)) in LAYOUTS.iter().enumerate() {
        let log = place.read(&format!("{i}.log"));
        // Level, logger, colon is how Hadoop's daemons write, and their pattern is tried before.
        let is_hadoop = layout.contains("%p %c") && layout.contains(": %m");
        let is_hadoop =
            is_hadoop || ["%-5p [%t] %c", "%-5p %c{1}", "%p [%t] %c"].iter().any(|part| layout.contains(part));
        let form = if is_hadoop { "hadoop" } else { "log4j" };
        let read = check(layout, &log, Cut::Starts, BuiltIn::Log4j, form, true, &["logger", "message"]);
        check_events(layout, &read, *has_thread);
    }
    let log = place.read("json.log");
    let read =
        check("logback, JSON", &log, Cut::Lines, BuiltIn::Json, "json", true, &["loggerName", "threadName", "message"]);
    let boom = one(&read, "boom", |r| r.level == Level::Error);
    assert_eq!(boom.get("throwable.message"), "boom: no money");
    assert_eq!(boom.get("throwable.cause.message"), "why\nover lines");
}

#[test]
fn spring_boot() {
    let place = Place::new();
    let spring = |log: &str, more: &[&str]| {
        let mut java = java(&place, Part::Loggers, WRITE, &[]);
        java.arg("spring").arg("--spring.main.banner-mode=off").args(more);
        place.run(java, log);
        place.read(log)
    };
    let log = spring("log", &[]);
    let fields = &["pid", "application", "thread", "logger", "message"];
    let read = check("Spring Boot", &log, Cut::Starts, BuiltIn::Log4j, "log4j", true, fields);
    check_events("Spring Boot", &read, false);
    assert!(read.iter().all(|r| r.get("application") == "billing"), "{log}");
    assert!(read.iter().any(|r| r.level == Level::Trace) && read.iter().any(|r| r.get("message").starts_with("Start")));
    // It fills a thread up to 15 letters, and cuts it there.
    one(&read, "the pool", |r| r.get("thread") == "hread-[2] of 3" || r.get("thread") == "thread-[2] of 3");

    let log = spring("ecs.log", &["--logging.structured.format.console=ecs"]);
    let read = check(
        "Spring Boot, ECS",
        &log,
        Cut::Lines,
        BuiltIn::Json,
        "json",
        true,
        &["log.logger", "process.pid", "message"],
    );
    let boom = one(&read, "boom", |r| r.level == Level::Error);
    assert_eq!(boom.get("error.message"), "boom: no money");
    let log = spring("logstash.log", &["--logging.structured.format.console=logstash"]);
    check(
        "Spring Boot, Logstash",
        &log,
        Cut::Lines,
        BuiltIn::Json,
        "json",
        true,
        &["logger_name", "thread_name", "message"],
    );
    let log = spring("gelf.log", &["--logging.structured.format.console=gelf"]);
    let read = check(
        "Spring Boot, GELF",
        &log,
        Cut::Lines,
        BuiltIn::Json,
        "json",
        true,
        &["host", "_log_logger", "short_message"],
    );
    one(&read, "an error", |r| r.level == Level::Error && r.get("short_message") == "boom");
}

#[test]
fn log4j_as_it_is() {
    let place = Place::new();
    // The jars of Hadoop have settings, which would hide log4j's own.
    let flags = ["-Dlog4j.defaultInitOverride=true".to_owned()];
    place.run(java(&place, Part::Hdfs, ("WriteLog4j1.java", include_str!("assets/WriteLog4j1.java")), &flags), "one");
    place.run(java(&place, Part::Kafka, ("WriteLog4j2.java", include_str!("assets/WriteLog4j2.java")), &[]), "two");
    let check = |log: &str, has_time: bool, fields: &[&str]| {
        let text = place.read(log);
        let read = check(log, &text, Cut::Starts, BuiltIn::Log4j, "log4j", has_time, fields);
        let boom = one(&read, "boom", |r| r.level == Level::Fatal);
        assert_eq!((boom.get("thread"), boom.get("message")), ("main", "boom"));
        assert_eq!((read.len(), read[1].get("message")), (3, "charged 3 invoices: done"), "{text}");
        boom.get("logger").to_owned()
    };
    assert_eq!(check("one", false, &["thread", "logger", "message"]), "com.example.billing.InvoiceService");
    assert_eq!(check("two", true, &["thread", "message"]), ""); // it does not write the logger
}

#[test]
fn garbage_collection() {
    let place = Place::new();
    let log = |what: &str, file: &str, with: &str| format!("-Xlog:{what}:file={}{with}", place.path(file).display());
    let flags = [
        "-Xmx32m".to_owned(),
        log("gc*", "plain.log", ""),
        log("gc*,safepoint", "full.log", ":time,uptime,pid,level,tags"),
        log("gc", "hadoop.log", ":time,level,tags"),
    ];
    place.run(java(&place, Part::Loggers, WRITE, &flags), "output");
    for (log, has_time) in [("plain.log", false), ("full.log", true), ("hadoop.log", true)] {
        let text = place.read(log);
        let read = check(log, &text, Cut::Lines, BuiltIn::Hadoop, "hadoop gc", has_time, &["tags", "message"]);
        assert!(read.iter().all(|r| r.level != Level::None), "{log}");
        let pauses: Vec<&Record> = read.iter().filter(|r| r.get("message").starts_with("Pause")).collect();
        let ended = pauses.iter().find(|r| !r.get("duration_ms").is_empty()).expect("a pause that ended");
        assert!(ended.get("gc").parse::<u64>().is_ok() && ended.get("tags").starts_with("gc"), "{ended:?}");
    }
}
