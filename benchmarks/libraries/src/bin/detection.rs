//! Prints how many files each detector reads right: a table for people, in Markdown.
//!
//! A file is read right when all of its text comes out as it was written, whatever the encoding is called. None has a byte
//! order mark.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use charset_normalizer_rs::from_bytes;
use cpu_time::ThreadTime;
use encoding_rs::Encoding;
use logmill_core::{Event, Output};
use logmill_libraries::texts::{ALL, Kind, Language, tones_apart, visual};
use logmill_libraries::{file, run};
use logmill_reencoder::Reencoder;
use std::collections::BTreeMap;
use std::time::Duration;

/// Another text of each language, size and kind for each.
const SEEDS: u64 = 4;
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const LINES: [usize; 4] = [1, 2, 5, 10];

/// The Encoding Standard's, but for "replacement" and x-user-defined, which no text is written in, with the languages that
/// are written in each.
const ENCODINGS: [(&str, &[&str]); 38] = [
    ("utf-8", &["*"]),
    ("utf-16le", &["*"]),
    ("utf-16be", &["*"]),
    ("gbk", &["Chinese (simplified)"]),
    ("gb18030", &["Chinese (simplified)", "Chinese (traditional)"]),
    ("big5", &["Chinese (traditional)"]),
    ("euc-jp", &["Japanese"]),
    ("shift_jis", &["Japanese"]),
    ("iso-2022-jp", &["Japanese"]),
    ("euc-kr", &["Korean"]),
    ("windows-1252", &["German", "French", "Spanish", "Portuguese", "Swedish", "Finnish", "Icelandic"]),
    ("iso-8859-15", &["German", "French", "Spanish", "Portuguese", "Swedish", "Finnish", "Icelandic"]),
    ("macintosh", &["German", "French", "Spanish", "Portuguese", "Swedish", "Finnish"]),
    ("windows-1250", &["Polish", "Czech", "Hungarian"]),
    ("iso-8859-2", &["Polish", "Czech", "Hungarian"]),
    ("iso-8859-16", &["Romanian", "Polish", "Hungarian"]),
    ("windows-1254", &["Turkish"]),
    ("iso-8859-3", &["Esperanto"]),
    ("iso-8859-14", &["Welsh"]),
    ("windows-1257", &["Lithuanian", "Latvian", "Estonian"]),
    ("iso-8859-13", &["Lithuanian", "Latvian", "Estonian"]),
    ("iso-8859-4", &["Lithuanian", "Latvian", "Estonian"]),
    ("iso-8859-10", &["Lithuanian", "Latvian", "Estonian", "Icelandic"]),
    ("windows-1251", &["Russian", "Ukrainian", "Bulgarian"]),
    ("koi8-u", &["Ukrainian", "Russian"]),
    ("koi8-r", &["Russian"]),
    ("iso-8859-5", &["Russian", "Ukrainian", "Bulgarian"]),
    ("ibm866", &["Russian", "Bulgarian"]),
    ("x-mac-cyrillic", &["Russian", "Ukrainian", "Bulgarian"]),
    ("windows-1253", &["Greek"]),
    ("iso-8859-7", &["Greek"]),
    ("windows-1255", &["Hebrew"]),
    ("iso-8859-8", &["Hebrew"]),
    ("iso-8859-8-i", &["Hebrew"]),
    ("windows-1256", &["Arabic"]),
    ("iso-8859-6", &["Arabic"]),
    ("windows-874", &["Thai"]),
    ("windows-1258", &["Vietnamese"]),
];

/// Text, and its bytes.
struct Sample {
    text: String,
    bytes: bytes::Bytes,
}

impl Sample {
    /// Lines until there are `bytes` bytes, and `lines` of them.
    fn new(encoding: &str, language: &Language, kind: Kind, bytes: usize, lines: usize, seed: u64) -> Self {
        let all = language.text(kind, bytes * 3, lines, seed);
        let all = match encoding {
            "windows-1258" => tones_apart(&all),
            "iso-8859-8" => visual(&all),
            _ => all,
        };
        let (mut text, mut encoded) = (String::new(), Vec::new());
        for (i, line) in all.split_inclusive('\n').enumerate() {
            if encoded.len() >= bytes && i >= lines {
                break;
            }
            text.push_str(line);
            encoded.extend(encode(encoding, line));
        }
        Self { text, bytes: encoded.into() }
    }
}

fn encode(encoding: &str, text: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        label => {
            let encoding = Encoding::for_label(label.as_bytes()).expect("a label of the standard");
            let (bytes, _, lossy) = encoding.encode(text);
            assert!(!lossy, "{label} does not write all of {text:?}");
            bytes.into_owned()
        }
    }
}

/// What a detector made of a file: the encoding, and the text.
type Read = (String, String);

fn ours(bytes: &bytes::Bytes) -> Read {
    let (mut text, mut name) = (Vec::new(), String::new());
    run(&Reencoder, &file("/logs/a.log", bytes.len()), bytes, |output| match output {
        Output::Product(product) => text.extend_from_slice(&product.payload),
        Output::Event(_, Event::Closed { found, .. }) => name = found.unwrap_or_default(),
        _ => {}
    });
    (name, String::from_utf8(text).expect("the re-encoder makes UTF-8"))
}

