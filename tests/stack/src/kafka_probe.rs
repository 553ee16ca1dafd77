//! Two requests of Kafka's protocol, enough to see that a broker serves.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// The node ids that the broker at `address` knows to be alive; `None` when it does not answer.
pub fn live_nodes(address: SocketAddrV4) -> Option<Vec<i32>> {
    // Metadata v1 for no topics: broker count, then node, host, port, rack of each.
    let answer = ask(address, METADATA, 1, &0i32.to_be_bytes())?;
    let mut rest = answer.as_slice();
    let count = i32::from_be_bytes(take(&mut rest)?);
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(i32::from_be_bytes(take(&mut rest)?));
        text(&mut rest)?;
        take::<4>(&mut rest)?;
        text(&mut rest)?;
    }
    Some(nodes)
}

/// How many kinds of request the broker at `address` offers; `None` when it does not answer.
pub fn api_count(address: SocketAddrV4) -> Option<usize> {
    // ApiVersions v0: error code, count, entries.
    let answer = ask(address, API_VERSIONS, 0, &[])?;
    let mut rest = answer.as_slice();
    let error = i16::from_be_bytes(take(&mut rest)?);
    let count = i32::from_be_bytes(take(&mut rest)?);
    if error == 0 { usize::try_from(count).ok() } else { None }
}

/// Sends one request; the answer without its size and correlation id.
fn ask(address: SocketAddrV4, api: i16, version: i16, body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address.into(), PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let client = b"logmill-stack";
    let mut request = Vec::new();
    request.extend(api.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1i32.to_be_bytes());
    request.extend((client.len() as i16).to_be_bytes());
    request.extend(client);
    request.extend(body);
    stream.write_all(&(request.len() as i32).to_be_bytes()).ok()?;
    stream.write_all(&request).ok()?;
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let size = usize::try_from(i32::from_be_bytes(size)).ok().filter(|size| (4..1 << 20).contains(size))?;
    let mut answer = vec![0; size];
    stream.read_exact(&mut answer).ok()?;
    Some(answer.split_off(4))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// Skips a string with a length of two bytes; -1 is null.
fn text(rest: &mut &[u8]) -> Option<()> {
    let length = i16::from_be_bytes(take(rest)?).max(0) as usize;
    *rest = rest.get(length..)?;
    Some(())
}
