//! The demo: the whole chain on the real stack, with real logs, every stage a process of its own. Its parts (logs,
//! processes, progress) serve the end-to-end tests too.

pub mod logs;
pub mod processes;
