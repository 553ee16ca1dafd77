//! What an analyst would ask.

use crate::chain::Chain;

const QUERIES: [(&str, &str); 3] = [
    (
        "How many lines of each level, by application?",
        "SELECT app, level, count() AS lines, formatReadableSize(sum(length(text))) AS text
FROM logs GROUP BY app, level ORDER BY lines DESC LIMIT 8",
    ),
    (
        "When was the busiest second, by the time in the lines?",
        "SELECT toStartOfSecond(assumeNotNull(time)) AS second, count() AS lines, uniq(path) AS files
FROM logs WHERE time IS NOT NULL GROUP BY second ORDER BY lines DESC LIMIT 3",
    ),
    (
        "Who asked for payments (支付)? The answer is the same whatever the files were encoded in.",
        r"SELECT encoding AS file_was_in, uniq(path) AS files, count() AS lines, any(extract(text, 'cmd=.*src=\S+')) AS one_of_them
FROM logs INNER JOIN (SELECT file_id, load, encoding FROM loads FINAL) AS loads USING (file_id, load)
WHERE text LIKE '%支付%' GROUP BY encoding ORDER BY lines DESC",
    ),
];

/// Asks as the analyst, on the view `logs`, and prints questions and answers.
///
/// # Errors
/// A query fails.
pub fn show(chain: &Chain) -> anyhow::Result<()> {
    for (question, sql) in QUERIES {
        println!("\n{question}\n{sql}");
        let settings = "SETTINGS output_format_pretty_color = 0, output_format_pretty_row_numbers = 0";
        println!("{}", chain.sql_as_analyst(&format!("{sql} FORMAT PrettyCompactMonoBlock {settings}"))?.trim_end());
    }
    println!();
    Ok(())
}

/// Says where people can ask themselves.
pub fn invite(chain: &Chain) {
    let place = chain.clickhouse();
    let (url, user, password) = (&place.url, &place.analyst.user, &place.analyst.password);
    let database = &chain.config.clickhouse.database;
    println!("Query it yourself: {url}/play (user {user}, password {password}), or");
    println!("  curl '{url}/?user={user}&password={password}&database={database}' --data 'SELECT count() FROM logs'");
    println!("  target/release/logmill --config {} status", chain.config_file().display());
}
