//! What readers see while files are loaded, and loaded again: of each file the rows of one load, and at no time fewer
//! lines than before.

use anyhow::ensure;
use logmill_demo::chain::Chain;
use std::collections::HashMap;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(300);
/// One query, as readers are told to ask.
const SEEN: &str =
    "SELECT cluster, path, uniqExact(load), uniqExact(line) FROM logs GROUP BY cluster, path FORMAT TSVRaw";

/// Looks again and again until it is `over`: how often.
///
/// # Errors
/// Readers saw two loads of a file at once, or a part of what they had seen before.
pub(crate) fn look(chain: &Chain, over: impl Fn() -> bool) -> anyhow::Result<u32> {
    let mut looks = 0;
    let mut before: HashMap<String, u64> = HashMap::new();
    while !over() {
        // A server that is away for a moment shows nothing.
        if let Ok(answer) = chain.sql_as_analyst(SEEN) {
            looks += 1;
            for row in answer.lines() {
                let mut columns = row.rsplitn(3, '\t');
                let mut number = || columns.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
                let (lines, loads) = (number(), number());
                let file = columns.next().unwrap_or_default();
                ensure!(loads == 1, "readers saw {loads} loads of {file} at once");
                let most = before.entry(file.to_owned()).or_default();
                ensure!(lines >= *most, "readers saw {lines} lines of {file}, and {most} before");
                *most = lines;
            }
        }
        std::thread::sleep(LOOK);
    }
    Ok(looks)
}
