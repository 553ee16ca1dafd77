//! Kafka for logmill: the transactional client that performs a machine's actions, journals of one writer, and the
//! administration of topics.
//!
//! **Invariants:** everything that reads, reads committed records alone. A client is one thread's: its consumer, its
//! producer and their callbacks live in the thread that performs the actions, but for the one call that may never come back.

pub mod admin;
mod client;
pub mod follow;
pub mod group;
pub mod journal;
mod memory;
pub mod notes;
mod patience;
mod quiet;
mod reach;

pub use client::{Client, ClientError, ClientOptions};
pub use memory::{keep_large_buffers, keep_small_stacks};
pub use reach::waiting_clients;
