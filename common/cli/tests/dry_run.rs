//! `logmill dry-run`: files in, rows out.

mod bench;

use bench::{Bench, gzip, zstd};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

#[test]
fn every_member_of_a_gzip_is_read() {
    let bench = Bench::new();
    bench.file("app.log.gz", &[gzip(b"2026-11-23 04:05:06,789 INFO one\n"), gzip(b"two\n\nfour, no end")].concat());
    let run = bench.run(&["dry-run", "--format", "json", "app.log.gz"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("gzip_rows", run.stdout);
    insta::assert_snapshot!("gzip_summary", run.stderr);
}

#[test]
fn every_frame_of_a_zstd_is_read() {
    let bench = Bench::new();
    bench.file("app.log.zst", &[zstd(b"one\ntw"), zstd(b"o\nthree\n")].concat());
    let run = bench.run(&["dry-run", "app.log.zst"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("zstd_rows", run.stdout);
    insta::assert_snapshot!("zstd_summary", run.stderr);
}

#[test]
fn members_of_an_archive_are_files_of_their_own() {
    let bench = Bench::new();
    // Two files with lines and one without, by the jar of OpenJDK; its own tests have its README.
    bench.file("logs.zip", include_bytes!("../../../stages/decompressor/tests/files/jar.zip"));
    let run = bench.run(&["dry-run", "--format", "json", "logs.zip"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let path = |row: &serde_json::Value| (row["path"].as_str().map(str::to_owned), row["line"].as_u64());
    let rows: Vec<_> = run.rows().iter().map(path).collect();
    // One line is cut in two by the files.
    assert_eq!((rows.len(), &rows[0]), (601, &(Some("logs.zip!/logs/a.log".to_owned()), Some(1))));
    let verdicts: Vec<_> = run.stderr.lines().filter(|line| line.contains(": complete; ")).collect();
    assert_eq!(verdicts.len(), 4, "{}", run.stderr);
    assert!(verdicts[1].starts_with("logs.zip!/logs/empty.log: complete; 0 lines"), "{}", run.stderr);
    assert!(verdicts[3].starts_with("logs.zip: complete; 0 lines"), "{}", run.stderr);
}

#[test]
fn content_decides_not_the_name() {
    let bench = Bench::new();
    bench.file("called.gz", b"but plain\n");
    bench.file("called.log", &gzip(b"but gzip\n"));
    let run = bench.run(&["dry-run", "called.gz", "called.log"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "called.gz:1: but plain\ncalled.log:1: but gzip\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn gbk_becomes_utf8() {
    let text: String =
        (0..200).map(|i| format!("2026-11-23 04:05:06 INFO 第{i}行：作业已提交到队列，等待资源分配\n")).collect();
    let (gbk, _, failed) = encoding_rs::GBK.encode(&text);
    assert!(!failed);
    let bench = Bench::new();
    bench.file("作业.log.gz", &gzip(&gbk));
    let run = bench.run(&["dry-run", "--format", "json", "作业.log.gz"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected: Vec<_> = text.lines().collect();
    assert_eq!(run.texts(), expected);
    let encoding = run.rows()[0]["encoding"].as_str().unwrap().to_lowercase();
    assert!(encoding.starts_with("gb"), "{encoding}");
    insta::assert_snapshot!("gbk_summary", run.stderr);
}

#[test]
fn the_encoding_can_be_configured() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"[[encodings]]\npath = \"legacy/**\"\nencoding = \"gb18030\"\n");
    bench.file("legacy/a.log", b"\xc4\xe3\xba\xc3\n");
    let run = bench.run(&["dry-run", "legacy/a.log"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "legacy/a.log:1: 你好\n"), "{}", run.stderr);
}

#[test]
fn a_file_cut_short_gives_what_decodes_and_exit_code_1() {
    let text: String = (0..20_000).map(|i| format!("line {i} of a file that is cut short {}\n", i * 7919)).collect();
    let whole = gzip(text.as_bytes());
    let bench = Bench::new();
    bench.file("cut.gz", &whole[..whole.len() / 2]);
    let run = bench.run(&["dry-run", "--format", "json", "cut.gz"]);
    assert_eq!(run.code, 1);
    let texts = run.texts();
    assert!(texts.len() > 1_000, "half of a file is many lines: {}", texts.len());
    for (i, (found, expected)) in texts.iter().zip(text.lines()).enumerate().take(texts.len() - 1) {
        assert_eq!(found, expected, "line {}", i + 1);
    }
    insta::assert_snapshot!("cut_summary", run.stderr);
}

#[test]
fn a_damaged_file_says_where() {
    let text: String = (0..20_000).map(|i| format!("line {i} {}\n", i * 7919)).collect();
    let mut damaged = gzip(text.as_bytes());
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    let bench = Bench::new();
    bench.file("damaged.gz", &damaged);
    let run = bench.run(&["dry-run", "--format", "json", "damaged.gz"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("at byte"), "{}", run.stderr);
}

#[test]
fn lines_are_what_stands_between_line_feeds() {
    let bench = Bench::new();
    bench.file("a", b"\xef\xbb\xbfbom\r\n\n\ttab\nlast");
    let run = bench.run(&["dry-run", "--format", "json", "a"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.texts(), ["bom", "", "\ttab", "last"]);
    let lines: Vec<_> = run.rows().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 2, 3, 4]);
}

#[test]
fn a_long_line_is_cut_into_parts() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"[plan]\nline_bytes = 8\n");
    bench.file("a", b"12345678abcdefgh!\nnext\n");
    let run = bench.run(&["dry-run", "a"]);
    assert_eq!(run.stdout, "a:1: 12345678\na:1.1: abcdefgh\na:1.2: !\na:2: next\n", "{}", run.stderr);
}

#[test]
fn the_lines_of_a_record_are_one_row() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"[plan]\nrecord_start = '\\d{4}-'\n");
    bench.file("a", b"2026-11-22 ERROR no\njava.lang.Error\n\tat x.Y\n2026-11-22 INFO yes\n");
    let run = bench.run(&["dry-run", "--format", "json", "a"]);
    assert_eq!(run.texts(), ["2026-11-22 ERROR no\njava.lang.Error\n\tat x.Y", "2026-11-22 INFO yes"]);
    let of = |name: &str| run.rows().iter().map(|row| row[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((of("line"), of("lines")), (vec![1, 4], vec![3, 1]));
    let run = bench.run(&["dry-run", "a"]);
    assert_eq!(run.stdout, "a:1: 2026-11-22 ERROR no\\njava.lang.Error\\n\tat x.Y\na:4: 2026-11-22 INFO yes\n");
}

/// A configuration with patterns, and files of several kinds.
fn patterns() -> Bench {
    let bench = Bench::new();
    let configuration = r#"
[[apps]]
path = "web/**"
app = "shop"
[[rules]]
path = "web/**"
patterns = ["nginx", "orders"]
[[rules]]
app = "billing"
patterns = ["json"]
[[rules]]
path = "*.csv"
patterns = ["csv"]
[[patterns]]
name = "orders"
regex = '(?<time>\S+ \S+) order (?<order>\d+): (?<message>.*)'
types = { order = "int" }
"#;
    bench.file("logmill.toml", configuration.as_bytes());
    let access = "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"\n";
    let broken = "10.0.0.1 - - [22/Nov/2026:25:00:00 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"\n";
    let text = format!("{}2026-11-22 10:00:00 order 17: é\n2026-11-22 10:00:00 order x\n{broken}", access.repeat(3));
    bench.file("web/access.log", text.as_bytes());
    bench.file("sales.csv", b"time,user,sum\r\n2026-11-22 10:00:00,\"J, \"\"x\"\"\",1.5\r\n1,2\r\n");
    bench.file("app.log", "2026-11-22 10:00:00,123 [main] INFO a.B - x\n".repeat(20).as_bytes());
    bench
}

#[test]
fn rows_have_the_fields_that_patterns_find() {
    let bench = patterns();
    let run = bench.run(&["dry-run", "--format", "json", "web/access.log", "sales.csv"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let of = |row: &serde_json::Value| format!("{} {} {}\n", row["time"], row["level"], row["fields"]);
    insta::assert_snapshot!("patterns_rows", run.rows().iter().map(of).collect::<String>());
}

#[test]
fn it_is_explained_what_won_and_why_the_others_lost() {
    let bench = patterns();
    let run = bench.run(&["dry-run", "--explain", "web/access.log", "sales.csv", "app.log"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("explained", run.stdout);
    let run = bench.run(&["dry-run", "--explain", "--format", "json", "web/access.log"]);
    insta::assert_snapshot!("explained_json", run.stdout);
}

#[test]
fn of_every_entry_and_key_it_is_said_which_one_won_and_what_the_plan_is() {
    let bench = Bench::new();
    bench.file(
        "logmill.toml",
        br#"
[plan]
record_start = '\S'
[clusters.local]
url = "file:///logs"
backfill_after = "36500days"
[channels.c1]
[channel_groups]
default = ["c1"]
fast = ["c1"]
slow = ["c1"]
[[apps]]
path = "db/**"
app = "base"
[[apps]]
path = "web/**"
app = "shop"
[[apps]]
path = "*.log"
app = "others"
[[data_types]]
path = "*.log"
data_type = "access"
[[encodings]]
cluster = "hdfs-*"
app = "billing"
encoding = "utf-8"
[[encodings]]
path = "web/**"
encoding = "gbk"
[[encodings]]
app = "shop"
encoding = "big5"
[[rules]]
path = "web/**"
zone = "+08:00"
priority = 3
channel_group = "slow"
patterns = ["nginx"]
[[rules]]
app = "shop"
min_priority = 3
channel_group = "fast"
line_bytes = "64 KiB"
patterns = ["w3c"]
[[rules]]
min_priority = 9
zone = "UTC"
[[rules]]
path = "old/**"
backfill = true
"#,
    );
    bench.file("web/a.log", b"#Software: IIS\n#Fields: time cs-method\n10:00:00 GET\n");
    bench.file("old/b", b"10:00:00 GET\n");
    let run = bench.run(&["dry-run", "--explain", "web/a.log", "old/b"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!("explained_entries", run.stdout);
    let run = bench.run(&["dry-run", "--explain", "--format", "json", "web/a.log"]);
    let explained: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let plan = &explained["plan"];
    let of = |key: &str| format!("{} by {}", plan[key]["value"], plan[key]["by"]);
    assert_eq!(of("app"), r#""shop" by "[[apps]] 2""#);
    assert_eq!(of("data_type"), r#""access" by "[[data_types]] 1""#);
    assert_eq!(of("channel_group"), r#""fast" by "[[rules]] 2""#);
    assert_eq!(of("priority"), r#"3 by "[[rules]] 1""#);
    assert_eq!(of("lane"), r#""live" by "its age and backfill_after of [clusters.local]""#);
    assert_eq!(of("zone"), r#""+08:00" by "[[rules]] 1""#);
    assert_eq!(of("encoding"), r#""gbk" by "[[encodings]] 2""#);
    assert_eq!(of("patterns"), r#"["w3c"] by "[[rules]] 2""#);
    assert_eq!(of("record_start"), r#""\\S" by "[plan]""#);
    assert_eq!((&explained["headers"], &explained["unmatched"]), (&2.into(), &0.into()));
}

#[test]
fn it_is_explained_why_a_file_is_not_in_another_encoding() {
    let bench = Bench::new();
    bench.file("logmill.toml", b"[[encodings]]\npath = \"fixed*\"\nencoding = \"utf-16be\"\n");
    let text = "2026-11-23 04:05:06 INFO 作业已提交到队列，等待资源分配\n".repeat(50);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bench.file("ascii.log", b"all of it\n");
    bench.file("gbk.log.gz", &gzip(&encoding_rs::GBK.encode(&text).0));
    bench.file("utf8.log", text.as_bytes());
    bench.file("utf16.log", &utf16);
    bench.file("marked.log", b"\xff\xfea\0\n\0");
    bench.file("few.log", b"caf\xe9 is little\n");
    bench.file("fixed.log", b"\xff\xfea\0\n\0");
    let files = ["ascii.log", "gbk.log.gz", "utf8.log", "utf16.log", "marked.log", "few.log", "fixed.log"];
    let run = bench.run(&[&["dry-run", "--explain"], &files[..]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let is_of_encoding = |line: &&str| line.starts_with("  encoding") || line.starts_with("  not in");
    let lines: String = run.stdout.lines().filter(is_of_encoding).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!("explained_encodings", lines);
    let run = bench.run(&["dry-run", "--explain", "--format", "json", "gbk.log.gz"]);
    let explained: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let others = explained["other_encodings"].as_array().unwrap();
    let of = |encoding: &str| {
        let mut all = others.iter().flat_map(|other| other["encodings"].as_array().unwrap());
        all.find(|one| one["encoding"] == encoding).unwrap_or_else(|| panic!("{encoding}: {}", run.stdout)).clone()
    };
    assert_eq!(of("utf-8")["at_byte"], text.find('作').unwrap());
    assert!(of("big5")["score"].is_i64(), "{}", of("big5"));
}

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
fn rules_go_by_the_path_in_the_cluster_where_that_is_given() {
    let bench = Bench::new();
    let rules = "[[rules]]\npath = \"/logs/web/**\"\npatterns = [\"nginx\"]\n[[rules]]\npath = \"*.txt\"\n";
    bench.file("logmill.toml", rules.as_bytes());
    bench.file("logs/web/x.csv", b"a,b\n1,2\n3,4\n");
    let folder = bench.folder().to_str().unwrap();
    let run = |asked: &str, arguments: &[&str]| {
        let arguments = [&["dry-run", asked], arguments].concat();
        if arguments.contains(&"-") { bench.run_with(&arguments, b"a,b\n1,2\n3,4\n") } else { bench.run(&arguments) }
    };
    let explained = |arguments: &[&str]| {
        let run = run("--explain", arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let is_shown = |line: &&str| ["complete;", "  rule ", "  hint "].iter().any(|part| line.contains(part));
        let shown: String = run.stdout.lines().filter(is_shown).map(|line| format!("{line}\n")).collect();
        format!("$ {}\n{shown}\n", arguments.join(" ")).replace(folder, "/here")
    };
    let text = [
        explained(&["logs/web/x.csv"]),
        explained(&[&format!("{folder}/logs/web/x.csv")]),
        explained(&["-"]),
        explained(&["--as", "/logs/web/x.csv", "-"]),
        explained(&["--as", "/logs/web/y.csv", "logs/web/x.csv"]),
        explained(&["--as", "/logs/", "logs"]),
        explained(&["--as", "/other", "logs"]),
    ];
    insta::assert_snapshot!("explained_as", text.concat().trim_end());
    let proposed = |arguments: &[&str]| {
        let run = run("--suggest", arguments);
        run.stdout.lines().find(|line| line.starts_with("path = ")).expect("a rule").to_owned()
    };
    let of_name = "path = \"x.csv\"   # in any folder: set the path in the cluster (or say --as)";
    assert_eq!(proposed(&["logs/../logs/web/x.csv"]), of_name);
    assert_eq!(proposed(&["--as", "/a/*.csv", "-"]), "path = \"/a/[*].csv\"");
    let of_none = "path = \"/path/in/the/cluster\"   # set it: standard input has none (or say --as)";
    assert_eq!(proposed(&["-"]), of_none);
    for (arguments, wrong) in [
        (&["--as", "logs/x", "-"][..], "a path in a cluster begins with /"),
        (&["--as", "/", "-"], "a path in a cluster is more than a /"),
        (&["--as", "/logs/x", "-", "logs"], "--as is the path of one file or folder"),
    ] {
        let run = bench.run(&[&["dry-run"], arguments].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        assert!(run.stderr.contains(wrong), "{}", run.stderr);
    }
}

#[test]
fn an_empty_file_is_complete() {
    let bench = Bench::new();
    bench.file("empty", b"");
    bench.file("empty.gz", &gzip(b""));
    let run = bench.run(&["dry-run", "empty", "empty.gz"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    insta::assert_snapshot!("empty_summary", run.stderr);
}

#[test]
fn standard_input_is_a_file_named_dash() {
    let bench = Bench::new();
    let run = bench.run_with(&["dry-run", "-"], &gzip(b"piped\n"));
    assert_eq!((run.code, run.stdout.as_str()), (0, "-:1: piped\n"), "{}", run.stderr);
}

#[test]
fn a_folder_is_all_files_below_it() {
    let bench = Bench::new();
    for name in ["logs/b.log", "logs/a/2.log", "logs/a/1.log", "logs/with space\nand more"] {
        bench.file(name, b"x\n");
    }
    let run = bench.run(&["dry-run", "logs"]);
    assert_eq!(run.stdout, "logs/a/1.log:1: x\nlogs/a/2.log:1: x\nlogs/b.log:1: x\nlogs/with space\\nand more:1: x\n");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_name_that_is_not_utf8_keeps_its_bytes() {
    let bench = Bench::new();
    let name = OsStr::from_bytes(b"caf\xe9.log");
    std::fs::write(bench.folder().join(name), "x\n").unwrap();
    let run = bench.run(&["dry-run", "--format", "json", "."]);
    let row = &run.rows()[0];
    assert_eq!(row["path"], "./caf\u{fffd}.log");
    assert_eq!(row["path_bytes"], serde_json::json!(b"./caf\xe9.log"));
}

#[test]
fn a_file_that_is_not_there_is_named_and_the_others_run() {
    let bench = Bench::new();
    bench.file("a", b"x\n");
    let run = bench.run(&["dry-run", "none", "a"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "a:1: x\n"));
    assert!(run.stderr.starts_with("none: cannot be read: No such file"), "{}", run.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let bench = Bench::new();
    bench.file("many", "a line\n".repeat(1_000_000).as_bytes());
    let mut child = bench.command(&["dry-run", "many"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(first, "many:1: a line\n");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

/// 256 MB of lines go through a process that may have 128 MB of address space.
#[test]
fn memory_is_bounded() {
    let bench = Bench::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let line = [b'x'; 127].iter().copied().chain([b'\n']).collect::<Vec<_>>().repeat(1 << 13);
    for _ in 0..256 {
        gz.write_all(&line).unwrap();
    }
    bench.file("large.gz", &gz.finish().unwrap());
    let program = env!("CARGO_BIN_EXE_logmill");
    let script = format!("ulimit -v 131072 && exec '{program}' dry-run large.gz > /dev/null");
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(bench.folder()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("2097152 lines"), "{stderr}");
}

#[test]
fn rules_are_explained_by_what_they_go_by_and_members_by_their_archive() {
    let bench = Bench::new();
    bench.file(
        "logmill.toml",
        br#"
[[data_types]]
path = "*.zip"
data_type = "bundle"
[[rules]]
data_type = "bun*"
patterns = ["json"]
[[rules]]
data_type = "metrics"
header = "csv"
[[rules]]
path = "*.zip"
min_priority = 5
patterns = ["nginx"]
"#,
    );
    bench.file("logs.zip", include_bytes!("../../../stages/decompressor/tests/files/jar.zip"));
    let run = bench.run(&["dry-run", "--explain", "logs.zip"]);
    let member = run.stdout.split("logs.zip: ").next().unwrap();
    for line in [
        "[[data_types]] 1: its path \"*.zip\" names the data type bundle",
        "[[rules]] 1: holds, and says patterns = [\"json\"]",
        "[[rules]] 2: does not hold: data_type is \"bundle\", which \"metrics\" does not match",
        "[[rules]] 3: does not hold: the rules before it give the file priority 0, and its min_priority is 5",
    ] {
        assert!(member.contains("logs.zip!/logs/a.log") && member.contains(line), "{line}\n{}", run.stdout);
    }
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
