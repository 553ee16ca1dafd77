//! Whether something grows that should not.
//!
//! The second quarter of the time is compared with the last one: in the first everything still finds its size. What is
//! compared is the mean of a quarter, of the age the greatest.

use crate::vitals::Vitals;
use std::collections::BTreeMap;

/// Everything that is looked at, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the beginning.
    pub seconds: f64,
    /// By stage, the greatest of its processes.
    pub stages: BTreeMap<String, Vitals>,
    /// By server.
    pub servers: BTreeMap<String, Vitals>,
    /// Bytes of Kafka's folder.
    pub kafka_disk: u64,
    /// Bytes of the tables on their disk, and rows in them.
    pub table_disk: u64,
    pub rows: u64,
    /// Files put into the clusters, and those of them that have come to their end.
    pub sent: u64,
    pub ended: u64,
    /// Seconds since the oldest file that has not come to its end was put there; 0 when there is none.
    pub oldest: f64,
}

/// How much more the last quarter may have than the second.
const GROWTH: f64 = 1.2;
/// Beside that: what a process may differ by from one look to the other.
const MEMORY: f64 = 12.0 * 1024.0 * 1024.0;
const FILES: f64 = 6.0;
const THREADS: f64 = 2.0;
const DISK: f64 = 64.0 * 1024.0 * 1024.0;
/// Seconds: a fault may meet any file.
const AGE: f64 = 45.0;

/// What is not flat, one line each; nothing when all is.
#[must_use]
pub fn grown(samples: &[Sample]) -> Vec<String> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return vec![format!("{} looks are too few to say what grows", samples.len())];
    }
    let (second, last) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    let mean = |samples: &[Sample], of: &dyn Fn(&Sample) -> Option<f64>| {
        let values: Vec<f64> = samples.iter().filter_map(of).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    let greatest = |samples: &[Sample]| samples.iter().map(|sample| sample.oldest).fold(0.0, f64::max);
    let mut found = Vec::new();
    let mut judge = |what: String, before: f64, after: f64, slack: f64, unit: f64| {
        if after > before * GROWTH + slack {
            found.push(format!("{what} grew from {:.1} to {:.1}", before / unit, after / unit));
        }
    };
    let stages: Vec<&String> = samples[0].stages.keys().collect();
    for stage in stages {
        let of = |pick: fn(&Vitals) -> u64| {
            move |sample: &Sample| sample.stages.get(stage).map(|vitals| pick(vitals) as f64)
        };
        for (what, pick, slack, unit) in [
            ("memory of the {} (MiB)", (|v| v.memory) as fn(&Vitals) -> u64, MEMORY, 1024.0 * 1024.0),
            ("open files of the {}", |v| v.files, FILES, 1.0),
            ("threads of the {}", |v| v.threads, THREADS, 1.0),
        ] {
            judge(what.replace("{}", stage), mean(second, &of(pick)), mean(last, &of(pick)), slack, unit);
        }
    }
    let disk = |sample: &Sample| Some(sample.kafka_disk as f64);
    judge("Kafka's disk (MiB)".into(), mean(second, &disk), mean(last, &disk), DISK, 1024.0 * 1024.0);
    let each = |sample: &Sample| (sample.rows > 0).then(|| sample.table_disk as f64 / sample.rows as f64);
    judge("the table's disk for each row (bytes)".into(), mean(second, &each), mean(last, &each), 1.0, 1.0);
    judge("the age of the oldest unfinished file (s)".into(), greatest(second), greatest(last), AGE, 1.0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory: impl Fn(usize) -> u64, age: impl Fn(usize) -> f64) -> Vec<Sample> {
        let one = |n: usize| {
            let vitals = Vitals { memory: memory(n) << 20, files: 30, threads: 9 };
            let stages = [("loader".to_owned(), vitals)].into();
            Sample { seconds: n as f64, stages, oldest: age(n), ..Sample::default() }
        };
        (0..40).map(one).collect()
    }

    #[test]
    fn what_comes_and_goes_is_flat() {
        assert_eq!(grown(&samples(|n| 80 + 10 * (n as u64 % 3), |n| (n % 7) as f64)), Vec::<String>::new());
    }

    #[test]
    fn a_leak_is_seen() {
        let found = grown(&samples(|n| 80 + 4 * n as u64, |_| 1.0));
        assert_eq!(found, ["memory of the loader (MiB) grew from 138.0 to 218.0"]);
    }

    #[test]
    fn a_file_that_is_forgotten_is_seen() {
        let found = grown(&samples(|_| 80, |n| 3.0 * n as f64));
        assert_eq!(found, ["the age of the oldest unfinished file (s) grew from 57.0 to 117.0"]);
    }

    #[test]
    fn too_few_looks_say_nothing() {
        assert_eq!(grown(&[Sample::default()]), ["1 looks are too few to say what grows"]);
    }
}
