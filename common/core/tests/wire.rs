//! The contract of a chunk as a record: what goes in comes out, and nothing that a topic can hold makes it panic.

use bytes::Bytes;
use logmill_core::wire::{Kind, Record, WireChunk, WireError};
use logmill_core::{End, FileId, FileMeta, LineSpan, Load, Plan, Seq};
use logmill_patterns::Zone;
use proptest::prelude::*;

fn file() -> FileMeta {
    let (cluster, path) = ("a".to_owned(), "/logs/x y\n\"%2F\u{1b}.gz".to_owned());
    let file_id = FileId::of(&cluster, path.as_bytes(), 7, 1_000);
    FileMeta {
        load: Load(3),
        length: 7,
        modified_ms: 1_000,
        app: "shop".into(),
        ..FileMeta::new(file_id, cluster, path, Plan::default())
    }
}

fn chunk(kind: Kind, with_file: bool, span: Option<LineSpan>) -> WireChunk {
    let file = file();
    WireChunk {
        file_id: file.file_id,
        load: file.load,
        seq: Seq(0),
        kind,
        silent: false,
        plan: file.plan.version(),
        file: with_file.then(|| Box::new(file)),
        span,
        header: span.map(|_| "time,level,text".into()),
        notes: vec![("codec".into(), "gzip".into())],
        packed: false,
        payload: Bytes::from_static(b"bytes"),
    }
}

#[test]
fn every_kind_comes_back_as_it_went() {
    for kind in [Kind::Data, Kind::End(End::Complete), Kind::End(End::Partial), Kind::End(End::Abort), Kind::Park] {
        for span in [None, Some(LineSpan { first_line: 1, first_part: 2, rows: 3 })] {
            let sent = chunk(kind, true, span);
            assert_eq!(WireChunk::decode(&sent.clone().encode()), Ok(sent));
        }
    }
}

/// A plan of an offset has the same bytes and the same name as before zones had names.
#[test]
fn a_zone_travels_as_an_offset_or_a_name() {
    for (zone, written) in [
        ("UTC", None),
        ("-05:30", Some(r#""zone_seconds":-19800"#)),
        ("Europe/Berlin", Some(r#""zone_name":"Europe/Berlin""#)),
    ] {
        let zone = Zone::parse(zone).expect("a zone");
        let mut plan = Plan::default();
        plan.set_zone(&zone);
        let json = serde_json::to_string(&plan).expect("plain data");
        let keys: Vec<&str> = json.split(',').filter(|pair| pair.starts_with("\"zone_")).collect();
        assert_eq!(keys, written.into_iter().collect::<Vec<_>>());
        let read: Plan = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!((read.zone(), &read), (Some(zone), &plan));
    }
    let of = |zone_seconds, zone_name| Plan { zone_seconds, zone_name, ..Plan::default() }.zone();
    assert_eq!((of(0, Some("Mars/Olympus".into())), of(i32::MIN, None)), (None, None), "they are not known");
}

#[test]
fn a_payload_is_packed_once_and_unpacked() {
    let text = Bytes::from("a line\n".repeat(1000));
    let sent = WireChunk { payload: text.clone(), ..chunk(Kind::Data, true, None) };
    let plain = sent.clone().encode();
    let payload = plain.pack().expect("it is smaller");
    let mut record = WireChunk { packed: true, payload, ..sent }.encode();
    assert!(WireChunk::decode(&record).expect("a chunk").packed);
    assert_eq!(record.pack(), None, "it is packed already");
    record.unpack();
    assert_eq!(record, plain);
    let marker = WireChunk { payload: text, ..chunk(Kind::Park, false, None) };
    assert_eq!(marker.encode().pack(), None, "only bytes of files are packed");
}

#[test]
fn what_does_not_unpack_stays_as_it_came() {
    let payload = Bytes::from_static(b"\x07\0\0\0nothing");
    let mut record = WireChunk { packed: true, payload, ..chunk(Kind::Data, true, None) }.encode();
    let before = record.clone();
    record.unpack();
    assert_eq!(record, before);
    record.headers.iter_mut().filter(|(name, _)| name == "packed").for_each(|(_, value)| *value = "zip".into());
    record.unpack();
    assert!(matches!(WireChunk::decode(&record), Err(WireError::Bad { name: "packed", .. })));
}

#[test]
fn a_missing_or_doubled_header_is_named() {
    let mut record = chunk(Kind::Data, false, None).encode();
    record.headers.retain(|(name, _)| name != "seq");
    assert_eq!(WireChunk::decode(&record), Err(WireError::Missing("seq")));
    let mut record = chunk(Kind::Data, false, None).encode();
    record.headers.push(("kind".into(), Bytes::from_static(b"end")));
    assert_eq!(WireChunk::decode(&record), Err(WireError::Twice("kind")));
}

#[test]
fn a_description_of_another_file_is_refused() {
    let mut sent = chunk(Kind::Data, true, None);
    sent.load = Load(4);
    assert!(matches!(WireChunk::decode(&sent.encode()), Err(WireError::Bad { name: "file", .. })));
}

#[test]
fn a_changed_file_is_a_new_file() {
    let id = FileId::of("a", b"/x", 1, 2);
    for other in [
        FileId::of("b", b"/x", 1, 2),
        FileId::of("a", b"/y", 1, 2),
        FileId::of("a", b"/x", 2, 2),
        FileId::of("a", b"/x", 1, 3),
    ] {
        assert_ne!(id, other);
    }
    assert_ne!(FileId::of("ab", b"c", 1, 2), FileId::of("a", b"bc", 1, 2));
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(hex(&id.to_bytes()), id.to_string());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(
        key in proptest::collection::vec(any::<u8>(), 0..40),
        headers in proptest::collection::vec((prop::sample::select(vec!["seq", "kind", "load", "plan", "file", "line", "part", "rows", "silent", "x"]), prop_oneof![
            Just(b"data".to_vec()), Just(b"1".to_vec()), Just(b"18446744073709551615".to_vec()), Just(b"{}".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12)]), 0..10),
    ) {
        let headers = headers.into_iter().map(|(n, v)| (n.to_owned(), Bytes::from(v))).collect();
        let _ = WireChunk::decode(&Record { key: Bytes::from(key), headers, payload: Bytes::new() });
    }
}
