//! Where the decoder of one file stands: its compressions, one within the other, and what comes out of the innermost.

use crate::archive::{Archive, DEPTH, Format, Told};
use crate::gap::Gap;
use crate::layer::{Ending, Layer, Phase};
use crate::magic::Codec;
use crate::member::Then;
use crate::sink::{RATIO_STEP, Sink};
use bytes::Bytes;
use logmill_core::{End, Event, FileMeta, Out, Outcome, Progress, RejectReason};
use std::sync::Arc;

/// So many compressions, one within the other, are undone.
const LAYERS: usize = 3;
/// The bytes that one layer hands to the next at a time.
const BETWEEN: usize = 16 << 10;
/// The same while it is not known what the next layer is: hardly more than it needs to tell.
const FIRST_BETWEEN: usize = 16;

/// The state of one file.
pub struct State {
    /// At least one; each decodes what comes out of the one before it. All but the last are compressions, and so is the last
    /// one where there are bytes enough to tell, unless it is the only one.
    layers: Vec<Layer>,
    /// What comes out of the last layer is known to be no compression, or not to be taken for one.
    settled: bool,
    /// Where the innermost bytes go instead of into chunks, where they are an archive.
    archive: Option<Archive>,
    /// The file's own, and how many archives are around it.
    file: Arc<FileMeta>,
    depth: usize,
    sink: Sink,
    /// On its way between two layers, or behind a gap. Empty between two steps.
    between: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl State {
    pub(crate) fn new(file: &Arc<FileMeta>) -> Self {
        Self::within(file, 0)
    }

    /// Of a file with `depth` archives around it.
    pub(crate) fn within(file: &Arc<FileMeta>, depth: usize) -> Self {
        Self {
            layers: vec![Layer::of_file(file)],
            settled: false,
            archive: None,
            file: Arc::clone(file),
            depth,
            sink: Sink::new(&file.plan),
            between: Vec::new(),
            crc: crc32fast::Hasher::new(),
        }
    }

    /// Takes all of `input`.
    pub(crate) fn read(&mut self, input: &mut Bytes, out: &mut Out) -> Progress {
        if !input.is_empty() {
            self.crc.update(input);
            self.layers[0].input.push_back(std::mem::take(input));
        }
        while self.is_busy() {
            if out.is_full() {
                return Progress::More;
            }
            self.go_on(out);
        }
        Progress::Done
    }

    /// No more input comes. Whether there is something to do therefore.
    pub(crate) fn end_input(&mut self) -> bool {
        self.layers[0].end_input();
        self.is_busy()
    }

    /// Whether there is something to do.
    pub(crate) fn is_busy(&self) -> bool {
        self.archive.as_ref().is_some_and(Archive::is_busy) || self.layers.iter().any(Layer::is_busy)
    }

    /// One step of the innermost that has something to do.
    fn go_on(&mut self, out: &mut Out) {
        if self.archive.as_ref().is_some_and(Archive::is_busy) {
            self.unpack(out);
        } else if let Some(busy) = self.layers.iter().rposition(Layer::is_busy) {
            self.step(busy, out);
        }
    }

    /// Does all that there is to do, whatever comes out.
    fn work(&mut self, out: &mut Out) {
        while self.is_busy() {
            self.go_on(out);
        }
    }

    /// One step of the archive.
    fn unpack(&mut self, out: &mut Out) {
        let archive = self.archive.as_mut().expect("only called where there is one");
        if let Some((bytes_out, read)) = archive.is_limit_due()
            && let Some(why) = self.sink.over_limit(bytes_out, read)
        {
            self.stop(why, out);
            return;
        }
        if let Some(told) = archive.step(out) {
            self.told_of_archive(told, out);
        }
    }

    fn told_of_archive(&mut self, told: Told, out: &mut Out) {
        let around = if self.layers[0].found.is_some() { self.layers.len() } else { 0 };
        self.refuse(around, told.reason, told.detail, told.at, &told.sample, out);
    }

    /// One step of a layer, when those within it have nothing to do.
    fn step(&mut self, i: usize, out: &mut Out) {
        let layer = &mut self.layers[i];
        match (layer.then.take(), &layer.phase) {
            (Some(Then::TooMuch(why)), _) => self.stop(why, out),
            (Some(then), _) => {
                let gap = layer.follow(then);
                self.tell(i, gap, out);
            }
            (None, Phase::Head { .. }) => match layer.look() {
                Some((plain, archive)) => self.settle(i, plain.into(), archive, out),
                None => self.go_deeper(i),
            },
            (None, Phase::Plain) => {
                if let Some(archive) = &mut self.archive {
                    layer.at += layer.input.iter().map(|piece| piece.len() as u64).sum::<u64>();
                    archive.input.append(&mut layer.input);
                } else if let Some(piece) = layer.input.front() {
                    let some = self.sink.plain(piece, out);
                    layer.take(some);
                }
            }
            (None, Phase::Member(..)) => self.decode(i, out),
            (None, Phase::Skip(_)) => layer.skip(),
            (None, Phase::Over) => {
                let all = layer.input.front().map_or(0, Bytes::len);
                layer.take(all);
            }
        }
    }

    /// After a beginning: what comes out of a compression may be one.
    fn go_deeper(&mut self, i: usize) {
        let last = i + 1 == self.layers.len();
        if last && !self.settled && self.layers[i].found.is_some() {
            self.sink.codec = self.names();
            match self.layers.len() {
                LAYERS => self.settled = true,
                _ => self.layers.push(self.layers[i].inner()),
            }
        }
    }

    /// The names of the compressions, the outermost first.
    fn names(&self) -> String {
        let names: Vec<_> = self.layers.iter().filter_map(|layer| layer.found.map(Codec::name)).collect();
        let names: Vec<_> = names.into_iter().chain(self.archive.as_ref().map(Archive::name)).collect();
        if names.is_empty() { "plain".into() } else { names.join(", ") }
    }

    /// The last layer is of no compression: it begins with `plain`, which may be the beginning of an archive.
    fn settle(&mut self, i: usize, plain: Bytes, archive: Option<Format>, out: &mut Out) {
        if let Some(format) = archive {
            self.open(i, format, plain, out);
            return;
        }
        if i == 0 {
            self.layers[0].phase = Phase::Plain;
            let mut plain = plain;
            while !plain.is_empty() {
                let some = self.sink.plain(&plain, out);
                let _ = plain.split_to(some);
            }
            return;
        }
        self.settled = true;
        let layer = self.layers.pop().expect("the layer that is settled is the last one");
        let read = self.layers[0].at;
        let mut fed = self.sink.feed(&plain, read, out);
        for piece in layer.input {
            fed = fed.and_then(|()| self.sink.feed(&piece, read, out));
        }
        if let Err(why) = fed {
            self.stop(why, out);
        }
    }

    /// The last layer is of no compression, but an archive, which begins with `bytes`.
    fn open(&mut self, i: usize, format: Format, bytes: Bytes, out: &mut Out) {
        let mut archive = Archive::new(format, &self.file, self.depth, self.layers[i].window_log);
        archive.input.push_back(bytes);
        if i == 0 {
            self.layers[0].phase = Phase::Plain;
        } else {
            self.settled = true;
            let layer = self.layers.pop().expect("the layer that is settled is the last one");
            archive.input.extend(layer.input);
        }
        self.archive = Some(archive);
        if self.depth == DEPTH {
            self.stop(format!("more than {DEPTH} archives, one within the other"), out);
        }
    }

    /// One step of the member under way in a layer.
    fn decode(&mut self, i: usize, out: &mut Out) {
        let last = i + 1 == self.layers.len();
        if last && self.layers[i].gap.is_none() && self.archive.is_none() {
            self.layers[i].decode(self.sink.room());
            let read = self.layers[0].at;
            if let Err(why) = self.sink.flush_full(read, out) {
                self.stop(why, out);
            }
            return;
        }
        let known = last || self.layers[i + 1].found.is_some();
        let mut between = if known { std::mem::take(&mut self.between) } else { Vec::with_capacity(FIRST_BETWEEN) };
        if known {
            between.reserve_exact(BETWEEN);
        }
        self.layers[i].decode(&mut between);
        self.hand_on(i, &between, out);
        if known {
            between.clear();
            self.between = between;
        }
    }

    /// Hands what came out of a layer to the next one, or to the chunks.
    fn hand_on(&mut self, i: usize, plain: &[u8], out: &mut Out) {
        if plain.is_empty() {
            return;
        }
        let gap = self.layers[i].gap.take();
        let hole = self.tell(i, gap, out);
        if hole {
            self.settle_before_hole(i + 1, out);
        }
        let read = self.layers[0].at;
        let last = i + 1 == self.layers.len();
        if last && self.archive.is_none() {
            let line_end = if hole { self.sink.line_end() } else { b"" };
            let fed = self.sink.feed(line_end, read, out).and_then(|()| self.sink.feed(plain, read, out));
            return fed.unwrap_or_else(|why| self.stop(why, out));
        }
        match &mut self.archive {
            Some(archive) if hole && last => archive.hole(),
            _ if hole => {
                let gap = self.layers[i + 1].hole();
                self.tell(i + 1, gap, out);
            }
            _ => {}
        }
        let (most, over) = self.allowed(i, plain.len(), read);
        if let Some(why) = over {
            self.layers[i].then = Some(Then::TooMuch(why));
        }
        self.layers[i].bytes_out += most as u64;
        let input = match &mut self.archive {
            Some(archive) if last => &mut archive.input,
            _ => &mut self.layers[i + 1].input,
        };
        input.push_back(Bytes::copy_from_slice(&plain[..most]));
    }

    /// Bytes that were too few to tell what they begin, and what follows them is lost: they are of nothing.
    fn settle_before_hole(&mut self, i: usize, out: &mut Out) {
        if let Some(Phase::Head { held, first: true }) = self.layers.get_mut(i).map(|layer| &mut layer.phase)
            && !held.is_empty()
        {
            let held = std::mem::take(held);
            self.settle(i, held.into(), None, out);
        }
    }

    /// How many of `new` bytes more may come out of a layer that is not the last, and which limit is passed with them. Looked
    /// at whenever it is [`BETWEEN`] bytes more, so that nothing depends on how they came.
    fn allowed(&self, i: usize, new: usize, read: u64) -> (usize, Option<String>) {
        let before = self.layers[i].bytes_out;
        let after = (before + new as u64) / BETWEEN as u64 * BETWEEN as u64;
        match self.sink.over_limit(after, read) {
            Some(why) if after > before && self.is_known_within(i) => ((after - before) as usize, Some(why)),
            _ => (new, None),
        }
    }

    /// Whether it is known that what comes out of a layer goes on to another, or to an archive.
    fn is_known_within(&self, i: usize) -> bool {
        self.layers.get(i + 1).map_or(self.archive.is_some(), |layer| layer.found.is_some())
    }

    /// Tells of a gap. Whether bytes are lost with it.
    fn tell(&mut self, i: usize, gap: Option<Gap>, out: &mut Out) -> bool {
        let Some(gap) = gap else { return false };
        if gap.is_padding() {
            self.layers[i].nuls.add(gap.from, gap.to);
            return false;
        }
        let (reason, detail) = gap.told();
        self.refuse(i, reason, detail, gap.from, &gap.sample, out);
        true
    }

    /// `at`: the place in the layer's input.
    fn refuse(&mut self, i: usize, reason: RejectReason, detail: String, at: u64, sample: &[u8], out: &mut Out) {
        if let Some(archive) = &mut self.archive {
            archive.interrupt(reason, out);
        }
        if i == 0 {
            return self.sink.refuse(reason, detail, Some(at), sample, out);
        }
        let around: Vec<_> = self.layers[..i].iter().filter_map(|layer| layer.found.map(Codec::name)).collect();
        let detail = format!("within {}, at byte {at} of it: {detail}", around.join(", "));
        self.sink.refuse(reason, detail, None, sample, out);
    }

    /// A limit is passed: the rest of the file is only counted.
    fn stop(&mut self, why: String, out: &mut Out) {
        // An archive in no compression has its input before it is read.
        let bare = self.archive.as_ref().filter(|_| self.layers[0].found.is_none());
        let at = bare.map_or(self.layers[0].at, Archive::at);
        let at = at.saturating_sub(1) / RATIO_STEP * RATIO_STEP;
        if let Some(archive) = &mut self.archive {
            archive.stop(out);
        }
        self.sink.refuse(RejectReason::Bomb, why, Some(at), &[], out);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            (layer.phase, layer.then, layer.pending) = (Phase::Over, None, false);
            if i > 0 {
                layer.input.clear();
            }
        }
    }

