//! The fetcher's two kinds of log: a worker's client, and a lister's journal.

use crate::listers::ListerLog;
use crate::worker::Log;
use logmill_core::FileId;
use logmill_kafka::Client;
use logmill_kafka::admin::AdminError;
use logmill_kafka::group::GroupReader;
use logmill_kafka::journal::Journal;
use logmill_protocol::fetch::{Lane, Position, Waiting};
use logmill_protocol::{Action, Event, Failure, Never, Outgoing, Partition};
use std::collections::HashSet;

/// Stands in the keys of loads after the first, which `logmill replay` and `redecode` note (`file id/load`): no lister's affair.
const LATER_LOAD: u8 = b'/';

impl Log for Client {
    fn perform(&mut self, action: Action) -> Event {
        Client::perform::<Never, Never>(self, action)
    }
}

/// The log of a lister: no consumer group, one transaction at a time.
pub struct ListerJournal {
    pub journal: Journal,
    /// The topic of known files.
    pub known: Lane,
    /// The fetchers' positions on the topics of tasks.
    pub fetchers: GroupReader,
    pub tasks: Lane,
    pub backfill: Lane,
    /// The open transaction.
    sent: Vec<Outgoing>,
}

impl ListerJournal {
    #[must_use]
    pub fn new(journal: Journal, known: Lane, fetchers: GroupReader, [tasks, backfill]: [Lane; 2]) -> Self {
        Self { journal, known, fetchers, tasks, backfill, sent: Vec::new() }
    }

    /// Records that no fetcher has gone past, by partition; markers among tasks count too.
    fn waiting_on(&self, lane: &Lane) -> Result<Vec<u64>, AdminError> {
        let partitions: Vec<_> =
            (0..lane.partitions).map(|index| Partition { topic: lane.topic.clone(), index }).collect();
        let all = self.fetchers.reached(&partitions, |committed| Some(Position::decode(committed).ok()?.next))?;
        Ok(all.iter().map(|reached| reached.waiting().unsigned_abs()).collect())
    }
}

impl Log for ListerJournal {
    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::Begin => self.sent.clear(),
            Action::Send(outgoing) => self.sent.push(outgoing),
            Action::Commit(_) => {
                if let Err(e) = self.journal.write(&self.sent) {
                    return Event::Failed(Failure::Unknown(e.to_string()));
                }
            }
            other => unreachable!("a lister reads nothing of a group: {other:?}"),
        }
        Event::Done
    }
}

impl ListerLog for ListerJournal {
    fn waiting(&mut self) -> Result<Waiting, String> {
        let on = |lane| self.waiting_on(lane).map_err(|e| e.to_string());
        Ok(Waiting { live: on(&self.tasks)?, backfill: on(&self.backfill)? })
    }

    fn known(&mut self) -> Result<Vec<FileId>, String> {
        let mut known = HashSet::new();
        let mut foreign = 0_u64;
        for index in 0..self.known.partitions {
            let partition = Partition { topic: self.known.topic.clone(), index };
            let note = |key: &[u8], is_known: bool| {
                if key.contains(&LATER_LOAD) {
                    return;
                }
                let id = std::str::from_utf8(key).ok().and_then(|key| key.parse::<FileId>().ok());
                match id {
                    None => foreign += 1,
                    Some(id) if is_known => drop(known.insert(id)),
                    Some(id) => drop(known.remove(&id)),
                }
            };
            self.journal.read(&partition, note).map_err(|e| e.to_string())?;
        }
        if foreign > 0 {
            tracing::warn!("{} holds {foreign} records that no lister wrote", self.known.topic);
        }
        Ok(known.into_iter().collect())
    }
}
