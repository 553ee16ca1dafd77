//! The fetcher as it runs: processes, real HDFS, a real bucket, real Kafka.

mod bench;
mod buckets;
mod faults;
mod hadoop;
mod order;
mod pairs;
mod parked;
mod paths;
mod pools;
mod takeovers;
mod vaults;
mod views;