    /// The file is damaged as a whole: its archive says so.
    pub(crate) fn refuse_whole(&mut self, reason: RejectReason, why: &str, out: &mut Out) {
        let at = self.layers[0].at;
        self.sink.refuse(reason, why.to_owned(), Some(at), &[], out);
    }

    /// Nothing more is decoded of it: a limit of its archive is passed.
    pub(crate) fn give_up(&mut self) {
        self.sink.outcome = Outcome::Partial;
        for layer in &mut self.layers {
            (layer.phase, layer.then, layer.pending) = (Phase::Over, None, false);
            layer.input.clear();
        }
        if let Some(archive) = &mut self.archive {
            archive.give_up();
        }
    }

    /// Plain bytes so far, those of its members too.
    pub(crate) fn all_bytes_out(&self) -> u64 {
        self.sink.bytes_out() + self.archive.as_ref().map_or(0, Archive::bytes_out)
    }

    pub(crate) fn finish(mut self, end: End, out: &mut Out) -> Outcome {
        let (mut i, mut end_of_layer) = (0, end);
        while i < self.layers.len() {
            self.layers[i].end_input();
            self.work(out);
            match self.layers[i].finish() {
                Ending::Whole => {}
                Ending::Plain(held) => self.settle(i, held.into(), None, out),
                Ending::Truncated(codec, rest) => {
                    self.truncated(i, codec, rest, end_of_layer, out);
                    end_of_layer = End::Abort; // what is within it was told with it
                }
            }
            if let Some(layer) = self.layers.get_mut(i) {
                let gap = layer.gap.take();
                self.tell(i, gap, out);
            }
            self.work(out);
            i += 1;
        }
        self.finish_archive(end_of_layer, out);
        self.sink.flush(out);
        let outcome = self.sink.outcome.and(end.outcome());
        out.event(self.closed(outcome));
        outcome
    }

