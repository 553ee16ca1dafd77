//! The demo: the whole chain on the real stack, with real logs, every stage a process of its own. Its parts (logs,
//! processes, progress, faults) serve the end-to-end tests too.

pub mod chain;
pub mod demo;
pub mod extra;
pub mod faults;
pub mod logs;
pub mod options;
pub mod processes;
pub mod progress;
pub mod queries;
pub mod turns;
