//! What takes longer than a test: a chain to which files come all the time. `make soak` looks whether anything grows
//! that should not, and compares in the end; `make alone` stops one stage after the other and looks at the others; `make pools` stops a
//! cluster and looks who has its coroutines; `make scale` starts one stage with 1, 2 and 4 instances.

pub mod alone;
pub mod feed;
pub mod flat;
pub mod plot;
pub mod pools;
pub mod scale;
pub mod soak;
pub mod vitals;
