//! docs/patterns.md is what the code says (`UPDATE=1` writes it anew).

use std::path::PathBuf;

#[test]
fn the_page_in_docs_is_generated_from_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/patterns.md");
    let page = logmill_patterns::reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/patterns.md is not what the code generates: run this test with UPDATE=1");
}
