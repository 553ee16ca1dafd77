//! `logmill dry-run`: files in, rows out.

#[path = "../bench/mod.rs"]
mod bench;
mod explaining;
mod suggesting;

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
    bench.file("logs.zip", include_bytes!("../../../../stages/decompressor/tests/files/jar.zip"));
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
pub fn patterns() -> Bench {
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
