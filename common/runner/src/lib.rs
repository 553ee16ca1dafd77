//! Runs a stage: as many workers as configured, each a thread with its own consumer and producer; stops on SIGTERM; shows
//! what it does. A stage's `main` is one call of [`stage_main`].
//!
//! What goes wrong is told apart in one place: a machine's failures are the protocol's business; a worker whose machine
//! gives up, panics or stands still begins anew with a new connection, from what is committed; what no repetition helps
//! against ends the process with a message.
//!
//! Memory of a process: for each worker `worker.queue_bytes` + `worker.fetch_bytes` (read ahead) + `worker.send_bytes`
//! (on their way out) + 4 MiB (one step's output), beside the states of the files that are open.

mod channels;
mod clock;
mod crew;
mod drive;
mod lags;
mod layouts;
mod main_program;
mod metrics;
mod passed_over;
mod readiness;
mod restart;
mod routes;
mod signals;
mod slow;
mod stall;
mod throttle;
mod worker;

pub use channels::ChannelWatch;
pub use clock::Clock;
pub use crew::Crew;
pub use drive::{Driver, Trouble, run_machine};
pub use layouts::{OtherLayout, hold_back, other_layout};
pub use main_program::{Arguments, Process, end, machine_options, properties, stage_client, stage_main};
pub use metrics::WorkerMetrics;
pub use readiness::{Life, Readiness};
pub use restart::{Restarts, keep_running, panic_text};
pub use routes::routes;
pub use signals::stop_on_signals;
pub use slow::{Done, Mates, Slowness};
pub use throttle::{Throttle, Toll};
pub use worker::{Settings, check_outputs, run_stage};
