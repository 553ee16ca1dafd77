//! One way to call every decoder.

use crate::Kind;
use crate::bytewise::decode;
use crate::ebcdic;
use crate::gb18030::Gb18030;
use crate::iso2022::Iso2022;
use crate::page::Page;
use crate::utf32::Utf32;
use encoding_rs::{GB18030, GBK};

/// Why a decoder stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All bytes are read.
    Read,
    /// There is no room for the next character.
    Full,
    /// What was read last is malformed: U+FFFD belongs here.
    Malformed,
}

/// Decodes bytes as they come, to UTF-8. It holds back what may go on: never more than a few bytes.
pub struct Decoder(Way);

enum Way {
    Standard(encoding_rs::Decoder),
    Gb18030(Gb18030),
    Utf32(Utf32),
    Iso2022(Iso2022),
    Page(Page),
}

impl Decoder {
    /// Spare room with which [`Decoder::decode`] always gets on.
    pub const ROOM: usize = 64;

    pub(crate) fn new(kind: Kind) -> Self {
        Self(match kind {
            Kind::Standard(standard) if standard == GB18030 || standard == GBK => Way::Gb18030(Gb18030::new()),
            Kind::Standard(standard) => Way::Standard(standard.new_decoder_without_bom_handling()),
            Kind::Utf32(order) => Way::Utf32(Utf32::new(order)),
            Kind::Iso2022(shifts) => Way::Iso2022(Iso2022::new(shifts)),
            Kind::Ebcdic(page) => Way::Page(Page::new(ebcdic::CONTROLS.into_iter().chain(*page))),
            Kind::Dos(page) => Way::Page(Page::new((0..0x80).chain(*page))),
        })
    }

    /// Decodes from the front of `bytes` into `to`, until it has to stop. `last`: nothing follows `bytes`. Gives why it
    /// stopped, the bytes read, and the bytes of UTF-8 written; what stands behind those in `to` means nothing.
    pub fn decode(&mut self, bytes: &[u8], to: &mut [u8], last: bool) -> (Stop, usize, usize) {
        match &mut self.0 {
            Way::Standard(decoder) => {
                let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, to, last);
                let stop = match result {
                    encoding_rs::DecoderResult::InputEmpty => Stop::Read,
                    encoding_rs::DecoderResult::OutputFull => Stop::Full,
                    encoding_rs::DecoderResult::Malformed(..) => Stop::Malformed,
                };
                (stop, read, written)
            }
            Way::Gb18030(decoder) => decoder.decode(bytes, to, last),
            Way::Utf32(decoder) => decode(decoder, bytes, to, last),
            Way::Iso2022(decoder) => decode(decoder, bytes, to, last),
            Way::Page(page) => page.decode(bytes, to),
        }
    }
}
