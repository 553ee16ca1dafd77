//! What the probes and `/metrics` answer.

use logmill_telemetry::Telemetry;
use logmill_telemetry::prometheus::metrics::counter::Counter;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Status and body of a GET.
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer within 10 s");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

#[test]
fn a_loop_that_stopped_is_named_by_livez_until_it_beats_or_retires() {
    let telemetry = Telemetry::with_bound(Duration::ZERO);
    let address = telemetry.serve("127.0.0.1:0").expect("a free port");
    assert_eq!(get(address, "/livez"), (200, "ok\n".into()));
    telemetry.beat("worker-3");
    let (status, body) = get(address, "/livez");
    assert_eq!(status, 503);
    assert!(body.starts_with("worker-3: no beat for 0 s"), "{body}");
    telemetry.retire("worker-3");
    assert_eq!(get(address, "/livez").0, 200);

    let patient = Telemetry::new();
    patient.beat("worker-3");
    assert!(patient.dead().is_empty());
}

#[test]
fn readyz_follows_what_the_process_says() {
    let telemetry = Telemetry::new();
    let address = telemetry.serve("127.0.0.1:0").expect("a free port");
    assert_eq!(get(address, "/readyz").0, 503);
    telemetry.ready(true);
    assert_eq!(get(address, "/readyz").0, 200);
}

#[test]
fn metrics_carry_the_projects_prefix() {
    let telemetry = Telemetry::new();
    let rows: Counter = Counter::default();
    telemetry.register(|registry| registry.register("rows", "Rows that went out", rows.clone()));
    rows.inc_by(3);
    let (status, body) = get(telemetry.serve("127.0.0.1:0").expect("a free port"), "/metrics");
    assert_eq!(status, 200);
    assert!(body.contains("logmill_rows_total 3"), "{body}");
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let telemetry = Telemetry::new();
    let address = telemetry.serve("127.0.0.1:0").expect("a free port");
    assert!(telemetry.serve(&address.to_string()).is_err());
}
