//! What is proposed for lines that no pattern matches.

use logmill_patterns::{Anchor, Found, PatternSpec, Patterns, suggest};
use proptest::prelude::*;

/// Forty lines of a form; `line` is given their number.
fn lines(line: impl Fn(usize) -> String) -> Vec<String> {
    (0..40).map(line).collect()
}

fn of(lines: &[String]) -> Option<logmill_patterns::Suggestion> {
    suggest(&lines.iter().map(String::as_bytes).collect::<Vec<_>>())
}

/// The suggestion as people read it, and what it finds in the last line.
fn shown(lines: &[String]) -> String {
    let Some(suggestion) = of(lines) else { return "nothing\n".into() };
    let mut reader =
        Patterns::compile(std::slice::from_ref(&suggestion.spec)).expect("it is valid").reader(&Anchor::default());
    let mut found = Found::new();
    let line = lines.last().expect("a line");
    assert!(reader.read(line.as_bytes(), &mut found), "{line}: {}", suggestion.toml());
    let mut text = format!("# {} of {} lines\n{}{line}\n", suggestion.matched, suggestion.of, suggestion.toml());
    text += &format!("    time {:?}, level {:?}\n", found.time, found.level.name());
    for field in reader.fields(&found, line.as_bytes()) {
        let [name, value] = [field.name, field.value].map(String::from_utf8_lossy);
        text += &format!("    {name}: {} = {value:?}\n", field.kind);
    }
    text
}

#[test]
fn what_lines_have_in_common() {
    let levels = ["INFO", "WARN", "ERROR"];
    let users = ["jane", "john", "Ann-Marie"];
    let forms: [(&str, Vec<String>); 9] = [
        (
            "python",
            lines(|i| {
                format!("2026-11-22 10:00:{i:02},123 - billing.tasks - {} - charged {i} invoices", levels[i % 3])
            }),
        ),
        (
            "pipes",
            lines(|i| {
                format!("22.11.2026 10:00:{i:02}|{}|10.0.0.{i}|user={}|took {}.5 ms", levels[i % 3], users[i % 3], i)
            }),
        ),
        (
            "brackets",
            lines(|i| {
                format!(
                    "[22-Nov-2026 10:00:{i:02}] [worker {i}] [{}] order {i} for \"{}\": shipped",
                    levels[i % 3],
                    users[i % 3]
                )
            }),
        ),
        (
            "pairs",
            lines(|i| {
                format!(
                    "{} request id={i} user=\"{}\" path=/a/{i} status={}",
                    1_795_341_600 + i,
                    users[i % 3],
                    200 + i % 2
                )
            }),
        ),
        ("glog", lines(|i| format!("I1122 10:00:{i:02}.123456 {} main.cc:{}] served {i}", 1000 + i, 10 + i % 3))),
        (
            "postgres",
            lines(|i| format!("2026-11-22 10:00:{i:02}.123 UTC [{}] jane@shop LOG:  duration: {i}.7 ms", 100 + i)),
        ),
        (
            "with stack traces",
            lines(|i| match i % 4 {
                0 => "\tat a.b.C.main(C.java:17)".into(),
                _ => format!("20261122 10:00:{i:02} {} Service{}: said {i}", levels[i % 3], i % 2),
            }),
        ),
        (
            "prose",
            lines(|i| {
                ["It was a dark night.", "(and) so; on", "\"What?\" - nobody knew", "=== 7 ==="][i % 4]
                    .repeat(1 + i % 3)
            }),
        ),
        ("nothing", vec![]),
    ];
    let text: String = forms.iter().map(|(name, lines)| format!("== {name}\n{}\n", shown(lines))).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("suggestions", text));
}

fn line() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "2026-11-22 10:00:00,123",
        "22.11.2026 10:00:00",
        "INFO",
        "[main]",
        "[a b]",
        "10.0.0.1",
        "17",
        "1.5",
        "word",
        "a=b",
        "c=\"d e\"",
        " ",
        " ",
        ":",
        " - ",
        "|",
        "\"x\\\"y\"",
        "é",
        "'",
        "=",
        "1795341600",
        "message=x",
        "9=9",
        "]",
        "[",
        "\t",
        "'''",
        "\u{1}",
        "\\",
    ]);
    prop_oneof![4 => prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat()), 1 => "\\PC{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is proposed is valid, comes back from its TOML, and matches at least as many lines as it says: most of them.
    #[test]
    fn a_suggestion_holds(pool in prop::collection::vec(line(), 1..4), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..30)) {
        let lines: Vec<String> = picks.iter().map(|pick| pool[pick.index(pool.len())].clone()).collect();
        let Some(suggestion) = of(&lines) else { return Ok(()) };
        #[derive(serde::Deserialize)]
        struct Configuration {
            patterns: Vec<PatternSpec>,
        }
        let read: Configuration = toml::from_str(&suggestion.toml()).expect("valid TOML");
        prop_assert_eq!(&read.patterns[0], &suggestion.spec);
        let mut reader = Patterns::compile(&read.patterns).expect("it is valid").reader(&Anchor::default());
        let mut found = Found::new();
        let filled: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        let matched = filled.iter().filter(|line| reader.read(line.as_bytes(), &mut found)).count();
        prop_assert_eq!((suggestion.matched, suggestion.of), (matched, filled.len()));
        prop_assert!(2 * matched > filled.len());
    }
}
