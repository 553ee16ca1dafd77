//! `--suggest`: what is proposed, and that it holds.

use crate::bench::Bench;
use crate::patterns;

#[test]
fn header_lines_are_no_rows_for_which_a_pattern_is_proposed() {
    let bench = Bench::new();
    bench.file(
        "logmill.toml",
        b"[[rules]]\npath = \"*.csv\"\npatterns = [\"csv\"]\n[[rules]]\npath = \"u_*\"\npatterns = [\"w3c\"]\n",
    );
    bench.file("two.csv", b"a,b\n1,2\na,b\n3,4\n");
    bench
        .file("u_ex.log", b"#Software: IIS\n#Version: 1.0\n#Fields: time cs-method\n10:00:00 GET\n#Date: 2026-11-22\n");
    let files = ["two.csv", "u_ex.log"];
    let run = bench.run(&[&["dry-run", "--suggest"], &files[..]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    for name in files {
        let nothing = format!("{name}: nothing to propose: every row but header lines is matched");
        assert!(run.stderr.contains(&nothing), "{}", run.stderr);
    }
    let run = bench.run(&[&["dry-run", "--explain"], &files[..]].concat());
    for line in ["2 rows by csv", "2 rows by none: header lines", "1 row by w3c", "4 rows by none: header lines"] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
}

#[test]
fn a_pattern_is_proposed_for_what_none_matches() {
    let bench = patterns();
    let odd: String = (0..40).map(|i| format!("22.11.2026 10:00:{i:02}|WARN|10.0.0.{i}|took {i}.5 ms\n")).collect();
    bench.file("odd.log", odd.as_bytes());
    bench.file("prose.log", b"It was a dark night.\n(and) so; on\n=== 7 ===\n");
    let run = bench.run(&["dry-run", "--suggest", "odd.log", "app.log", "web/access.log", "prose.log", "sales.csv"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    insta::assert_snapshot!("suggested", format!("{}{}", run.stdout, run.stderr));
    // What is proposed is valid as it is written, and does what it says.
    let run = bench.run(&["dry-run", "--suggest", "odd.log"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    bench.file("logmill.toml", run.stdout.as_bytes());
    let run = bench.run(&["dry-run", "--format", "json", "odd.log"]);
    assert!(
        run.rows().iter().all(|row| row["level"] == "WARN" && row["fields"]["number"].is_string()),
        "{}",
        run.stdout
    );
    let run = bench.run(&["dry-run", "--suggest", "odd.log"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
}

/// What is proposed for a file, and what its last row is once that is applied.
fn proposed((name, content): &(&str, String)) -> String {
    let bench = Bench::new();
    bench.file(name, content.as_bytes());
    let run = bench.run(&["dry-run", "--suggest", name]);
    bench.file("logmill.toml", run.stdout.as_bytes());
    let applied = bench.run(&["dry-run", "--format", "json", name]);
    assert_eq!(applied.code, 0, "{}\n{}", run.stdout, applied.stderr);
    let rows = applied.rows();
    let last = rows.last().map(|row| {
        let [lines, time, level, fields] = ["lines", "time", "level", "fields"].map(|key| &row[key]);
        format!(", the last: lines {lines}, time {time}, level {level}, fields {fields}")
    });
    let (proposed, count) = (run.stdout + &run.stderr, rows.len());
    format!("== {name}\n{proposed}-> {count} rows{}\n\n", last.unwrap_or_default())
}

/// Lines of a form; `line` is given their number.
fn lines(line: impl Fn(usize) -> String) -> String {
    (0..8).map(|i| line(i) + "\n").collect()
}

#[test]
fn what_is_proposed_holds_for_files_of_many_kinds() {
    let trace = "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:7)\nCaused by: x\n\t... 1 more\n";
    let log4j = |i: usize| format!("2026-11-22 10:00:0{i},004 [main] ERROR a.B - order {i} failed");
    let access =
        |i: usize| format!("10.0.0.{i} - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"c/8\"");
    let error = |i: usize| format!("2026/11/22 10:00:0{i} [error] 7#7: *1 open() failed");
    let python = |i: usize| {
        format!("2026-11-22 10:00:0{i} - tasks - ERROR - order {i}\nTraceback:\n  File \"a.py\"\nValueError: no")
    };
    let files = [
        ("traces.log", lines(|i| log4j(i) + "\n" + trace.trim_end())),
        ("begun.log", trace.to_owned() + &lines(log4j) + &log4j(9) + "\n" + trace),
        ("python.log", lines(python)),
        ("two.log", lines(|i| if i < 5 { access(i) } else { error(i) }) + "odd one\nodd two\n"),
        ("both.log", lines(|i| if i % 2 == 0 { access(i) } else { log4j(i) })),
        ("comma.csv", "a,b,c\n1,2,x\n3,4,y\n5,6,z\n".into()),
        ("semicolon.csv", "name;count\nann;2\nbob;4\n".into()),
        ("point.log", lines(|i| format!("22.11.2026 10:00:0{i}.123 | INFO | worker-{i} | took {i} ms"))),
        ("fraction.log", lines(|i| format!("22-Nov-2026 10:00:0{i},123 | INFO | worker-{i} | took {i} ms"))),
        ("zone.log", lines(|i| format!("2026-11-22 10:00:0{i} {} INFO took {i} ms", ["CET", "CEST"][i % 2]))),
        ("字.log", lines(|i| format!("2026-11-22 10:00:0{i} 用户=u{i} 动作=登录 耗时={i}"))),
        ("prose.log", "It was a dark night.\n(and) so; on\n=== 7 ===\n".into()),
        ("one.log", "It was a dark night.\n".into()),
        ("empty.log", String::new()),
    ];
    insta::assert_snapshot!("proposed", files.iter().map(proposed).collect::<String>().trim_end());
}

#[test]
fn named_patterns_stay_where_records_have_several_lines() {
    let bench = Bench::new();
    let rule = "[[rules]]\npath = \"a.log\"\npatterns = [\"log4j\"]\n";
    bench.file("logmill.toml", rule.as_bytes());
    let record = "2026-11-22 10:00:00,004 [main] ERROR a.B - no\njava.lang.Error\n\tat a.B.c(B.java:7)\n";
    bench.file("a.log", record.repeat(3).as_bytes());
    let run = bench.run(&["dry-run", "--suggest", "a.log"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("proposed_for_named", run.stdout);
    bench.file("logmill.toml", format!("{rule}{}", run.stdout).as_bytes());
    let run = bench.run(&["dry-run", "--suggest", "a.log"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert_eq!(run.stderr, "a.log: nothing to propose: every row is matched (--explain says by what)\n");
}

#[test]
fn a_proposal_is_a_json_object_too() {
    let bench = Bench::new();
    bench.file("a.csv", b"a,b\n1,2\n3,4\n");
    bench.file("b.log", "2026-11-22 10:00:00,004 [main] ERROR a.B - no\n\tat a.B\n".repeat(3).as_bytes());
    let run = bench.run(&["dry-run", "--suggest", "--format", "json", "a.csv", "b.log"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.rows()[1]["rows"], 3);
    insta::assert_snapshot!("proposed_json", run.stdout);
}

#[test]
fn what_is_proposed_can_be_appended_again_and_again() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"");
    let odd = |who: &str| (0..40).map(|n| format!("{who}|{n}|10:00:{:02}|paid\n", n % 60)).collect::<String>();
    let mut configuration = Vec::new();
    for name in ["odd[1].log", "odd[2].log"] {
        bench.file(name, odd(name.trim_end_matches(".log")).as_bytes());
        let run = bench.run(&["dry-run", "--suggest", name]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        configuration.extend_from_slice(run.stdout.as_bytes());
        bench.file("logmill.toml", &configuration);
        let run = bench.run(&["dry-run", "--explain", name]);
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains("40 rows by suggested"), "{}", run.stdout);
    }
}
