//! nginx and Apache.

use crate::place::{PATIENCE, Place, command, free_port};
use crate::reading::{Cut, Record, check, one};
use logmill_patterns::{BuiltIn, Level};
use logmill_stack::prerequisites::Program;
use logmill_stack::process::Process;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn ready(server: &mut Process, port: u16) {
    let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    server.until("to answer", PATIENCE, answers).unwrap_or_else(|error| panic!("{error}"));
}

/// Sends bytes as they are, and reads what comes until the server closes.
fn send(port: u16, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server answers");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream.write_all(request).expect("the server listens");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // a reset ends it too
    answer
}

fn get(port: u16, target: &str, headers: &str) -> Vec<u8> {
    let agent = "User-Agent: test/1.0 (a \"b\"; c)\r\n";
    let answer = send(
        port,
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{agent}{headers}\r\n").as_bytes(),
    );
    assert!(answer.starts_with(b"HTTP/1.1 "), "{target}: {}", String::from_utf8_lossy(&answer));
    answer
}

/// What clients ask a web server for; the last is the mark that all came.
fn visit(port: u16) {
    get(port, "/index.html", "");
    get(port, "/index.html?a=b%20c&d=%22", "Referer: https://a.example/?q=\"x\" \\ \u{e9}\r\n");
    get(port, "/nowhere/a%20b", "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n");
    get(port, "/secret/", "Authorization: Basic amFuZSBkb2U6eA==\r\n"); // jane doe
    send(port, b"\x16\x03\x01\x02\x00\x01 no request of HTTP\r\n\r\n");
    send(port, b"GET /\"quoted\" HTTP/1.0\r\n\r\n");
    get(port, "/last", "");
}

#[test]
fn nginx() {
    let (place, port) = (Place::new(), free_port());
    place.write("www/index.html", "a page\n");
    place.write("passwords", "jane doe:{PLAIN}x\n");
    place.fill("nginx.conf", include_str!("assets/nginx.conf"), port);
    let mut nginx = command(Program::Nginx);
    nginx.arg("-p").arg(place.folder()).arg("-c").arg(place.path("nginx.conf")).arg("-e").arg(place.path("error.log"));
    let mut nginx = place.start(nginx);
    ready(&mut nginx, port);
    visit(port);
    place.until_it_says("access.log", &["/last"]);
    place.until_it_says("main.log", &["/last"]);
    nginx.stop(PATIENCE);

    let access = place.read("access.log");
    let read =
        check("nginx", &access, Cut::Lines, BuiltIn::Nginx, "nginx access", true, &["client", "status", "bytes"]);
    let page = one(&read, "the page", |r| r.get("url") == "/index.html");
    assert_eq!(
        [page.get("client"), page.get("method"), page.get("protocol"), page.get("status"), page.get("bytes")],
        ["127.0.0.1", "GET", "HTTP/1.1", "200", "7"]
    );
    assert_eq!(page.get("agent"), r"test/1.0 (a \x22b\x22; c)");
    let referred = one(&read, "the referer", |r| !r.get("referer").is_empty());
    assert!(referred.get("referer").starts_with(r"https://a.example/?q=\x22x\x22"), "{referred:?}");
    one(&read, "the user", |r| r.get("user") == "jane doe" && r.get("status") == "403");
    one(&read, "bytes that are no request", |r| r.get("request").starts_with(r"\x16") && r.get("status") == "400");
    assert_eq!(one(&read, "a missing page", |r| r.get("url") == "/nowhere/a%20b").get("status"), "404");

    let main = place.read("main.log");
    let read = check("nginx, main", &main, Cut::Lines, BuiltIn::Nginx, "nginx access", true, &["client", "status"]);
    one(&read, "whom it was forwarded for", |r| r.get("forwarded") == "10.0.0.1, 10.0.0.2");

    let errors = place.read("error.log");
    let read =
        check("nginx, errors", &errors, Cut::Lines, BuiltIn::Nginx, "nginx error", true, &["pid", "tid", "message"]);
    let missing = one(&read, "a missing page", |r| {
        r.get("message").starts_with("open()") && r.get("request").contains("/nowhere")
    });
    assert_eq!((missing.level, missing.get("client"), missing.get("host")), (Level::Error, "127.0.0.1", "localhost"));
    assert_eq!(missing.get("request"), "GET /nowhere/a%20b HTTP/1.1");
    assert!(read.iter().any(|r| r.level == Level::Info && r.get("severity") == "notice"), "{errors}");
}

#[test]
fn apache() {
    let (place, port) = (Place::new(), free_port());
    place.write("www/index.html", "a page\n");
    place.write("www/secret/index.html", "a secret\n");
    place.fill("apache.conf", include_str!("assets/apache.conf"), port);
    let mut apache = command(Program::Apache);
    apache.arg("-X").arg("-d").arg(place.folder()).arg("-f").arg(place.path("apache.conf"));
    let mut apache = place.start(apache);
    ready(&mut apache, port);
    visit(port);
    place.until_it_says("combined.log", &["/last"]);
    apache.stop(PATIENCE);

    let fields = &["client", "status"];
    let common = place.read("common.log");
    let read = check("apache, common", &common, Cut::Lines, BuiltIn::Apache, "apache access", true, fields);
    let page = one(&read, "the page", |r| r.get("url") == "/index.html");
    assert_eq!([page.get("client"), page.get("status"), page.get("bytes")], ["127.0.0.1", "200", "7"]);
    one(&read, "bytes that are no request", |r| r.get("request").starts_with(r"\x16") && r.get("status") == "400");
    one(&read, "a quote in a request", |r| r.get("url").contains("quoted"));

    let vhosts = place.read("vhosts.log");
    let read =
        check("apache, vhosts", &vhosts, Cut::Lines, BuiltIn::Apache, "apache access", true, &["vhost", "client"]);
    assert!(
        read.iter().all(|r| r.get("vhost").starts_with("localhost:") && r.get("client") == "127.0.0.1"),
        "{vhosts}"
    );

    // The form is nginx's too, which comes first; by either the fields are the same.
    let combined = place.read("combined.log");
    let read = check("apache, combined", &combined, Cut::Lines, BuiltIn::Apache, "nginx access", true, fields);
    let page = one(&read, "the page", |r| r.get("url") == "/index.html");
    assert_eq!(page.get("agent"), r#"test/1.0 (a \"b\"; c)"#);
    assert!(read.iter().any(|r| r.get("referer").starts_with(r#"https://a.example/?q=\"x\""#)), "{combined}");

    let errors = place.read("error.log");
    let read = check(
        "apache, errors",
        &errors,
        Cut::Lines,
        BuiltIn::Apache,
        "apache error",
        true,
        &["module", "pid", "message"],
    );
    let denied = one(&read, "what is denied", |r| r.get("code") == "AH01630");
    assert_eq!((denied.level, denied.get("client")), (Level::Error, "127.0.0.1"));
    assert!(denied.get("port").parse::<u16>().is_ok() && denied.get("message").contains("secret"), "{denied:?}");
    assert!(read.iter().any(|r| r.get("code") == "AH00128" && r.level == Level::Info), "{errors}");
    let source = |r: &Record| r.get("source").starts_with("http_filters.c(") && r.get("client") == "127.0.0.1";
    assert!(read.iter().any(source), "{errors}");
    assert!(read.iter().any(|r| r.get("referer").starts_with("https://a.example/")), "{errors}");
    assert!(read.iter().any(|r| r.level == Level::Trace && r.get("severity").starts_with("trace")), "{errors}");
}
