//! `--explain`: what won, and why the others lost.

use crate::bench::{Bench, gzip};
use crate::patterns;

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
    bench.file("logs.zip", include_bytes!("../../../../stages/decompressor/tests/files/jar.zip"));
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
