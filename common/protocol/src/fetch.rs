//! Fetching, exactly once: tasks in, the bytes of files out, and never a file started over.
//!
//! The tasks of a cluster are records of the topics `{chain}.tasks.{cluster}` and `{chain}.backfill.{cluster}`; the position of every file that is open
//! is committed in the offset metadata of its task's partition, in the transaction of its chunks, so that a successor
//! goes on at the next byte. A file whose cluster does not answer is *parked*: a marker closes its state downstream,
//! and a new task, with its position, is appended to the topic in the same transaction; when that task is taken the
//! file is sent from byte 0, flagged silent up to the position, and live from there.
//!
//! [`Fetch`] is the machine of a worker, [`Lister`] the one that makes the tasks. Neither knows a store, a clock or a
//! thread: [`Ask`] and [`ListerAsk`] say what is wanted of the stores.

mod held;
mod lister;
mod machine;
mod note;
mod position;
mod records;
mod task;
mod tasks;

pub use held::{First, Rank, Waiting};
pub use lister::{Listed, Lister, ListerAnswer, ListerAsk, ListerOptions, PlanFor, RankFor, Withheld};
#[cfg(feature = "weaken")]
pub use machine::Weaken;
pub use machine::{Answer, Ask, Fetch, Fetched, Item, Options, Order};
pub use note::{ClusterNote, VolumeNote};
pub use position::{BadPosition, OpenFile, Position};
pub use records::{Lane, STAGE};
pub use task::{Resume, Task};
