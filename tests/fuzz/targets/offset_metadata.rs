//! The metadata of committed offsets, of the worker and of the fetcher: what is read is committed again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logmill_core::Offset;
use logmill_protocol::{Committed, fetch, worker};

const SOUND: [&str; 3] = ["s1;20;3.1f;2;5,7;11", "f1;17;0.12c.deadbeef,4.0.0", "s1;1;0.0;0;;"];
/// What a broker takes by default.
const MOST: usize = 4_096;

fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else { return };
    let bytes = logmill_fuzz::changed(SOUND[usize::from(which) % SOUND.len()].as_bytes(), data);
    let metadata = String::from_utf8_lossy(&bytes).into_owned();
    for offset in [0, 5, 17, i64::MAX] {
        let committed = Committed { offset: Offset(offset), metadata: metadata.clone() };
        if let Ok(position) = worker::Position::decode(&committed) {
            let again = position.encode(MOST);
            assert!(again.metadata.len() <= MOST);
            assert_eq!(worker::Position::decode(&again).map(|p| p.encode(MOST)), Ok(again));
        }
        if let Ok(position) = fetch::Position::decode(&committed) {
            assert_eq!(fetch::Position::decode(&position.encode()), Ok(position));
        }
    }
});