fn chardetng(bytes: &bytes::Bytes) -> Read {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Allow);
    let text = encoding.decode_without_bom_handling(bytes).0.into_owned();
    (encoding.name().to_lowercase(), text)
}

fn normalizer(bytes: &bytes::Bytes) -> Read {
    let found = from_bytes(bytes, None).ok();
    let best = found.as_ref().and_then(|matches| matches.get_best());
    best.map_or_else(Default::default, |best| {
        (best.encoding().to_owned(), best.decoded_payload().unwrap_or_default().to_owned())
    })
}

const DETECTORS: [(&str, fn(&bytes::Bytes) -> Read); 3] =
    [("logmill", ours), ("chardetng", chardetng), ("charset-normalizer-rs", normalizer)];

/// How often each detector was right, how often ours took a file for something else, and the time that each took.
#[derive(Default)]
struct Tally {
    files: usize,
    right: [usize; 3],
    taken_for: BTreeMap<String, usize>,
    bytes: usize,
    time: [Duration; 3],
}

impl Tally {
    fn add(&mut self, sample: &Sample) {
        self.files += 1;
        self.bytes += sample.bytes.len();
        for (i, (_, detect)) in DETECTORS.iter().enumerate() {
            let begin = ThreadTime::now();
            let (name, text) = detect(&sample.bytes);
            self.time[i] += begin.elapsed();
            let right = text.trim_start_matches('\u{feff}') == sample.text;
            self.right[i] += usize::from(right);
            if i == 0 && !right {
                *self.taken_for.entry(name).or_default() += 1;
            }
        }
    }

    fn cell(&self) -> String {
        let share =
            |right: usize| if right == self.files { "all".into() } else { format!("{}", right * 100 / self.files) };
        let [ours, chardetng, other] = self.right.map(share);
        format!("{ours} / {chardetng} / {other}")
    }
}

fn languages(names: &[&str]) -> Vec<&'static Language> {
    match names {
        ["*"] => ALL.iter().collect(),
        names => names.iter().map(|name| Language::named(name)).collect(),
    }
}

fn table(kind: Kind) -> Vec<Tally> {
    println!(
        "| encoding | languages | 1 KB | 10 KB | 100 KB | ours took the others for |\n| --- | --- | --- | --- | --- | --- |"
    );
    let mut sums: Vec<Tally> = SIZES.iter().map(|_| Tally::default()).collect();
    for (encoding, names) in ENCODINGS {
        let mut taken_for = BTreeMap::<String, usize>::new();
        let mut cells = Vec::new();
        for (size, sum) in SIZES.into_iter().zip(&mut sums) {
            let mut tally = Tally::default();
            for language in languages(names) {
                (0..SEEDS).for_each(|seed| tally.add(&Sample::new(encoding, language, kind, size, 0, seed)));
            }
            cells.push(tally.cell());
            tally.taken_for.iter().for_each(|(name, n)| *taken_for.entry(name.clone()).or_default() += n);
            sum.files += tally.files;
            sum.bytes += tally.bytes;
            for i in 0..DETECTORS.len() {
                sum.right[i] += tally.right[i];
                sum.time[i] += tally.time[i];
            }
        }
        let which = if names == ["*"] { format!("all {}", ALL.len()) } else { names.join(", ") };
        let mut taken: Vec<_> = taken_for.into_iter().collect();
        taken.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let taken: Vec<_> = taken.into_iter().take(3).map(|(name, n)| format!("{name} {n}")).collect();
        println!("| {encoding} | {which} | {} | {} |", cells.join(" | "), taken.join(", "));
    }
    let cells: Vec<_> = sums.iter().map(Tally::cell).collect();
    println!("| all of {} | {} | {} | |\n", ENCODINGS.len(), sums[0].files, cells.join(" | "));
    sums
}

fn main() {
    let names = DETECTORS.map(|(name, _)| name).join(" / ");
    println!("Files in a hundred that were read right: {names}.\n\nProse:\n");
    table(Kind::Prose);
    println!("Log lines:\n");
    let sums = table(Kind::Log);
    println!(
        "Short Chinese log lines, a file of so many:\n\n| encoding | {} |\n| --- | --- | --- | --- | --- |",
        LINES.map(|n| n.to_string()).join(" | ")
    );
    for (encoding, language) in [
        ("utf-8", "Chinese (simplified)"),
        ("utf-16le", "Chinese (simplified)"),
        ("utf-16be", "Chinese (simplified)"),
        ("gbk", "Chinese (simplified)"),
        ("gb18030", "Chinese (simplified)"),
        ("big5", "Chinese (traditional)"),
    ] {
        let cells = LINES.map(|lines| {
            let mut tally = Tally::default();
            (0..50).for_each(|seed| {
                tally.add(&Sample::new(encoding, Language::named(language), Kind::Short, 0, lines, seed))
            });
            tally.cell()
        });
        println!("| {encoding} | {} |", cells.join(" | "));
    }
    println!("\nCPU-ns a byte, log lines of 100 KB, with all of what each does to give the text:");
    let sum = &sums[2];
    for ((name, _), time) in DETECTORS.iter().zip(sum.time) {
        println!("{name:24} {:8.2}", time.as_nanos() as f64 / sum.bytes as f64);
    }
}
