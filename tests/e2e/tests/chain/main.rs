//! The whole chain on real servers. One process, so that the servers are started, and the logs made, once.

mod analyses;
mod archives;
mod channels;
mod exactly_once;
mod garbage;
mod growing;
mod keeping;
mod memory;
mod outcomes;
mod patterns;
mod records;
mod redecode;
mod replay;
mod sigterm;
mod slow;
