//! The two formats of xz-utils; of .xz also what is left of a stream from one of its blocks on.

use crate::member::{Step, Then};
use liblzma::stream::{Action, Error, Status, Stream};

pub(crate) const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// The magic, two bytes of flags, and their CRC-32.
const HEADER: usize = 12;
/// No header of a block that is looked for is longer: two sizes, and filters as xz writes them.
pub(crate) const BLOCK_HEADER: usize = 64;

/// What a decoder takes beside its dictionary, and a bit.
const BESIDE_DICTIONARY: u64 = 256 << 10;

/// The header of a stream: which check its blocks have.
pub(crate) type Header = [u8; HEADER];

/// The decoder of one stream.
pub(crate) struct Xz {
    decoder: Stream,
    /// The first bytes of the stream: its header, once all of it came.
    header: Vec<u8>,
    /// It began with a block: at its end comes an index of blocks that it does not know.
    from_block: bool,
}

impl Xz {
    /// # Panics
    /// When the library has no memory for a context.
    pub(crate) fn new(window_log: u32) -> Self {
        let decoder = Stream::new_stream_decoder(memory(window_log), 0).expect("memory for an xz context");
        Self { decoder, header: Vec::with_capacity(HEADER), from_block: false }
    }

    /// The legacy format of lzma.
    ///
    /// # Panics
    /// As [`Xz::new`].
    pub(crate) fn lzma(window_log: u32) -> Self {
        let decoder = Stream::new_lzma_decoder(memory(window_log)).expect("memory for an lzma context");
        Self { decoder, header: Vec::new(), from_block: false }
    }

    /// A stream of which the first bytes are a block: `header` is that of the stream to which it belongs.
    ///
    /// # Panics
    /// As [`Xz::new`].
    pub(crate) fn from_block(header: Header, window_log: u32) -> Self {
        let mut xz = Self::new(window_log);
        let _ = xz.decoder.process(&header, &mut [], Action::Run); // what is wrong with it shows at the block
        Self { header: header.to_vec(), from_block: true, ..xz }
    }

    /// The header of the stream, if it is sound.
    pub(crate) fn header(&self) -> Option<Header> {
        let header: Header = self.header.as_slice().try_into().ok()?;
        (crc32fast::hash(&header[6..8]).to_le_bytes() == header[8..]).then_some(header)
    }

    /// As [`crate::member::Member::step`].
    pub(crate) fn step(&mut self, input: &[u8], plain: &mut Vec<u8>) -> Step {
        let before = self.decoder.total_in();
        let result = self.decoder.process_vec(input, plain, Action::Run);
        let read = (self.decoder.total_in() - before) as usize;
        let missing = self.header.capacity().min(HEADER).saturating_sub(self.header.len());
        self.header.extend_from_slice(&input[..read.min(missing)]);
        let then = match result {
            Ok(Status::StreamEnd) => Then::Ended,
            Ok(_) => Then::GoOn,
            Err(Error::MemLimit) => Then::TooLarge("its dictionary is larger than the plan's window".into()),
            Err(Error::Options | Error::UnsupportedCheck) => {
                Then::Corrupt("it asks for a filter or a check that is not known".into())
            }
            Err(Error::Format) => Then::Corrupt("invalid header".into()),
            Err(_) if self.from_block => {
                Then::Corrupt("invalid data, a wrong checksum, or an index that names the blocks that are lost".into())
            }
            Err(_) => Then::Corrupt("invalid data, or a wrong checksum".into()),
        };
        Step { read, back: Vec::new(), then }
    }
}

fn memory(window_log: u32) -> u64 {
    (1 << window_log) + BESIDE_DICTIONARY
}

/// Whether a block begins with `bytes` (3.1 of the format: its header's length, flags, and CRC-32); `None` when there are too
/// few to tell.
pub(crate) fn begins_block(bytes: &[u8]) -> Option<bool> {
    let length = match bytes.first()? {
        0 => return Some(false), // an index
        words => (usize::from(*words) + 1) * 4,
    };
    if length > BLOCK_HEADER || bytes.get(1)? & 0x3c != 0 {
        return Some(false);
    }
    let (header, crc) = bytes.get(..length)?.split_last_chunk::<4>()?;
    Some(crc32fast::hash(header).to_le_bytes() == *crc)
}
