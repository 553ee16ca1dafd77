//! How many machines of a kind are needed, and what decides that.

use super::model::whole;
use crate::args;
use serde::Serialize;
use std::fmt;

/// What there may be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    Cores,
    Network,
    Disk,
    DiskThroughput,
    /// Each copy is on a machine of its own.
    Copies,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cores => "cores",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::DiskThroughput => "disk MB/s",
            Self::Copies => "copies",
        })
    }
}

/// Machines of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct Machines {
    pub needed: u64,
    /// What most are needed for.
    pub decided_by: Resource,
    /// As many as each of these takes alone. Network: the way with more bytes.
    pub by_cores: u64,
    pub by_network: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_disk: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_disk_throughput: Option<u64>,
    /// Of all of them, copies counted.
    pub cores: u64,
    pub in_mb_s: f64,
    pub out_mb_s: f64,
    pub disk_tb: f64,
    pub disk_mb_s: f64,
}

/// What all machines of a kind have to do in the busiest hour. Bytes are by the second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub cores: f64,
    pub taken: f64,
    pub given: f64,
    /// 0 where nothing is kept.
    pub disk_tb: f64,
    /// Read and written.
    pub disk_bytes: f64,
}

impl Load {
    fn and(&self, other: &Self, times: f64) -> Self {
        Self {
            cores: self.cores + other.cores * times,
            taken: self.taken + other.taken * times,
            given: self.given + other.given * times,
            disk_tb: self.disk_tb + other.disk_tb * times,
            disk_bytes: self.disk_bytes + other.disk_bytes * times,
        }
    }
}

/// What one machine may be given.
pub struct Capacity {
    cores: f64,
    /// Bytes a second each way.
    network: f64,
    disk_tb: f64,
    disk_bytes: f64,
    copies: u32,
}

impl Capacity {
    pub fn of(wish: &args::Plan) -> Self {
        Self {
            // A load's cores are those of which so much is used.
            cores: wish.cores.into(),
            network: wish.network * 1e9 / 8.0 * wish.busy,
            disk_tb: wish.disk * wish.busy,
            disk_bytes: wish.disk_throughput * 1e6 * wish.busy,
            copies: wish.copies,
        }
    }

    /// Where nothing is kept in copies.
    pub fn machines(&self, load: &Load) -> Machines {
        self.count(load, load, 1, 0)
    }

    /// Where copies lie on any of the machines; the load has all of them.
    pub fn of_copies(&self, load: &Load) -> Machines {
        self.count(load, load, 1, self.copies.into())
    }

    /// Where each copy of a shard has a machine of its own: the first one's load, which is the heaviest, and that of each other.
    pub fn of_shards(&self, first: &Load, further: &Load) -> Machines {
        let all = first.and(further, f64::from(self.copies) - 1.0);
        self.count(first, &all, self.copies.into(), self.copies.into())
    }

    /// In groups of `each`, of which one machine has `heaviest`.
    fn count(&self, heaviest: &Load, all: &Load, each: u64, least: u64) -> Machines {
        let groups = |load: f64, capacity: f64| whole(load / capacity) * each;
        let kept = |count: u64| (heaviest.disk_tb > 0.0).then_some(count);
        let by_cores = groups(heaviest.cores, self.cores);
        let by_network = groups(heaviest.taken.max(heaviest.given), self.network);
        let by_disk = kept(groups(heaviest.disk_tb, self.disk_tb));
        let by_disk_throughput = kept(groups(heaviest.disk_bytes, self.disk_bytes));
        let mut decided = (by_cores, Resource::Cores);
        for (count, resource) in [
            (by_network, Resource::Network),
            (by_disk.unwrap_or(0), Resource::Disk),
            (by_disk_throughput.unwrap_or(0), Resource::DiskThroughput),
        ] {
            if count > decided.0 {
                decided = (count, resource);
            }
        }
        if least >= decided.0 {
            decided = (least, Resource::Copies);
        }
        Machines {
            needed: decided.0,
            decided_by: decided.1,
            by_cores,
            by_network,
            by_disk,
            by_disk_throughput,
            cores: whole(all.cores),
            in_mb_s: all.taken / 1e6,
            out_mb_s: all.given / 1e6,
            disk_tb: all.disk_tb,
            disk_mb_s: all.disk_bytes / 1e6,
        }
    }
}
