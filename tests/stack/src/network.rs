//! Loopback addresses and ports that nobody else has.
//!
//! Every stack takes a network 127.x.y.0/24 of its own, so that two checkouts, or eight test processes, never meet on
//! a port, and no outgoing connection (they leave from 127.0.0.1) can sit on one.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::error::{Doing, Error, Result};
use crate::random;

/// A network 127.x.y.0/24 that is ours while this value lives: the kernel keeps one abstract socket name a network
/// and frees it when the process ends.
#[derive(Debug)]
pub struct Network {
    x: u8,
    y: u8,
    _name: UnixListener,
}

impl Network {
    /// Takes a network that no other stack on this machine has.
    pub fn reserve() -> Result<Network> {
        for _ in 0..64 {
            let [x, y] = random::bytes::<2>()?;
            if !(16..=254).contains(&x) {
                continue; // 127.0.x.y is where other programs live
            }
            if let Ok(network) = Network::take(x, y) {
                return Ok(network);
            }
        }
        Err(Error::Wanted("no free network below 127.0.0.0/8 after 64 tries".into()))
    }

    fn take(x: u8, y: u8) -> std::io::Result<Network> {
        let name = SocketAddr::from_abstract_name(format!("logmill-stack-127.{x}.{y}"))?;
        Ok(Network { x, y, _name: UnixListener::bind_addr(&name)? })
    }

    /// The address 127.x.y.`host`.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.x, self.y, host)
    }
}

/// `preferred`, when it is free on `address` (a program that listens on all addresses may hold it), else a free port.
pub fn port(address: Ipv4Addr, preferred: u16) -> Result<u16> {
    let free = TcpListener::bind(SocketAddrV4::new(address, preferred))
        .or_else(|_| TcpListener::bind(SocketAddrV4::new(address, 0)))
        .doing(|| format!("listen on {address}"))?;
    Ok(free.local_addr().doing(|| format!("read the port taken on {address}"))?.port())
}

/// The same, as `address:port`.
pub fn place(address: Ipv4Addr, preferred: u16) -> Result<String> {
    port(address, preferred).map(|port| format!("{address}:{port}"))
}
