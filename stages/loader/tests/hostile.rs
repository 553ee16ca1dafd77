//! What the fuzzer of row batches found, and its neighbourhood: a record is rejected or sent, whatever its bytes are.

mod common;

use bytes::Bytes;
use common::*;
use logmill_loader::{Prepared, Table};

fn prepared(payload: impl Into<Bytes>) -> Prepared {
    let prepared =
        Table::Rows.prepare(&insert(ROWS, Table::Rows, 5, vec![record(&file(1, 0), span(1, 12), payload.into())]), 0);
    assert_eq!(prepared.bodies.len() + prepared.rejected.len(), 1, "rejected or sent: {prepared:?}");
    prepared
}

#[test]
fn every_batch_with_one_byte_changed_is_rejected_or_sent() {
    let sound = lines(&file(1, 0), 1, 12).payload;
    assert_eq!(prepared(sound.clone()).bodies.len(), 1);
    let mut outside = 0;
    for at in 0..sound.len() {
        for value in [0, 0xff, sound[at] ^ 1, sound[at] ^ 0x80] {
            let mut bytes = sound.to_vec();
            bytes[at] = value;
            let why = prepared(bytes).rejected;
            outside += usize::from(why.iter().any(|(_, reject)| reject.detail.contains("the new Buffer")));
        }
    }
    assert!(outside > 0, "none of them was one that the library panics at, so that nothing was shown of those");
}

#[test]
fn every_batch_that_is_cut_short_is_rejected() {
    let sound = lines(&file(1, 0), 1, 12).payload;
    // The end mark need not be whole: no row is missing then.
    for length in 0..sound.len() - 8 {
        assert_eq!(prepared(sound.slice(..length)).rejected.len(), 1, "cut to {length} of {} bytes", sound.len());
    }
}
