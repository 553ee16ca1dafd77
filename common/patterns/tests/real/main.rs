//! The patterns on logs that the programs themselves have just written.
//!
//! Every program runs in a folder of its own below the temporary one, on 127.0.0.1, and ends with the test, however that ends.

mod daemons;
mod java;
mod logfmt;
mod place;
mod reading;
mod syslog;
mod web;
