//! Clusters that hold files: their bytes, their listings, and how they fail.

use bytes::Bytes;
use logmill_core::{FileId, Seq};
use logmill_protocol::fetch::{Fetched, Listed, Order};
use rand::RngExt as _;
use rand::rngs::StdRng;

/// One cluster.
pub struct Store {
    pub name: &'static str,
    /// What it holds now; no two files have ever had the same path, length and time.
    pub files: Vec<Listed>,
    /// It does not answer before this step.
    pub silent_until: u64,
}

impl Store {
    /// When it is silent until then, it never answers again.
    pub const NEVER: u64 = u64::MAX;

    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.silent_until == Self::NEVER
    }

    #[must_use]
    pub fn id(&self, file: &Listed) -> FileId {
        FileId::of(self.name, file.path.as_bytes(), file.length, file.modified_ms)
    }

    /// Whether the file is there, as it was listed.
    #[must_use]
    pub fn holds(&self, id: FileId) -> bool {
        self.files.iter().any(|file| self.id(file) == id)
    }

    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Listed> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// The bytes of a file, from one to another: a function of what it is, so that another file never has the same.
#[must_use]
pub fn content(id: FileId, from: u64, to: u64) -> Bytes {
    (from..to).map(|i| (id.0.wrapping_mul(u128::from(i) * 2 + 1) >> 64) as u8).collect()
}

/// Stands in for CRC-32: the machines only carry the sums.
#[must_use]
pub fn sum(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |s, b| s.wrapping_mul(16_777_619) ^ u32::from(*b))
}

/// What reads one file in the background of a fetcher.
pub struct Reader {
    pub order: Order,
    next: Seq,
    crc32: u32,
}

impl Reader {
    #[must_use]
    pub fn new(order: Order) -> Self {
        let (next, crc32) = (order.from, order.crc32);
        Self { order, next, crc32 }
    }

    /// What comes next of the file, if anything does.
    pub fn next(&mut self, store: &Store, step: u64, rng: &mut StdRng) -> Option<Fetched> {
        let file = &self.order.file;
        if store.silent_until > step {
            // Whether it was silent for longer than the limit.
            let parks = rng.random_ratio(1, 12);
            return parks.then(|| Fetched::Unreachable("no answer".into()));
        }
        let raw_bytes = u64::from(file.plan.raw_bytes);
        let (from, to) = (self.next.0 * raw_bytes, ((self.next.0 + 1) * raw_bytes).min(file.length));
        // A change is seen after opening, when a block is gone, and before the end.
        if !store.holds(file.file_id) && (from >= file.length || rng.random_ratio(1, 3)) {
            return Some(Fetched::Changed("it is another file now".into()));
        }
        if let Some(parked) = self.order.parked.filter(|p| p.seq == self.next) {
            assert_eq!(parked.crc32, self.crc32, "the sum of the parked position of {}", file.path);
        }
        if from >= file.length {
            return Some(Fetched::End);
        }
        let bytes = content(file.file_id, from, to);
        (self.next, self.crc32) = (self.next.next(), sum(self.crc32, &bytes));
        Some(Fetched::Chunk(bytes, self.crc32))
    }
}
