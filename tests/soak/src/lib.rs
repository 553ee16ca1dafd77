//! What takes longer than a test: a chain to which files come all the time. `make soak` looks whether anything grows
//! that should not, and compares in the end; `make alone` stops one stage after the other and looks at the others; `make pools` stops a
//! cluster and looks who has its coroutines.

pub mod alone;
pub mod feed;
pub mod flat;
pub mod plot;
pub mod pools;
pub mod soak;
pub mod vitals;
