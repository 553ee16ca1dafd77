//! What a stage's outputs are as records, and where they go.

use crate::fetch::Lane;
use crate::log::Outgoing;
use bytes::Bytes;
use logmill_core::event::{Event, LedgerRecord, Reject};
use logmill_core::wire::{Kind, Record, WireChunk, header};
use logmill_core::{FileId, FileMeta, Flow, Load, Product, Seq};
use std::collections::BTreeMap;

/// Where a stage's chunks go.
#[derive(Clone, Debug)]
pub enum Route {
    Topic(Lane),
    /// The stage names a channel with each product.
    Channels(BTreeMap<String, Lane>),
    /// What came by a channel goes on by it; what came by none that is here is rejected.
    SameChannel(BTreeMap<String, Lane>),
}

/// The topics that a stage writes to.
#[derive(Clone, Debug)]
pub struct Routes {
    pub product: Route,
    pub file_events: Lane,
    pub dead_letters: Lane,
}

/// The origin of what is sent: one chunk of a file, at its place in the log.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// `topic/partition/offset`.
    pub place: &'a str,
    pub file_id: Option<FileId>,
    pub load: Load,
    pub file: Option<&'a FileMeta>,
    /// Headers that are passed on as they came.
    pub notes: &'a [(String, String)],
    pub plan: &'a str,
}

impl Routes {
    /// Every topic that is written to, with its number of partitions.
    #[must_use]
    pub fn lanes(&self) -> Vec<&Lane> {
        let mut all = vec![&self.file_events, &self.dead_letters];
        match &self.product {
            Route::Topic(lane) => all.push(lane),
            Route::Channels(lanes) | Route::SameChannel(lanes) => all.extend(lanes.values()),
        }
        all
    }

    /// Whether a chunk that came by this channel, or by none, can go on.
    pub(super) fn takes(&self, channel: Option<&str>) -> bool {
        match &self.product {
            Route::Topic(_) | Route::Channels(_) => true,
            Route::SameChannel(lanes) => channel.is_some_and(|channel| lanes.contains_key(channel)),
        }
    }

    /// The lane of a product.
    ///
    /// # Panics
    /// When the stage names a channel that it was not given.
    fn lane(&self, channel: Option<&str>) -> &Lane {
        match (&self.product, channel) {
            (Route::Topic(lane), _) => lane,
            (Route::Channels(lanes) | Route::SameChannel(lanes), Some(channel)) => lanes
                .get(channel)
                .unwrap_or_else(|| panic!("a stage sends to channels that it knows, not to {channel}")),
            (Route::Channels(_) | Route::SameChannel(_), None) => {
                panic!("a stage whose output has channels names one with each product")
            }
        }
    }

    /// A product as chunk `seq` of its file.
    pub(super) fn product(
        &self,
        origin: &Origin<'_>,
        flow: Flow,
        seq: Seq,
        silent: bool,
        product: Product,
    ) -> Outgoing {
        let file = origin.file.expect("a product comes of a file that is known");
        let came_by =
            || origin.notes.iter().find(|(name, _)| name == header::CHANNEL).map(|(_, channel)| channel.as_str());
        let lane = match (&self.product, product.channel.as_deref()) {
            (Route::SameChannel(_), None) => self.lane(came_by()),
            (_, named) => self.lane(named),
        };
        let (index, with_file) = match flow {
            Flow::Stream => (file.partition(lane.partitions), seq.0 == 0),
            Flow::Standalone => (file.file_id.partition_of(seq, lane.partitions), true),
        };
        let mut notes = origin.notes.to_vec();
        for (name, value) in product.notes {
            notes.retain(|(n, _)| n != name);
            notes.push((name.to_owned(), value));
        }
        if let Some(channel) = product.channel {
            notes.retain(|(n, _)| n != "channel");
            notes.push(("channel".to_owned(), channel));
        }
        let chunk = WireChunk {
            file_id: file.file_id,
            load: file.load,
            seq,
            kind: Kind::Data,
            silent,
            plan: origin.plan.to_owned(),
            file: with_file.then(|| Box::new(file.clone())),
            span: product.span,
            header: product.header,
            notes,
            packed: product.packed,
            payload: product.payload,
        };
        lane.at(index, chunk.encode())
    }

    /// A marker that closes a file downstream.
    pub(super) fn marker(&self, origin: &Origin<'_>, seq: Seq, kind: Kind, silent: bool) -> Outgoing {
        let file = origin.file.expect("a marker closes a file that is known");
        let lane = self.lane(None);
        let chunk = WireChunk {
            file_id: file.file_id,
            load: file.load,
            seq,
            kind,
            silent,
            plan: origin.plan.to_owned(),
            file: (seq.0 == 0).then(|| Box::new(file.clone())),
            span: None,
            header: None,
            notes: origin.notes.to_vec(),
            packed: false,
            payload: Bytes::new(),
        };
        lane.at(file.partition(lane.partitions), chunk.encode())
    }

    pub(super) fn event(&self, origin: &Origin<'_>, stage: &str, now_ms: u64, event: Event) -> Outgoing {
        let file = origin.file.expect("an event is of a file that is known");
        let record = LedgerRecord {
            file_id: file.file_id,
            load: file.load,
            cluster: file.cluster.clone(),
            path: file.path.clone(),
            app: file.app.clone(),
            archive: file.archive,
            length: file.length,
            modified_ms: file.modified_ms,
            stage: stage.to_owned(),
            at_ms: now_ms,
            event,
        };
        let lane = &self.file_events;
        let payload = serde_json::to_vec(&record).expect("an event is plain data").into();
        let record = Record { key: file.file_id.to_string().into(), headers: Vec::new(), payload };
        lane.at(file.partition(lane.partitions), record)
    }

    pub(super) fn reject(&self, origin: &Origin<'_>, stage: &str, reject: Reject) -> Outgoing {
        let mut headers: Vec<(String, Bytes)> = Vec::new();
        let mut put = |name: &str, value: String| headers.push((name.to_owned(), value.into()));
        put(header::REASON, reject.reason.name().into());
        put(header::DETAIL, reject.detail);
        put(header::STAGE, stage.to_owned());
        put(header::ORIGIN, origin.place.to_owned());
        put(header::LOAD, origin.load.to_string());
        if let Some(byte) = reject.at_byte {
            put(header::AT_BYTE, byte.to_string());
        }
        if let Some(span) = reject.span {
            put(header::LINE, span.first_line.to_string());
            put(header::PART, span.first_part.to_string());
            put(header::ROWS, span.rows.to_string());
        }
        if let Some(file) = origin.file {
            put(header::FILE, serde_json::to_string(file).expect("a file's description is plain data"));
        }
        let lane = &self.dead_letters;
        let index = origin.file_id.map_or(0, |id| id.partition(lane.partitions));
        let key = origin.file_id.map(|id| id.to_string().into()).unwrap_or_default();
        lane.at(index, Record { key, headers, payload: reject.bytes })
    }
}
