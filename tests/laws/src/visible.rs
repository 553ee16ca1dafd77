//! What a reader of committed records sees of a stage's output.

use crate::process::{EVENTS, LETTERS};
use bytes::Bytes;
use logmill_core::event::{Event, LedgerRecord};
use logmill_core::wire::{Record, header};
use logmill_simulate::broker::Broker;
use std::collections::BTreeMap;

/// The records of each file in each partition, in order. The time at which an event was sent is left out: of all that
/// is sent, it alone is not of the input.
pub type Visible = BTreeMap<(String, i32, Bytes), Vec<Record>>;

/// # Panics
/// When an event is not one of the ledger.
#[must_use]
pub fn visible(broker: &Broker, topics: &[&str]) -> Visible {
    let mut all = Visible::new();
    for topic in topics.iter().copied().chain([EVENTS, LETTERS]) {
        for incoming in broker.visible(topic) {
            let mut record = incoming.record;
            if topic == EVENTS {
                let event: LedgerRecord = serde_json::from_slice(&record.payload).expect("an event of the ledger");
                let event = LedgerRecord { at_ms: 0, ..event };
                record.payload = serde_json::to_vec(&event).expect("an event is plain data").into();
            }
            all.entry((topic.to_owned(), incoming.partition.index, record.key.clone())).or_default().push(record);
        }
    }
    all
}

/// The same where chunks stand alone: those of a file may come from any partition, and so in any order.
#[must_use]
pub fn in_any_order(mut visible: Visible) -> Visible {
    for records in visible.values_mut() {
        records.sort_by(|a, b| (&a.headers, &a.payload).cmp(&(&b.headers, &b.payload)));
    }
    visible
}

/// The same without what a stage chose by the lags: the channel of each chunk.
///
/// # Panics
/// When an event is not one of the ledger.
#[must_use]
pub fn whichever_channel(visible: Visible) -> Visible {
    let mut all = Visible::new();
    for ((topic, partition, key), mut records) in visible {
        let topic = if [EVENTS, LETTERS].contains(&topic.as_str()) { topic } else { "channels".to_owned() };
        for record in &mut records {
            record.headers.retain(|(name, _)| name != header::CHANNEL);
            if topic == EVENTS {
                let mut event: LedgerRecord = serde_json::from_slice(&record.payload).expect("an event of the ledger");
                if let Event::Passed { channel, .. } = &mut event.event {
                    *channel = None;
                }
                record.payload = serde_json::to_vec(&event).expect("an event is plain data").into();
            }
        }
        all.entry((topic, partition, key)).or_default().extend(records);
    }
    in_any_order(all)
}

/// # Errors
/// The first difference.
pub fn alike(want: &Visible, got: &Visible) -> Result<(), String> {
    let none = Vec::new();
    for at in want.keys().chain(got.keys()) {
        let (want, got) = (want.get(at).unwrap_or(&none), got.get(at).unwrap_or(&none));
        if want != got {
            let n = want.iter().zip(got).take_while(|(a, b)| a == b).count();
            let (topic, partition, key) = at;
            return Err(format!(
                "record {n} of file {} in {topic}[{partition}], of {} wanted and {} seen, should be\n{:?}\nand is\n{:?}",
                String::from_utf8_lossy(key),
                want.len(),
                got.len(),
                want.get(n),
                got.get(n)
            ));
        }
    }
    Ok(())
}
