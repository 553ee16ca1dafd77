//! A fetcher's process: the machine, and the readers that die with it.

use super::schedule::FaultKind;
use super::store::{Reader, Store};
use crate::net::Session;
use logmill_protocol::Event;
use logmill_protocol::fetch::{Answer, Ask, Fetch, Fetched, Item, Task};
use rand::RngExt as _;
use rand::rngs::StdRng;

pub struct Fetcher {
    pub session: Session<Ask, Answer>,
    pub slot: u32,
    pub machine: Fetch,
    /// What befalls it in its next commit.
    pub ambush: Option<FaultKind>,
    /// How its configuration would cut.
    raw_bytes: u32,
    readers: Vec<Reader>,
    /// Items of orders that were discarded may still come.
    stale: Vec<Item>,
}

impl Fetcher {
    #[must_use]
    pub fn new(session: Session<Ask, Answer>, slot: u32, machine: Fetch, raw_bytes: u32) -> Self {
        Self { session, slot, machine, ambush: None, raw_bytes, readers: Vec::new(), stale: Vec::new() }
    }

    /// Gives a task that is told the configuration's cut instead of its own: one rule, broken.
    pub fn cut(&self, event: &mut Event<Answer>) {
        if let Event::Record(incoming) = event
            && let Ok(mut task) = Task::decode(&incoming.record)
        {
            task.file.plan.raw_bytes = self.raw_bytes;
            incoming.record = task.encode();
        }
    }

    /// What the stores answer.
    pub fn answer(&mut self, ask: Ask, stores: &[Store], step: u64, rng: &mut StdRng) -> Answer {
        match ask {
            Ask::Open(order) => {
                self.readers.push(Reader::new(order));
                Answer::Done
            }
            Ask::Discard => {
                let late = self.readers.drain(..).map(|r| Item { ticket: r.order.ticket, what: Fetched::End });
                self.stale.extend(late);
                Answer::Done
            }
            Ask::Next { bytes, .. } => Answer::Items(self.items(bytes, stores, step, rng)),
        }
    }

    fn items(&mut self, bytes: usize, stores: &[Store], step: u64, rng: &mut StdRng) -> Vec<Item> {
        let mut items = std::mem::take(&mut self.stale);
        let mut taken = 0;
        while !self.readers.is_empty() && taken < bytes && !rng.random_ratio(1, 4) {
            let i = rng.random_range(0..self.readers.len());
            let reader = &mut self.readers[i];
            let cluster = &reader.order.file.cluster;
            let store = stores.iter().find(|s| s.name == *cluster).expect("tasks are of clusters there are");
            let ticket = reader.order.ticket;
            let Some(what) = reader.next(store, step, rng) else { break };
            match &what {
                Fetched::Chunk(bytes, _) => taken += bytes.len(),
                _ => drop(self.readers.swap_remove(i)),
            }
            items.push(Item { ticket, what });
        }
        items
    }
}
