//! Fault points: named places in the code where a test lets a process die, wait or fail, and named guarantees that a
//! test switches off, to see on the real servers that something catches it.
//!
//! **Invariant:** without the feature `armed` every function here is constant and empty, so a program that is shipped
//! has no fault points, and no code that could read orders for them.
//!
//! With it, a process reads its orders from the environment:
//!
//! - `LOGMILL_FAULTS`: orders joined by `;`, each one of
//!   - `off:GUARANTEE`: it is switched off, always;
//!   - `weak:GUARANTEE`: it is switched off while a `die` of these orders is still to come, so that what a weak process
//!     left behind meets a sound successor;
//!   - `die:PLACE:N`: SIGKILL when the place is reached for the N-th time in a process's life;
//!   - `hold:PLACE:N`: the thread waits there until the file `release-PLACE` is in the folder;
//!   - `fail:PLACE:N`: what is done there fails;
//!   - `mark:PLACE:N`: only says that the place was reached;
//!   - `poison:TEXT`: SIGKILL whenever bytes are looked at that have this text in them, again and again.
//! - `LOGMILL_FAULTS_FOLDER`: where a file `die-PLACE`, `hold-PLACE`, … says that an order was carried out. It is not
//!   carried out again, neither by this process nor by its successor.

#[cfg(any(feature = "armed", test))]
#[cfg_attr(not(feature = "armed"), allow(dead_code, reason = "its tests run without the feature"))]
mod orders;

/// Whether the fault points are real. What is costly or would change how things run stands behind it.
pub const ARMED: bool = cfg!(feature = "armed");

/// What stands at a place besides dying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// What is done here shall fail.
    pub fails: bool,
    /// The thread was held here until now.
    pub was_held: bool,
}

/// Whether this guarantee is switched off.
#[cfg(feature = "armed")]
#[must_use]
pub fn is_off(guarantee: &str) -> bool {
    orders::orders().is_off(guarantee)
}

/// Whether this guarantee is switched off: never, in what is shipped.
#[cfg(not(feature = "armed"))]
#[must_use]
#[inline(always)]
pub const fn is_off(_guarantee: &str) -> bool {
    false
}

/// Reaches a place: dies there, waits there, or says what is to fail.
#[cfg(feature = "armed")]
pub fn at(place: &str) -> Met {
    orders::orders().at(place)
}

/// Reaches a place: nothing happens there, in what is shipped.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub const fn at(_place: &str) -> Met {
    Met { fails: false, was_held: false }
}

/// Looks at bytes: dies of those that are poison.
#[cfg(feature = "armed")]
pub fn poison(bytes: &[u8]) {
    orders::orders().poison(bytes);
}

/// Looks at bytes: nothing happens, in what is shipped.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub const fn poison(_bytes: &[u8]) {}

/// Reads the orders, so that wrong ones are refused at the start.
///
/// # Panics
/// When they are not as described above.
#[cfg(feature = "armed")]
pub fn arm() {
    let _ = orders::orders();
}
