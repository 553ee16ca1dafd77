//! Cuts a file's bytes into chunks of one size, whatever the pieces are that the store brings.

use bytes::{Buf as _, Bytes, BytesMut};

/// Collects pieces; gives out whole chunks, the last of them shorter.
pub struct Cutter {
    chunk_bytes: usize,
    /// Bytes of the file that were not put into `chunk` yet.
    left: u64,
    /// The chunk that is being filled; always shorter than a whole one, and than what is left of the file.
    chunk: BytesMut,
}

impl Cutter {
    /// For `length` bytes, cut at multiples of `chunk_bytes` from here on.
    ///
    /// # Panics
    /// When chunks would be empty.
    #[must_use]
    pub fn new(chunk_bytes: usize, length: u64) -> Self {
        assert!(chunk_bytes > 0, "a task's plan cuts into chunks of one byte at least");
        Self { chunk_bytes, left: length, chunk: BytesMut::new() }
    }

    /// Whether bytes are still to come.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        self.left > 0
    }

    /// How many bytes are still to come.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes bytes from the front of `piece`; a chunk once it is full or the file's last. Call until it gives none.
    pub fn cut(&mut self, piece: &mut Bytes) -> Option<Bytes> {
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.chunk_bytes - self.chunk.len());
        if size == 0 || piece.is_empty() {
            return None;
        }
        let taken = size.min(piece.len());
        if self.chunk.capacity() == 0 {
            self.chunk.reserve(size);
        }
        self.chunk.extend_from_slice(&piece[..taken]);
        piece.advance(taken);
        self.left -= taken as u64;
        let full = self.chunk.len() == self.chunk_bytes || self.left == 0;
        full.then(|| std::mem::take(&mut self.chunk).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts `length` bytes that come in pieces of `piece` bytes; the sizes of the chunks.
    fn sizes(chunk_bytes: usize, length: usize, piece: usize) -> Vec<usize> {
        let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let mut cutter = Cutter::new(chunk_bytes, length as u64);
        let mut chunks: Vec<Bytes> = Vec::new();
        for piece in data.chunks(piece) {
            assert!(cutter.is_hungry());
            let mut piece = Bytes::copy_from_slice(piece);
            chunks.extend(std::iter::from_fn(|| cutter.cut(&mut piece)));
            assert!(piece.is_empty());
        }
        assert!(!cutter.is_hungry());
        assert_eq!(chunks.concat(), data);
        chunks.iter().map(Bytes::len).collect()
    }

    #[test]
    fn chunks_do_not_depend_on_the_pieces() {
        for piece in [1, 3, 4, 7, 100] {
            assert_eq!(sizes(4, 10, piece), [4, 4, 2], "pieces of {piece}");
            assert_eq!(sizes(4, 8, piece), [4, 4], "pieces of {piece}");
            assert_eq!(sizes(4, 3, piece), [3], "pieces of {piece}");
            assert_eq!(sizes(4, 0, piece), [0; 0], "pieces of {piece}");
        }
    }

    #[test]
    fn more_than_the_listed_length_is_not_taken() {
        let mut cutter = Cutter::new(4, 6);
        let mut piece = Bytes::from_static(b"0123456789");
        let chunks: Vec<Bytes> = std::iter::from_fn(|| cutter.cut(&mut piece)).collect();
        assert_eq!(chunks, [&b"0123"[..], b"45"]);
        assert_eq!(piece, &b"6789"[..]);
    }
}
