//! A payload packed by itself: compressed once, and passed on as it is by a stage that does not look into it. The brokers need
//! not unpack it either, which they do with a batch that Kafka's own compression made.
//!
//! The form is a block of lz4 after its unpacked length, 32 bits, the lowest first: what `lz4.block` of Python and most
//! libraries call a block with its size.

use bytes::Bytes;

/// The value of the header `packed`.
pub const LZ4: &str = "lz4";
/// A payload is not packed below so many bytes.
const LEAST: usize = 1 << 10;
/// The most bytes that a packed payload may have: far more than any chunk, far less than memory.
pub const MOST: usize = 64 << 20;

/// The payload packed, where that makes it smaller.
#[must_use]
pub fn pack(payload: &[u8]) -> Option<Bytes> {
    if !(LEAST..=MOST).contains(&payload.len()) {
        return None;
    }
    let packed = lz4_flex::block::compress_prepend_size(payload);
    (packed.len() < payload.len()).then(|| packed.into())
}

/// Bytes that `packed` unpacks to, as it says itself. `None`: it is nothing that [`pack`] makes.
#[must_use]
pub fn length(packed: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*packed.first_chunk()?) as usize;
    (length <= MOST).then_some(length)
}

/// What was packed. `None`: it is nothing that [`pack`] makes.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Bytes> {
    let block = &packed[4.min(packed.len())..];
    let payload = lz4_flex::block::decompress(block, length(packed)?).ok()?;
    (length(packed) == Some(payload.len())).then(|| payload.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back() {
        let text = "2026-11-22 10:00:00,123 INFO a line\n".repeat(1000);
        let packed = pack(text.as_bytes()).expect("it is smaller");
        assert!(packed.len() < text.len() / 20, "{}", packed.len());
        assert_eq!((length(&packed), unpack(&packed)), (Some(text.len()), Some(text.clone().into())));
    }

    #[test]
    fn what_does_not_become_smaller_is_left() {
        let mut state = 1_u64;
        let random: Vec<u8> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        assert_eq!((pack(&random), pack(b"")), (None, None));
        assert_eq!(pack("a".repeat(LEAST - 1).as_bytes()), None);
    }

    #[test]
    fn garbage_is_nothing_packed() {
        let packed = pack("a line\n".repeat(1000).as_bytes()).expect("it is smaller");
        for cut in 0..packed.len() {
            assert_eq!(unpack(&packed[..cut]), None, "cut at {cut}");
        }
        for claim in [0_u32, 6999, 7001, u32::MAX] {
            let garbage = [&claim.to_le_bytes()[..], &packed[4..]].concat();
            assert_eq!(unpack(&garbage), None, "{claim}");
        }
        assert_eq!(length(&u32::MAX.to_le_bytes()), None);
    }
}
