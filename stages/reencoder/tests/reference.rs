//! The page of all encodings is generated from the code (`UPDATE=1` writes it anew); what it says of detection is so.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use logmill_reencoder::reference;
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;

static PAGE: LazyLock<String> = LazyLock::new(reference);

#[test]
fn the_page_in_docs_is_generated_from_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/encodings.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &*PAGE).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == *PAGE, "docs/encodings.md is not what the code generates: run this test with UPDATE=1");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is detected is one of those of which the page says so.
    #[test]
    fn the_page_names_what_is_detected(bytes in proptest::collection::vec(0x41u8.., 6..60)) {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&bytes, false);
        let name = match detector.guess(None, Utf8Detection::Deny).name().to_lowercase() {
            name if name == "gbk" => "gb18030".to_owned(), // which contains it
            name => name,
        };
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        prop_assert!(row.is_some_and(|row| row.contains("detection |")), "{} {:?}", name, row);
    }
}
