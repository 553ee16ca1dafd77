//! Runs a stage: as many workers as configured, each a thread with its own consumer and producer; stops on SIGTERM; shows
//! what it does. A stage's `main` is one call of [`stage_main`].

mod main_program;
mod metrics;
mod routes;
mod signals;
mod worker;

pub use main_program::{Arguments, Process, stage_main};
pub use metrics::WorkerMetrics;
pub use routes::routes;
pub use signals::stop_on_signals;
pub use worker::{Settings, run_stage};
