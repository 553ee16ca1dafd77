//! The simulated database: INSERTs on their way, listed, evaluated, and visible a part at a time.

use crate::campaign::counts;
use logmill_protocol::load::{Answer, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What holds of INSERTs; each is turned off by one test.
#[derive(Clone, Copy, Debug)]
pub struct InsertRules {
    pub anti_join: bool,
    pub wait_while_busy: bool,
    pub unknown_is_again: bool,
    pub row_by_row: bool,
    pub durable: bool,
}

impl Default for InsertRules {
    fn default() -> Self {
        Self { anti_join: true, wait_while_busy: true, unknown_is_again: true, row_by_row: true, durable: true }
    }
}

counts! {
    /// What the INSERTs ran through.
    pub struct InsertCoverage {
        deaths: "deaths of the database",
        lost: "INSERTs whose sender does not hear of them",
        doubled: "doubled INSERTs",
        busy: "INSERTs refused because one of the same id ran",
        late: "INSERTs that arrive when nobody waits for them",
        partial: "INSERTs that die with a part of their rows visible",
        refused: "INSERTs refused for their data",
    }
}

/// (file, line): one row.
pub type Row = (u128, u64);

/// Who waits, and under which ticket.
pub type Waiter = (u64, u64);

struct Request {
    /// A doubled one has nobody.
    waiter: Option<Waiter>,
    id: String,
    rows: Vec<Row>,
    state: Running,
}

enum Running {
    /// On the network.
    Sent,
    /// In the list of running queries; nothing is evaluated.
    Listed,
    /// The anti-join was evaluated; what is still to be written, by table partition.
    Writing([Vec<Row>; 2]),
}

/// The table, and what is on its way to it.
#[derive(Default)]
pub struct Database {
    rules: InsertRules,
    pub coverage: InsertCoverage,
    pub table: BTreeMap<Row, u32>,
    /// Rows that are refused.
    pub bad: BTreeSet<Row>,
    requests: Vec<Request>,
    /// Rows that a crash of the database would take, where rows are not durable.
    volatile: BTreeSet<Row>,
    /// Answers that nobody was told, by process.
    answers: Vec<(u64, Answer)>,
}

impl Database {
    #[must_use]
    pub fn new(rules: InsertRules) -> Self {
        Self { rules, ..Self::default() }
    }

    pub fn send(&mut self, waiter: Waiter, id: String, rows: Vec<Row>) {
        self.requests.push(Request { waiter: Some(waiter), id, rows, state: Running::Sent });
    }

    /// How many INSERTs are on their way, or run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.requests.len()
    }

    fn answer(&mut self, waiter: Option<Waiter>, verdict: Verdict) {
        let Some((uid, ticket)) = waiter else { return };
        let verdict = match verdict {
            Verdict::Again(_) if !self.rules.unknown_is_again => Verdict::Loaded { rejected: Vec::new() },
            verdict => verdict,
        };
        self.answers.push((uid, Answer { ticket, verdict }));
    }

    /// The next answer to a process.
    pub fn answer_to(&mut self, uid: u64) -> Option<Answer> {
        let at = self.answers.iter().position(|(of, _)| *of == uid)?;
        Some(self.answers.remove(at).1)
    }

    /// One step of an INSERT; `lives`: whether a process waits still. Gives what happened, for people.
    ///
    /// # Errors
    /// A row is there twice.
    pub fn advance(&mut self, index: usize, lives: impl Fn(u64) -> bool) -> Result<String, String> {
        let (id, waiter) = (self.requests[index].id.clone(), self.requests[index].waiter);
        match &mut self.requests[index].state {
            Running::Sent => {
                let running = |r: &Request| r.id == id && !matches!(r.state, Running::Sent);
                if self.requests.iter().any(running) {
                    self.coverage.busy += 1;
                    let request = self.requests.remove(index);
                    let verdict = match self.rules.wait_while_busy {
                        true => Verdict::Again("already running".into()),
                        false => Verdict::Loaded { rejected: Vec::new() },
                    };
                    self.answer(request.waiter, verdict);
                    return Ok(format!("{id} is refused: it runs already"));
                }
                self.coverage.late += u64::from(!waiter.is_some_and(|(uid, _)| lives(uid)));
                self.requests[index].state = Running::Listed;
                Ok(format!("{id} is listed"))
            }
            Running::Listed => {
                let rows = self.requests[index].rows.clone();
                if rows.iter().any(|row| self.bad.contains(row)) {
                    self.coverage.refused += 1;
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Refused { why: "a bad row".into(), row: None });
                    return Ok(format!("{id} is refused for its data"));
                }
                let known = rows.iter().any(|row| self.table.contains_key(row));
                let missing = rows.into_iter().filter(|row| match self.rules {
                    InsertRules { anti_join: false, .. } => true,
                    InsertRules { row_by_row: false, .. } => !known,
                    _ => !self.table.contains_key(row),
                });
                let (odd, even) = missing.partition(|row| row.1 % 2 == 1);
                let told = format!("{id} is evaluated: {odd:?} {even:?}");
                self.requests[index].state = Running::Writing([odd, even]);
                Ok(told)
            }
            Running::Writing(left) => {
                let Some(part) = left.iter_mut().find(|rows| !rows.is_empty()) else {
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Loaded { rejected: Vec::new() });
                    return Ok(format!("{id} is done"));
                };
                let rows = std::mem::take(part);
                let told = format!("{id} shows {rows:?}");
                for row in rows {
                    let count = self.table.entry(row).or_default();
                    *count += 1;
                    if *count > 1 {
                        return Err(format!("row {row:?} is in the table twice"));
                    }
                    if !self.rules.durable {
                        self.volatile.insert(row);
                    }
                }
                Ok(told)
            }
        }
    }

    /// Its sender hears that the connection is lost; `gone`: it does not arrive either, if it has not yet.
    pub fn lose(&mut self, index: usize, gone: bool) {
        self.coverage.lost += 1;
        let waiter = self.requests[index].waiter.take();
        self.answer(waiter, Verdict::Again("connection lost".into()));
        if matches!(self.requests[index].state, Running::Sent) && gone {
            self.requests.remove(index);
        }
    }

    /// It arrives twice.
    pub fn double(&mut self, index: usize) {
        self.coverage.doubled += 1;
        let Request { id, rows, .. } = &self.requests[index];
        let twin = Request { waiter: None, id: id.clone(), rows: rows.clone(), state: Running::Sent };
        self.requests.push(twin);
    }

    /// The database dies: what ran is broken off where it was.
    pub fn die(&mut self) {
        self.coverage.deaths += 1;
        for request in std::mem::take(&mut self.requests) {
            if matches!(request.state, Running::Sent) {
                self.requests.push(request);
                continue;
            }
            if matches!(&request.state, Running::Writing(left) if left.iter().any(Vec::is_empty)) {
                self.coverage.partial += 1;
            }
            self.answer(request.waiter, Verdict::Again("the server is gone".into()));
        }
        for row in std::mem::take(&mut self.volatile) {
            self.table.remove(&row);
        }
    }
}
