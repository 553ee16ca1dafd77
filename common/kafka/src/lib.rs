//! Kafka for logmill: the transactional client that performs a machine's actions, and the administration of topics.

pub mod admin;
pub mod client;
pub mod journal;

pub use client::{Client, ClientOptions};
