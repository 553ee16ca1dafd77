//! Random names and passwords from the system.

use std::fs::File;
use std::io::Read;

use crate::error::{Doing, Result};

/// `N` random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .doing(|| "read /dev/urandom".into())?;
    Ok(bytes)
}

/// A password of 32 hex digits.
pub fn password() -> Result<String> {
    Ok(bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An id as Kafka wants one: 16 bytes in URL-safe base64 without padding, not starting with `-`.
pub fn kafka_id() -> Result<String> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"; // five random bits of six are enough
    let mut id: String = bytes::<21>()?.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    id.push('A'); // the last letter carries two bits and four zeros
    Ok(id)
}
