//! Text in an encoding that nobody names: the first byte says which one is damaged, the second into how many bytes a piece it is
//! cut. Nothing depends on the cuts; what comes out is UTF-8, line for line; and a plan that fixes the encoding that was found
//! gives the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logmill_core::{Event, FileMeta, Output, Plan};
use logmill_encodings::Encoding;
use logmill_reencoder::Reencoder;
use std::sync::LazyLock;

static SOUND: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let chinese = "2026-11-01 12:00:00 INFO 作业 7 已提交到队列，等待资源\n2026-11-01 12:00:01 WARN 内存不足\n";
    let japanese = "2026-11-01 12:00:00 INFO ジョブを受け付けました\n2026-11-01 12:00:01 WARN メモリ不足です\n";
    let russian = "2026-11-01 12:00:00 INFO задание принято\n2026-11-01 12:00:01 WARN недостаточно памяти\n";
    let with = |label: &str, text: &str| {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("a label of the standard");
        encoding.encode(text).0.into_owned()
    };
    let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    vec![
        chinese.into(),
        with("gb18030", chinese),
        with("big5", "2026-11-01 12:00:00 INFO 作業已提交，等待資源\n"),
        with("shift_jis", japanese),
        with("euc-jp", japanese),
        with("iso-2022-jp", japanese),
        with("windows-1251", russian),
        units(chinese).into_iter().flat_map(u16::to_le_bytes).collect(),
        units(russian).into_iter().flat_map(u16::to_be_bytes).collect(),
        russian.chars().flat_map(|c| (c as u32).to_le_bytes()).collect(),
    ]
});

/// The text that came out, and the event that closed the file: its encoding, evidence and lines.
fn read(outputs: &[Output]) -> (Vec<u8>, &str, &str, u64) {
    let mut text = Vec::new();
    for output in outputs {
        match output {
            Output::Product(product) => text.extend_from_slice(&product.payload),
            Output::Event(_, Event::Closed { found: Some(found), evidence: Some(evidence), lines, .. }) => {
                return (text, found, evidence, *lines);
            }
            other => panic!("no file of text gives {other:?}"),
        }
    }
    panic!("every file is closed");
}

/// So long that lines are never cut into parts.
fn plan(encoding: Option<String>) -> Plan {
    Plan { text_bytes: 1 << 20, line_bytes: 1 << 20, malformed_per_million: 1_000_000, encoding, ..Plan::default() }
}

fuzz_target!(|data: &[u8]| {
    let [which, piece, data @ ..] = data else { return };
    let bytes = logmill_fuzz::changed(&SOUND[usize::from(*which) % SOUND.len()], data);
    let reencoded = |encoding| {
        let file = FileMeta { plan: plan(encoding), ..logmill_fuzz::file() };
        logmill_fuzz::staged(&Reencoder, file, bytes.clone(), usize::from(*piece))
    };
    let outputs = reencoded(None);
    let (text, found, evidence, lines) = read(&outputs);
    let encoding = Encoding::for_label(found).expect("what is found has a name");
    assert!(std::str::from_utf8(&text).is_ok(), "what comes out is UTF-8");
    let ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, (ends(&text) + usize::from(!text.is_empty() && !text.ends_with(b"\n"))) as u64);
    if encoding.family().extends_ascii() {
        assert_eq!(ends(&text), ends(&bytes), "each line end of {found} comes out");
    }
    // ISO-2022-JP has no shifts of one byte; what stands before its first escape sequence passes as ASCII all the same.
    let shifts = found == "iso-2022-jp" && bytes.iter().any(|byte| matches!(byte, 0x0e | 0x0f));
    if !evidence.contains("decided from") && !evidence.contains("never enough") && !shifts {
        let fixed = reencoded(Some(found.to_owned()));
        assert_eq!(read(&fixed).0, text, "{found}: {evidence}");
    }
});
