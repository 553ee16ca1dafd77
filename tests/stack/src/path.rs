//! A network path that tests make narrow: a forwarder between the clients of a server and that server. What a server has sent
//! before it dies comes through all the same, as on any path: the system keeps up to some MB of each connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use crate::error::{Doing, Result};

/// Bytes that are passed on at a time: so few that connections share a narrow path evenly.
const PIECE: usize = 4 << 10;
/// What a sleep that was too long by so much has cost is made up for.
const LATE: Duration = Duration::from_millis(50);
/// How long it waits for the server to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// All connections to one server. It lies open until it is narrowed; its threads end with this process, its connections with
/// either side.
pub struct Path {
    width: Arc<Width>,
}

impl Path {
    /// Forwards each connection that `from` takes to `to`. One that `to` refuses is closed at once.
    pub(crate) fn open(from: SocketAddrV4, to: SocketAddrV4) -> Result<Path> {
        let listener = TcpListener::bind(from).doing(|| format!("listen on {from}"))?;
        let width = Arc::new(Width::default());
        let all = Arc::clone(&width);
        spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect_timeout(&to.into(), CONNECT) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let width = Arc::clone(&all);
                    spawn(move || forward(from, to, &width));
                }
            }
        });
        Ok(Path { width })
    }

    /// Lets so many bytes a second through from now on, all connections and both directions together; `None`: as many as come.
    pub fn narrow(&self, bytes_per_second: Option<u32>) {
        self.width.state().bytes_per_second = bytes_per_second;
    }
}

/// Passes on what comes, until one of the two ends.
fn forward(mut from: TcpStream, mut to: TcpStream, width: &Width) {
    let mut piece = [0; PIECE];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        width.pass(bytes);
        if to.write_all(&piece[..bytes]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Read);
    let _ = to.shutdown(Shutdown::Write);
}

#[derive(Default)]
struct Width(Mutex<WidthState>);

#[derive(Default)]
struct WidthState {
    bytes_per_second: Option<u32>,
    /// When what was let through so far has passed.
    passed: Option<Instant>,
}

impl Width {
    fn state(&self) -> std::sync::MutexGuard<'_, WidthState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many more bytes have passed.
    fn pass(&self, bytes: usize) {
        let now = Instant::now();
        let until = {
            let mut state = self.state();
            let Some(rate) = state.bytes_per_second else { return state.passed = None };
            let start = state.passed.map_or(now, |passed| passed.max(now - LATE));
            *state.passed.insert(start + Duration::from_secs_f64(bytes as f64 / f64::from(rate)))
        };
        sleep(until.saturating_duration_since(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// How long 64 KiB take.
    fn seconds(path: &Path, at: SocketAddrV4) -> f64 {
        path.narrow(Some(128 << 10));
        let start = Instant::now();
        let mut bytes = Vec::new();
        TcpStream::connect(at).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 64 << 10);
        start.elapsed().as_secs_f64()
    }

    #[test]
    fn a_narrow_path_lets_as_much_through_as_it_is_wide_and_several_share_it() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let at = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let path = Path::open(at(free), at(server.local_addr().unwrap().port())).unwrap();
        spawn(move || server.incoming().for_each(|client| client.unwrap().write_all(&[7; 64 << 10]).unwrap()));
        let alone = seconds(&path, at(free));
        assert!((0.4..2.0).contains(&alone), "64 KiB at 128 KiB/s took {alone} s");
        let start = Instant::now();
        std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(|| seconds(&path, at(free))))));
        let two = start.elapsed().as_secs_f64();
        assert!(two > 0.9, "twice 64 KiB at 128 KiB/s took {two} s");
    }
}
