//! rsyslogd, and `logger`, which sends to it.

use crate::place::{PATIENCE, Place, command};
use crate::reading::{Cut, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::prerequisites::Program;
use std::net::UdpSocket;

fn free_udp_port() -> u16 {
    UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a port of 127.0.0.1").port()
}

#[test]
fn rsyslog() {
    let (place, port) = (Place::new(), free_udp_port());
    place.fill("rsyslog.conf", include_str!("assets/rsyslog.conf"), port);
    let mut daemon = command(Program::Rsyslogd);
    daemon.arg("-n").arg("-i").arg(place.path("rsyslogd.pid")).arg("-f").arg(place.path("rsyslog.conf"));
    let mut daemon = place.start(daemon);
    let socket = place.path("log");
    daemon.until("its socket", PATIENCE, || socket.exists()).unwrap_or_else(|error| panic!("{error}"));
    place.until_it_says("iso.log", &["rsyslogd"]); // it has read its configuration, and says that it started

    let local = |arguments: &[&str]| {
        let mut logger = command(Program::Logger);
        logger.arg("--socket").arg(&socket).args(arguments);
        place.run(logger, "logger.out");
    };
    local(&["--tag", "billing", "--id=4711", "-p", "local3.err", "charged 3 invoices: [failed] a=b \"c\""]);
    local(&["--tag", "sshd", "-p", "authpriv.notice", "Accepted publickey for jane"]);
    local(&["--tag", "shop", "-p", "local3.warning", "a, \"b, c\", d\\\", \"\""]);
    local(&["--tag", "a/b-c.d", "-p", "user.debug", "日志 é"]);
    let mut remote = command(Program::Logger);
    remote.args(["--udp", "--server", "127.0.0.1", "--port", &port.to_string(), "--rfc5424", "--msgid", "ID47"]);
    remote.args(["--tag", "orders", "-p", "local0.crit", "--sd-id", "origin@32473"]);
    remote.args(["--sd-param", "software=\"a \\\"b\\\"\"", "--sd-param", "line=\"17\"", "the last one"]);
    place.run(remote, "logger.out");
    for log in ["traditional.log", "iso.log", "forward.log", "protocol.log", "log.csv"] {
        place.until_it_says(log, &["Accepted", "charged", "日志", "the last one"]);
    }
    daemon.stop(PATIENCE);

    for (log, has_priority) in [("traditional.log", false), ("iso.log", false), ("forward.log", true)] {
        let fields: &[&str] = if has_priority { &["host", "facility"] } else { &["host"] };
        let read = check(log, &place.read(log), Cut::Lines, BuiltIn::Syslog, "syslog 3164", true, fields);
        let billing = one(&read, "billing", |r| r.get("program") == "billing");
        assert_eq!(billing.get("message"), "charged 3 invoices: [failed] a=b \"c\"");
        assert_eq!(billing.get("pid"), "4711");
        assert_eq!(one(&read, "another program", |r| r.get("program") == "a/b-c.d").get("message"), "日志 é");
        // What came by RFC 5424 has no colon behind its program here, so nobody can tell where that ends.
        one(&read, "orders", |r| r.get("program").is_empty() && r.get("message") == "orders the last one");
        if has_priority {
            assert_eq!((billing.level, billing.get("facility")), (Level::Error, "local3"));
            let sshd = one(&read, "sshd", |r| r.get("program") == "sshd");
            assert_eq!((sshd.level, sshd.get("severity"), sshd.get("facility")), (Level::Info, "notice", "authpriv"));
        }
    }
    let log = place.read("protocol.log");
    let read = check("protocol.log", &log, Cut::Lines, BuiltIn::Syslog, "syslog 5424", true, &["host", "program"]);
    let orders = one(&read, "orders", |r| r.get("program") == "orders");
    assert_eq!((orders.level, orders.get("facility"), orders.get("msgid")), (Level::Fatal, "local0", "ID47"));
    assert_eq!((orders.get("origin@32473.software"), orders.get("origin@32473.line")), ("a \"b\"", "17"));
    assert_eq!(orders.get("message"), "the last one");

    let log = place.read("log.csv");
    let wanted = &["host", "program", "message"];
    let read = check("log.csv", &log, Cut::Table, BuiltIn::Csv, "csv", true, wanted);
    let billing = one(&read, "billing", |r| r.get("program") == "billing");
    assert_eq!((billing.level, billing.get("severity"), billing.get("pid")), (Level::Error, "err", "4711"));
    assert_eq!(billing.get("message"), " charged 3 invoices: [failed] a=b \"c\"");
    let shop = one(&read, "quotes and commas", |r| r.get("program") == "shop");
    assert_eq!((shop.level, shop.get("message")), (Level::Warning, " a, \"b, c\", d\\\", \"\""));
    assert_eq!(one(&read, "orders", |r| r.get("program") == "orders").get("message"), "the last one");
}
