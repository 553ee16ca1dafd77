//! The worked example of docs/analyses.md, as it stands there.

use crate::bench::{Bench, Row, span};
use logmill_analyses::{Answer, Cell, Day, Question};
use logmill_core::{FileId, Load};

const PAGE: &str = include_str!("../../../../docs/analyses.md");

/// What stands under the heading of the example.
fn example() -> &'static str {
    PAGE.split_once("## Worked example").expect("the heading").1.split_once("\n## ").expect("the next one").0
}

/// The lines of the example, with their day.
fn lines() -> Vec<(i32, Row)> {
    let line = |line: &str| {
        let fields: std::collections::BTreeMap<String, String> = serde_json::from_str(line).expect("a JSON object");
        let day: Day = fields["time"][..10].parse().expect("a day");
        let row =
            Row { time_ms: Some(day.0 as u64 * 86_400_000), text: line.into(), fields: fields.into_iter().collect() };
        (day.0, row)
    };
    example().lines().filter(|text| text.starts_with('{')).map(line).collect()
}

/// The rows of the table that follows a word in bold.
fn table(word: &str) -> Vec<String> {
    let (_, rest) = example().split_once(&format!("**{word}**")).expect("the word in bold");
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.filter(|row| !row.starts_with("| ---")).map(str::to_owned).collect()
}

fn shown(answer: &Answer) -> Vec<String> {
    let head = answer.columns.iter().map(|column| column.name.to_owned()).collect::<Vec<_>>();
    let cell = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Count(count) => count.to_string(),
        Cell::Ratio(ratio) => format!("{ratio:.2}"),
    };
    let rows = answer.rows.iter().map(|row| row.iter().map(cell).collect());
    std::iter::once(head).chain(rows).map(|row| format!("| {} |", row.join(" | "))).collect()
}

#[tokio::test]
async fn the_worked_example_comes_out_as_it_was_reckoned_by_hand() {
    let mut bench = Bench::empty("example").await;
    let (first, second) = (20_758, 20_759);
    let lines = lines();
    assert_eq!(lines.len(), 17);
    for day in [first, second] {
        let rows: Vec<Row> = lines.iter().filter(|(of, _)| *of == day).map(|(_, row)| row.clone()).collect();
        bench.insert(FileId(day as u128), Load(0), day as u32, 1, &rows).await;
    }
    bench.refresh().await;
    let both = span(first, second);
    for (word, question, span) in [
        ("calls", Question::Calls, both),
        ("popups", Question::Popups, both),
        ("topics", Question::Topics { before: 1 }, span(second, second)),
        ("new-users", Question::NewUsers, both),
    ] {
        assert_eq!(shown(&bench.ask(question, span).await), table(word), "{word}");
    }
    for (is_shown, new) in [(false, "| 2026-11-02 | 2 | 2 | 1.00 |"), (true, "| 2026-11-02 | 1 | 2 | 0.50 |")] {
        bench.show(FileId(first as u128), Load(0), is_shown).await;
        bench.refresh().await;
        let answer = bench.ask(Question::NewUsers, both).await;
        assert_eq!(shown(&answer).last().map(String::as_str), Some(new));
    }
}
