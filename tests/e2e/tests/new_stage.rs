//! The walk-through of docs/new-stage.md: its code compiles (as the example `mask` of this crate), keeps its limits and does
//! what the page says.

#[path = "../../../docs/new-stage/mask.rs"]
mod mask;

use bytes::Bytes;
use logmill_core::{Chunk, FileId, FileMeta, LineSpan, Out, Output, Plan, Progress, Seq, Stage};
use mask::Mask;
use std::sync::Arc;

fn file() -> Arc<FileMeta> {
    let (cluster, path) = ("a".to_owned(), "/x.log".to_owned());
    let file_id = FileId::of(&cluster, path.as_bytes(), 1, 1);
    Arc::new(FileMeta { length: 1, modified_ms: 1, ..FileMeta::new(file_id, cluster, path, Plan::default()) })
}

fn masked(text: &str) -> String {
    let stage = Mask::new(&["password", "token", "secret"]);
    let mut out = Out::new(Mask::NAME, 1 << 20);
    let span = LineSpan { first_line: 7, first_part: 0, rows: text.lines().count() as u64 };
    let mut chunk = Chunk {
        seq: Seq(0),
        payload: Bytes::from(text.to_owned()),
        packed: false,
        span: Some(span),
        channel: None,
        header: None,
    };
    stage.open(&file());
    assert_eq!(stage.process(&mut (), &mut chunk, &mut out), Ok(Progress::Done));
    let outputs: Vec<Output> = out.drain().collect();
    let [Output::Product(product)] = &outputs[..] else { panic!("one product is made of one chunk: {outputs:?}") };
    assert_eq!(product.span, Some(span), "rows stay where they were");
    String::from_utf8(product.payload.to_vec()).unwrap()
}

#[test]
fn values_are_masked_and_rows_stay() {
    for (text, want) in [
        ("login password=hunter2 ok\n", "login password=*** ok\n"),
        ("password=a&token=b\n\nsecret=c", "password=***&token=***\n\nsecret=***"),
        ("password= none\n", "password= none\n"),
        ("nothing to hide\n", "nothing to hide\n"),
    ] {
        assert_eq!(masked(text), want);
    }
}

#[test]
fn a_stage_is_one_short_file_and_a_shorter_main() {
    let lines = |name: &str| {
        let path = format!("{}/../../docs/new-stage/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}")).lines().count()
    };
    assert!(lines("mask.rs") < 150);
    assert!(lines("main.rs") < 40);
}
