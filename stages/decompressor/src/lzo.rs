//! Blocks of LZO1X, as `Documentation/staging/lzo.rst` of the Linux kernel describes them.
//!
//! Our own: of the libraries in Rust those that check their input are under the GPL, and the other panics at damage.

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It ends before its end.
    Short,
    Invalid,
    /// It decodes to more than it may.
    TooLong,
}

/// The distance that means the end, where it stands in an instruction for far matches.
const FAR: usize = 16 << 10;

/// What is left of a block.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<usize, Wrong> {
        let (first, rest) = self.0.split_first().ok_or(Wrong::Short)?;
        self.0 = rest;
        Ok(usize::from(*first))
    }

    fn bytes(&mut self, n: usize) -> Result<&'a [u8], Wrong> {
        let (some, rest) = self.0.split_at_checked(n).ok_or(Wrong::Short)?;
        self.0 = rest;
        Ok(some)
    }

    fn le16(&mut self) -> Result<usize, Wrong> {
        Ok(self.byte()? | self.byte()? << 8)
    }

    /// A length that the bits of its instruction, `short`, hold unless they are 0: then `base` and what follows.
    fn length(&mut self, short: usize, base: usize) -> Result<usize, Wrong> {
        if short != 0 {
            return Ok(short);
        }
        let mut length = base;
        loop {
            match self.byte()? {
                0 => length += 255,
                last => return Ok(length + last),
            }
        }
    }
}

/// Appends `n` bytes as they are.
fn literals(input: &mut Input, n: usize, plain: &mut Vec<u8>, most: usize) -> Result<(), Wrong> {
    if n > most - plain.len() {
        return Err(Wrong::TooLong);
    }
    plain.extend_from_slice(input.bytes(n)?);
    Ok(())
}

/// Appends `n` bytes that came out `distance` bytes before; they may overlap with what they become.
fn again(mut n: usize, distance: usize, plain: &mut Vec<u8>, most: usize) -> Result<(), Wrong> {
    let from = plain.len().checked_sub(distance).ok_or(Wrong::Invalid)?;
    if n > most - plain.len() {
        return Err(Wrong::TooLong);
    }
    while n > 0 {
        let some = n.min(plain.len() - from);
        plain.extend_from_within(from..from + some);
        n -= some;
    }
    Ok(())
}

/// Decodes the block `data` into `plain`, which is empty, to at most `most` bytes. It holds what was decoded when it fails.
pub(crate) fn decode(data: &[u8], plain: &mut Vec<u8>, most: usize) -> Result<(), Wrong> {
    let mut input = Input(data);
    // How many literals the instruction before had behind it; 4 for a run of them.
    let mut state = 0;
    if let Some(first @ 18..) = data.first() {
        let n = input.byte()? - 17;
        literals(&mut input, n, plain, most)?;
        state = usize::from(first - 17).min(4);
    }
    loop {
        let code = input.byte()?;
        let (length, distance, behind) = match (code, state) {
            (64.., _) => ((code >> 5) + 1, (input.byte()? << 3) + (code >> 2 & 7) + 1, code & 3),
            (32..64, _) => {
                let length = input.length(code & 31, 31)? + 2;
                let low = input.le16()?;
                (length, (low >> 2) + 1, low & 3)
            }
            (16..32, _) => {
                let length = input.length(code & 7, 7)? + 2;
                let low = input.le16()?;
                let distance = FAR + ((code & 8) << 11) + (low >> 2);
                if distance == FAR {
                    return if length == 3 && input.0.is_empty() { Ok(()) } else { Err(Wrong::Invalid) };
                }
                (length, distance, low & 3)
            }
            (_, 0) => {
                let n = input.length(code, 15)? + 3;
                literals(&mut input, n, plain, most)?;
                state = 4;
                continue;
            }
            (_, 4) => (3, (code >> 2) + (input.byte()? << 2) + 2049, code & 3),
            _ => (2, (code >> 2) + (input.byte()? << 2) + 1, code & 3),
        };
        again(length, distance, plain, most)?;
        literals(&mut input, behind, plain, most)?;
        state = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks() {
        for (data, expected) in [
            (&b"\x11\0\0"[..], Ok(&b""[..])),
            (b"\x15abcd\x11\0\0", Ok(b"abcd")),
            (b"\x12a\x11\0\0", Ok(b"a")),
            (b"\x15abcd\x20\x05\x0c\0\x11\0\0", Ok(&b"abcd".repeat(11)[..42])), // 38 bytes from 4 bytes before
            (b"\x15abcd\x6c\0\x11\0\0", Ok(b"abcdabcd")),
            (b"\x15abcd\x11\0\0x", Err(Wrong::Invalid)),
            (b"\x15abcd\x70\0\x11\0\0", Err(Wrong::Invalid)), // from before the beginning
            (b"\x15abc", Err(Wrong::Short)),
            (b"", Err(Wrong::Short)),
            (b"\0\0\0\0", Err(Wrong::Short)),
            (b"\x15abcd\x20\0\0\0\xff\x0c\0\x11\0\0", Err(Wrong::TooLong)),
        ] {
            let mut plain = Vec::new();
            let result = decode(data, &mut plain, 100);
            assert_eq!(result.map(|()| &plain[..]), expected, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn what_another_library_wrote(text in "([a-c]{0,40}|some words |\n){0,400}", cut in any::<usize>()) {
            let packed = lzokay_native::compress(text.as_bytes()).unwrap();
            let mut plain = Vec::new();
            if !packed.is_empty() {
                decode(&packed, &mut plain, text.len()).unwrap();
                prop_assert_eq!(&plain, text.as_bytes());
                plain.clear();
                prop_assert_eq!(decode(&packed[..cut % packed.len()], &mut plain, text.len()), Err(Wrong::Short));
            }
        }

        #[test]
        fn nothing_panics(data in proptest::collection::vec(any::<u8>(), 0..200), most in 0usize..2000) {
            let mut plain = Vec::new();
            let _ = decode(&data, &mut plain, most);
            prop_assert!(plain.len() <= most);
        }
    }
}