    fn finish_archive(&mut self, end: End, out: &mut Out) {
        let Some(archive) = &mut self.archive else { return };
        let told = archive.finish(end, out);
        self.sink.outcome = self.sink.outcome.and(archive.outcome());
        if let Some(told) = told {
            self.told_of_archive(told, out);
        }
    }

    /// The input of a layer ends within a member. When it was cut off before, whoever cut it has said so.
    fn truncated(&mut self, i: usize, codec: Codec, rest: Vec<u8>, end: End, out: &mut Out) {
        self.hand_on(i, &rest, out);
        self.work(out);
        self.sink.outcome = Outcome::Partial;
        if end != End::Abort {
            let layer = &self.layers[i];
            let (unit, nth, at) = (codec.unit(), layer.members + 1, layer.at);
            let detail = format!("the file ends within {unit} {nth} ({})", codec.name());
            self.refuse(i, RejectReason::Truncated, detail, at, &[], out);
        }
    }

    fn closed(self, outcome: Outcome) -> Event {
        let (bytes_in, found) = (self.layers[0].at, self.names());
        let told = |layer: &Layer| match layer.found {
            None if bytes_in == 0 => "empty".to_owned(),
            None if self.archive.is_some() => String::new(),
            None => "no magic of a compression".to_owned(),
            Some(codec) => {
                let told = if codec.has_magic() { "magic bytes" } else { "its name and first bytes" };
                format!("{told}; {} whole {}s{}", layer.members, codec.unit(), layer.nuls.evidence())
            }
        };
        let told = self.layers.iter().map(told).filter(|told| !told.is_empty());
        let told: Vec<_> = told.chain(self.archive.as_ref().map(Archive::evidence)).collect();
        let mut evidence = match &told[..] {
            [one] => one.clone(),
            more => format!("{found}: {}", more.join("; within it ")),
        };
        evidence.push_str(&self.sink.evidence());
        Event::Closed {
            outcome,
            bytes_in,
            bytes_out: self.sink.bytes_out(),
            lines: 0,
            rows: 0,
            malformed: 0,
            crc32: Some(format!("{:08x}", self.crc.finalize())),
            found: Some(found),
            evidence: Some(evidence),
            quarantine: None,
        }
    }
}
