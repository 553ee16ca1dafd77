//! As much of HTTP/1.1 as the checks need (RFC 9112): one request, the whole answer, the connection closed.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::error::{Doing, Error, Result};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head, one header a line.
    pub head: String,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// Sends one request to `http://host:port/path` and reads the answer; no call waits longer than `patience`.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8], patience: Duration) -> Result<Answer> {
    let doing = || format!("{method} {}", url.split('?').next().unwrap_or(url));
    let odd = |answer: &str| Error::Answer { server: doing(), answer: answer.to_owned() };
    let rest = url.strip_prefix("http://").ok_or_else(|| odd("not an http:// address"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let address = host.to_socket_addrs().doing(doing)?.next().ok_or_else(|| odd("no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, patience).doing(doing)?;
    stream.set_read_timeout(Some(patience)).doing(doing)?;
    stream.set_write_timeout(Some(patience)).doing(doing)?;
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).doing(doing)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).doing(doing)?;
    parse(&answer).ok_or_else(|| odd("not an HTTP answer"))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    if answer.starts_with(b"HTTP/1.1 100 ") {
        // An interim answer (RFC 9110, 15.2.1), which Hadoop's DataNode sends unasked; the real one follows.
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        return parse(&answer[end + 4..]);
    }
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, head, body: answer[end + 4..].to_vec() };
    if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        answer.body = join_chunks(&answer.body)?;
    }
    Some(answer)
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let answer =
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "abc"));
    }

    #[test]
    fn an_interim_answer_is_passed_over() {
        let answer = parse(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n").unwrap();
        assert_eq!(answer.status, 201);
    }

    #[test]
    fn a_body_without_chunks_is_taken_as_it_is() {
        let answer = parse(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").unwrap();
        assert_eq!((answer.status, answer.header("content-length"), answer.text().as_str()), (404, Some("2"), "no"));
    }
}
