//! Whether Kafka is there for the clients of this process: what they wait for is said at intervals, and counted.
//!
//! A client in a call hears nothing else until it has an answer, up to a minute; so a thread of its own looks at all clients.
//! It does no more than look: no call knows of it.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a client looks at its connections (librdkafka's statistics), in milliseconds.
pub(crate) const STATISTICS_MS: &str = "10000";
/// A call that takes longer waits for Kafka.
const CALL: Duration = Duration::from_secs(5);
/// How often it is said that a client waits.
const SAY: Duration = Duration::from_secs(10);
/// How often it is looked who waits.
const LOOK: Duration = Duration::from_secs(1);

/// How many clients of this process wait for Kafka: no broker is connected, or a call has had no answer for 5 s.
#[must_use]
pub fn waiting_clients() -> i64 {
    let now = Instant::now();
    all().iter().filter_map(Weak::upgrade).filter(|reach| reach.state().wait(now).is_some()).count() as i64
}

/// Of this process.
fn all() -> MutexGuard<'static, Vec<Weak<Reach>>> {
    static ALL: Mutex<Vec<Weak<Reach>>> = Mutex::new(Vec::new());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says at intervals who waits; for as long as the process lives.
fn watch() {
    loop {
        std::thread::sleep(LOOK);
        let now = Instant::now();
        let clients: Vec<_> = all().iter().filter_map(Weak::upgrade).collect();
        for client in clients {
            let Some((since, why)) = client.state().say(now) else { continue };
            let (client, brokers, seconds) = (&client.client, &client.brokers, since.as_secs());
            tracing::warn!(client, brokers, seconds, "waiting for Kafka: {why}");
        }
    }
}

/// One client's way to Kafka.
pub(crate) struct Reach {
    /// For people.
    client: String,
    /// The addresses that were configured.
    brokers: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when no broker has been connected.
    alone: Option<Instant>,
    /// What has been asked of Kafka, and when.
    call: Option<(&'static str, Instant)>,
    /// When it was last said that this client waits.
    said: Option<Instant>,
}

impl State {
    /// How long it has been waiting, and for what.
    fn wait(&self, now: Instant) -> Option<(Duration, String)> {
        let call = self.call.map(|(what, since)| (what, now.duration_since(since))).filter(|(_, time)| *time >= CALL);
        match (self.alone, call) {
            (Some(since), _) => Some((now.duration_since(since), "no broker is connected".into())),
            (None, Some((what, time))) => Some((time, format!("{what} has no answer"))),
            (None, None) => None,
        }
    }

    /// The same where it is time to say it.
    fn say(&mut self, now: Instant) -> Option<(Duration, String)> {
        let wait = self.wait(now);
        if wait.is_none() {
            self.said = None;
        } else if self.said.is_some_and(|said| now.duration_since(said) < SAY) {
            return None;
        } else {
            self.said = Some(now);
        }
        wait
    }
}

impl Reach {
    /// Counts from now on, for as long as it lives.
    pub(crate) fn new(client: &str, brokers: &str) -> Arc<Self> {
        static WATCH: Once = Once::new();
        // Without a thread nothing is said, and all else goes on.
        WATCH.call_once(|| drop(std::thread::Builder::new().name("kafka-reach".into()).spawn(watch)));
        let new = Arc::new(Self { client: client.into(), brokers: brokers.into(), state: Mutex::default() });
        let mut all = all();
        all.retain(|reach| reach.strong_count() > 0);
        all.push(Arc::downgrade(&new));
        new
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the states of the connections.
    pub(crate) fn sees<'a>(&self, states: impl IntoIterator<Item = &'a str>) {
        // UPDATE and REAUTH: it is, and its addresses or its login are being renewed.
        let connected = states.into_iter().any(|state| matches!(state, "UP" | "UPDATE" | "REAUTH"));
        let alone = &mut self.state().alone;
        *alone = if connected { None } else { alone.or_else(|| Some(Instant::now())) };
    }

    /// Something is asked of Kafka, until the answer drops.
    pub(crate) fn call(self: &Arc<Self>, what: &'static str) -> Call {
        self.state().call = Some((what, Instant::now()));
        Call(Arc::clone(self))
    }
}

/// A call that is under way.
#[must_use]
pub(crate) struct Call(Arc<Reach>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.state().call = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_counts_while_it_has_no_connection_and_no_longer_than_it_lives() {
        let (one, two) = (Reach::new("one", "b"), Reach::new("two", "b"));
        assert_eq!(waiting_clients(), 0);
        one.sees(["INIT", "DOWN", "TRY_CONNECT"]);
        two.sees([]);
        assert_eq!(waiting_clients(), 2);
        one.sees(["DOWN", "UP"]);
        assert_eq!(waiting_clients(), 1);
        drop(two);
        assert_eq!(waiting_clients(), 0);
    }

    #[test]
    fn a_call_without_an_answer_is_said_at_intervals_until_the_answer_comes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State { call: Some(("a commit", start)), ..State::default() };
        let said: Vec<u64> = (0..30).filter(|&second| state.say(at(second)).is_some()).collect();
        assert_eq!(said, [5, 15, 25]);
        assert_eq!(state.wait(at(30)), Some((Duration::from_secs(30), "a commit has no answer".into())));
        state.call = None;
        assert_eq!((state.say(at(31)), state.wait(at(31))), (None, None));
        state.alone = Some(at(31));
        assert_eq!(state.say(at(32)), Some((Duration::from_secs(1), "no broker is connected".into())));
    }
}
