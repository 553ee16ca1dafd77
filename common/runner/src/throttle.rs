//! A limit in bytes a second on what the workers of a process take.

use crate::slow::Done;
use logmill_core::Offset;
use logmill_protocol::{Committed, Event, Partition};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets bytes through at a rate. What is taken is owed for; nobody takes more while anything is owed.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_second: u64,
    /// When what was taken so far is paid for.
    paid: Mutex<Instant>,
}

impl Throttle {
    /// Nothing is owed yet.
    #[must_use]
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// So many bytes were taken.
    fn take(&self, bytes: usize) {
        #[allow(clippy::cast_precision_loss, reason = "a time to wait")]
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(Instant::now()) + cost;
    }

    /// How long it is until more may be taken.
    #[must_use]
    fn owed(&self) -> Duration {
        let paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        paid.saturating_duration_since(Instant::now())
    }
}

/// What one worker takes by a [`Throttle`]. What it reads again to rebuild states, below what is committed, costs nothing: it
/// was paid for, and partitions that change hands are not to wait for it.
#[derive(Debug)]
pub struct Toll {
    throttle: Option<Arc<Throttle>>,
    reached: fn(&Committed) -> Option<Done>,
    committed: HashMap<Partition, Offset>,
}

impl Toll {
    /// Without a throttle nothing is owed. `reached` says how far a commit is.
    #[must_use]
    pub fn new(throttle: Option<Arc<Throttle>>, reached: fn(&Committed) -> Option<Done>) -> Self {
        Self { throttle, reached, committed: HashMap::new() }
    }

    pub fn sees<A>(&mut self, event: &Event<A>) {
        let Some(throttle) = &self.throttle else { return };
        match event {
            Event::Positions(positions) => {
                let reached = |(partition, committed): &(Partition, Option<Committed>)| {
                    Some((partition.clone(), (self.reached)(committed.as_ref()?)?.next))
                };
                self.committed.extend(positions.iter().filter_map(reached));
            }
            Event::Revoked => self.committed.clear(),
            Event::Record(incoming)
                if self.committed.get(&incoming.partition).is_none_or(|next| incoming.offset >= *next) =>
            {
                throttle.take(incoming.record.bytes());
            }
            _ => {}
        }
    }

    /// How long it is until more may be taken.
    #[must_use]
    pub fn owed(&self) -> Duration {
        self.throttle.as_ref().map_or(Duration::ZERO, |throttle| throttle.owed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logmill_core::wire::Record;
    use logmill_protocol::Incoming;

    #[test]
    fn what_is_read_again_below_what_is_committed_is_free() {
        let mut toll = Toll::new(Some(Arc::new(Throttle::new(1000))), |committed| Some(committed.offset.into()));
        let partition = Partition::new("raw", 0);
        let record = |offset| {
            let record = Record { payload: vec![0; 500].into(), ..Record::default() };
            Event::<()>::Record(Incoming {
                partition: Partition::new("raw", 0),
                offset: Offset(offset),
                timestamp_ms: 0,
                record,
            })
        };
        let committed = Committed { offset: Offset(7), metadata: String::new() };
        toll.sees::<()>(&Event::Positions(vec![(partition, Some(committed))]));
        toll.sees(&record(6));
        assert_eq!(toll.owed(), Duration::ZERO);
        toll.sees(&record(7));
        assert!(!toll.owed().is_zero());
    }

    #[test]
    fn what_several_take_is_owed_together_and_a_pause_is_not_made_up_for() {
        let throttle = Throttle::new(1000);
        assert_eq!(throttle.owed(), Duration::ZERO);
        throttle.take(400);
        throttle.take(600);
        assert!((900..=1000).contains(&throttle.owed().as_millis()), "{:?}", throttle.owed());
        let throttle = Throttle::new(1_000_000);
        std::thread::sleep(Duration::from_millis(50));
        throttle.take(20_000);
        assert!((10..=20).contains(&throttle.owed().as_millis()), "{:?}", throttle.owed());
    }
}
