//! The decoder of GB18030 gives what encoding_rs gives, byte for byte, malformed sequences included: by class of byte and at
//! random, cut anywhere; all inputs of up to three bytes, and of four in `make fuzz`.

use encoding_rs::DecoderResult;
use logmill_encodings::{Decoder, Encoding, GB18030, GBK, Stop};
use proptest::prelude::*;

/// What came out, and the sequences that were malformed.
#[derive(Debug, Default, PartialEq)]
struct Decoded {
    text: Vec<u8>,
    malformed: u64,
}

impl Decoded {
    fn clear(&mut self) {
        self.text.clear();
        self.malformed = 0;
    }

    fn replace(&mut self) {
        self.text.extend_from_slice("\u{fffd}".as_bytes());
        self.malformed += 1;
    }
}

fn ours<'a>(encoding: &Encoding, pieces: impl IntoIterator<Item = &'a [u8]>, to: &mut [u8], decoded: &mut Decoded) {
    let mut decoder = encoding.new_decoder();
    for (mut bytes, last) in pieces.into_iter().map(|piece| (piece, false)).chain([(&b""[..], true)]) {
        loop {
            let (stop, read, written) = decoder.decode(bytes, to, last);
            decoded.text.extend_from_slice(&to[..written]);
            bytes = &bytes[read..];
            match stop {
                Stop::Read => break,
                Stop::Full => assert!(read + written > 0, "no progress"),
                Stop::Malformed => decoded.replace(),
            }
        }
        assert!(bytes.is_empty());
    }
}

fn theirs(mut bytes: &[u8], to: &mut [u8], decoded: &mut Decoded) {
    let mut decoder = encoding_rs::GB18030.new_decoder_without_bom_handling();
    loop {
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, to, true);
        decoded.text.extend_from_slice(&to[..written]);
        bytes = &bytes[read..];
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => decoded.replace(),
        }
    }
}

/// Compares many inputs, with buffers that are used again and again.
struct Both {
    to: Vec<u8>,
    ours: Decoded,
    theirs: Decoded,
}

impl Both {
    fn new() -> Self {
        Self { to: vec![0; Decoder::ROOM], ours: Decoded::default(), theirs: Decoded::default() }
    }

    fn compare(&mut self, bytes: &[u8]) {
        self.ours.clear();
        self.theirs.clear();
        ours(GB18030, [bytes], &mut self.to, &mut self.ours);
        theirs(bytes, &mut self.to, &mut self.theirs);
        assert_eq!(self.ours, self.theirs, "{bytes:x?}");
    }
}

#[test]
fn all_inputs_of_up_to_three_bytes() {
    let mut both = Both::new();
    both.compare(&[]);
    for a in 0..=255 {
        both.compare(&[a]);
        for b in 0..=255 {
            both.compare(&[a, b]);
            for c in 0..=255 {
                both.compare(&[a, b, c]);
            }
        }
    }
}

/// 4,294,967,296 inputs: minutes.
#[cfg(feature = "long")]
#[test]
fn all_inputs_of_four_bytes() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = std::sync::atomic::AtomicU16::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut both = Both::new();
                while let Ok(a) = u8::try_from(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    for rest in 0..1u32 << 24 {
                        let [b, c, d, _] = rest.to_le_bytes();
                        both.compare(&[a, b, c, d]);
                    }
                    eprintln!("all that begin with {a:02x}: the same");
                }
            });
        }
    });
}

#[test]
fn all_characters_of_four_bytes() {
    let mut both = Both::new();
    for [a, c] in (0x81..=0xfe).flat_map(|a| (0x81..=0xfe).map(move |c| [a, c])) {
        for [b, d] in (b'0'..=b'9').flat_map(|b| (b'0'..=b'9').map(move |d| [b, d])) {
            both.compare(&[a, b, c, d]);
        }
    }
}

/// One or two of each kind that the rules tell apart.
const CLASSES: [u8; 12] = [b'\n', b'0', b'9', b'@', 0x7e, 0x7f, 0x80, 0x81, 0x84, 0xb0, 0xfe, 0xff];

#[test]
fn all_of_six_bytes_by_class() {
    let mut both = Both::new();
    for number in 0..CLASSES.len().pow(6) {
        let bytes: [u8; 6] = std::array::from_fn(|i| CLASSES[number / CLASSES.len().pow(i as u32) % CLASSES.len()]);
        both.compare(&bytes);
    }
}

/// Text, long stretches of ASCII among it, and bytes that break it.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let encoded = |text: String| encoding_rs::GB18030.encode(&text).0.into_owned();
    let piece = prop_oneof![
        "[\u{4e00}-\u{9fff}]{1,40}".prop_map(encoded),
        "\\PC{0,9}".prop_map(encoded),
        "[ -~\n]{0,90}".prop_map(String::into_bytes),
        proptest::collection::vec(proptest::sample::select(CLASSES.to_vec()), 0..9),
        proptest::collection::vec(any::<u8>(), 0..9),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_random_and_cut_anywhere(
        bytes in any_bytes(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        room in Decoder::ROOM..300,
        encoding in proptest::sample::select(vec![GB18030, GBK]),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
        let (mut one, mut other) = (Decoded::default(), Decoded::default());
        ours(encoding, pieces, &mut vec![0; room], &mut one);
        theirs(&bytes, &mut vec![0; 4096], &mut other);
        prop_assert_eq!(one, other);
    }
}
