//! What a real broker does with the actions of a machine. The simulated log has to do the same on every point here.

mod fixture;
mod groups;
mod settings;
mod takeover;
mod transactions;
mod unseen;
mod upset;
