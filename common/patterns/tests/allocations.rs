//! Reading allocates nothing, record after record.

mod counting;

use counting::allocations;
use logmill_patterns::{Anchor, FieldType, Found, PatternSpec, Patterns, Zone};
use std::hint::black_box;

#[test]
fn none_a_record() {
    for zone in ["UTC", "Europe/Berlin"] {
        none_in(Zone::parse(zone).expect("a zone"));
    }
}

fn none_in(zone: Zone) {
    let is_utc = zone == Zone::UTC;
    let mut own = PatternSpec::own("own", r"order (?<order>\d+) at (?<time>\S+ \S+): (?<message>.*)");
    own.types = [("order".to_owned(), FieldType::Int)].into();
    own.time_format = Some("%d.%m. %H:%M:%S".into());
    let mut specs = PatternSpec::all();
    specs.push(own);
    let anchor = Anchor { modified_ms: 1_795_348_800_000, zone, header: Some(b"a,b,level") };
    let mut reader = Patterns::compile(&specs).expect("valid patterns").reader(&anchor);
    let records = [
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326 "-" "curl""#,
        "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4] [client 72.15.99.187] x",
        r#"<165>1 2003-10-11T22:14:15.003Z host p - ID47 [id a="b\"" c="d"] x"#,
        "<34>Oct 11 22:14:15 host su[7]: x",
        "2026-11-22 10:00:00,123 [main] INFO a.B - x",
        "2026-11-22 10:00:00,123 +0800 [main] INFO a.B - x",
        "2026-11-22 10:00:00,123 CET [main] INFO a.B - x",
        "2026-07-22 10:00:00,123 [main] INFO a.B - x",
        "2026-11-22 10:00:00,123 INFO FSNamesystem.audit: allowed=true\tip=/127.0.0.1",
        "2026-11-22 10:00:00,123 [myid:1] - INFO  [main:a.B@7] - x",
        "[2026-11-22 10:00:00,123] INFO x (a.B)",
        "2026.11.22 10:00:00.123456 [ 7 ] {q} <Information> a.B: x",
        r#"{"time":"2026-11-22T10:00:00Z","level":"notice","a":{"b":{"c":"d\n\u00e9"}},"msg":"m"}"#,
        r#"{"time":"Sun, 22 Nov 2026 10:00:00 GMT","msg":"m"}"#,
        r#"{"time":"2026-11-22T10:00:00.123+01:00[Europe/Berlin]","msg":"m"}"#,
        r#"time=2026-11-22T10:00:00Z level=info msg="a \"b\"""#,
        "größe=1 日志=2",
        "<Event><System><Level>2</Level></System><EventData><Data Name='a'>x&amp;y</Data><Data>z</Data></EventData></Event>",
        "1,\"a \"\"b\"\" c\",info",
        "order 17 at 22.11. 10:00:00: x",
        "nothing that any of them knows",
    ];
    let mut found = Found::new();
    let mut round = || {
        for record in records {
            let is_read = black_box(reader.read(record.as_bytes(), &mut found));
            let is_unknown = record.starts_with("nothing") || (is_utc && record.contains("CET"));
            assert_eq!(is_read, !is_unknown, "{record}");
            reader.fields(&found, record.as_bytes()).for_each(|field| {
                black_box(field);
            });
        }
    };
    assert!(allocations(&mut round) > 0, "the buffers of the first round are counted");
    assert_eq!(allocations(&mut round), 0);
}
