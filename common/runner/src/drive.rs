//! The loop between a machine and the log.

use crate::clock::Clock;
use logmill_kafka::{Client, ClientError};
use logmill_protocol::{Action, Event, Failure, Machine};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What a machine has beside the log.
pub trait Driver<M: Machine> {
    /// Does what the machine asks of others than the log.
    fn other(&mut self, ask: M::Ask) -> Event<M::Answer>;

    /// What has come by itself, if anything: it answers a `Poll` in place of the log.
    fn came(&mut self) -> Option<M::Answer> {
        None
    }

    /// Whether the machine has to wait before it takes more: its `Poll` brings nothing then. Stays a little.
    fn holds(&mut self) -> bool {
        false
    }

    /// Told of every event before the machine is. Also the place to beat and to look at the machine.
    ///
    /// # Errors
    /// Ends the loop: the worker begins anew, or not.
    fn look(&mut self, client: &Client, machine: &mut M, event: &Event<M::Answer>) -> Result<(), Trouble>;

    /// How long a commit took.
    fn committed(&mut self, time: Duration) {
        let _ = time;
    }
}

/// Why a loop ended without being asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A new connection may help.
    #[error("{0}")]
    Again(String),
    /// Others do better: a new connection, after this rest.
    #[error("{0}")]
    Rest(String, Rest),
    /// Nothing helps but an operator.
    #[error("{0}")]
    Hopeless(String),
}

/// How long a worker leaves its share to others.
#[derive(Clone, Debug)]
pub struct Rest {
    pub time: Duration,
    /// Set when there are fewer others than there were: it ends the rest.
    pub recalled: Arc<AtomicBool>,
}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time && Arc::ptr_eq(&self.recalled, &other.recalled)
    }
}

impl Eq for Rest {}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        let why = error.to_string();
        if error.is_hopeless() { Self::Hopeless(why) } else { Self::Again(why) }
    }
}

/// Runs `machine` until it ends: does what it asks, and tells it what came of that.
///
/// # Errors
/// When it ends by a failure, or the driver ends it.
pub fn run_machine<M: Machine>(
    client: &mut Client,
    machine: &mut M,
    driver: &mut impl Driver<M>,
) -> Result<(), Trouble> {
    let clock = Clock::start();
    let mut event = Event::Start;
    loop {
        driver.look(client, machine, &event)?;
        // A machine that gives up over a failure has tried for long; one that gives up over anything else has found
        // something that a repetition finds again.
        let helps = matches!(&event, Event::Failed(failure) if !matches!(failure, Failure::Fatal(_)));
        event = match machine.step(clock.now_ms(), event) {
            Action::Exit(Ok(())) => return Ok(()),
            Action::Exit(Err(why)) if helps => return Err(Trouble::Again(why)),
            Action::Exit(Err(why)) => return Err(Trouble::Hopeless(why)),
            Action::Other(ask) => driver.other(ask),
            Action::Poll if driver.holds() => Event::Idle,
            Action::Poll => match driver.came() {
                Some(answer) => Event::Other(answer),
                None => client.perform(Action::<M::Ask>::Poll),
            },
            Action::Commit(offsets) => {
                let start = Instant::now();
                let event = client.perform(Action::<M::Ask>::Commit(offsets));
                driver.committed(start.elapsed());
                event
            }
            action => client.perform(action),
        };
    }
}
