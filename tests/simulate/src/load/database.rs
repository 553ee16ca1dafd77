//! The simulated database: INSERTs on their way, listed, evaluated, and visible a part at a time.

use super::parts::{Request, Rules, Running};
use super::world::World;
use logmill_protocol::load::{Insert, Verdict};

impl World<'_> {
    pub fn insert(&mut self, uid: u64, insert: &Insert) {
        let mut id = insert.query_id("chain");
        if !self.rules.id_without_epoch {
            id += &format!(":{uid}:{}", insert.ticket);
        }
        let mut rows = Vec::new();
        for (index, item) in insert.items.iter().enumerate() {
            let range = item.range.as_ref().expect("only good records").expect("rows have a range");
            let (first, end) = insert.rows_of(index);
            rows.extend((first..end).map(|row| (range.file_id.0, range.span.first_line + row)));
        }
        self.requests.push(Request { waiter: Some((uid, insert.ticket)), id, rows, state: Running::Sent });
    }

    /// One step of an INSERT in the database.
    pub fn advance(&mut self, index: usize) -> Result<(), String> {
        let (id, waiter) = (self.requests[index].id.clone(), self.requests[index].waiter);
        match &mut self.requests[index].state {
            Running::Sent => {
                let running = |r: &Request| r.id == id && !matches!(r.state, Running::Sent);
                if self.requests.iter().any(running) {
                    self.note(|| format!("{id} is refused: it runs already"));
                    self.coverage.busy += 1;
                    let request = self.requests.remove(index);
                    let verdict = match self.rules.wait_while_busy {
                        true => Verdict::Again("already running".into()),
                        false => Verdict::Loaded { rejected: Vec::new() },
                    };
                    self.answer(request.waiter, verdict);
                    return Ok(());
                }
                self.note(|| format!("{id} is listed"));
                let alive = waiter.is_some_and(|(uid, _)| self.processes.iter().any(|p| p.uid == uid && !p.revoke));
                self.coverage.late += u64::from(!alive);
                self.requests[index].state = Running::Listed;
            }
            Running::Listed => {
                let rows = self.requests[index].rows.clone();
                if rows.iter().any(|row| self.bad.contains(row)) {
                    self.note(|| format!("{id} is refused for its data"));
                    self.coverage.refused += 1;
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Refused { why: "a bad row".into(), row: None });
                    return Ok(());
                }
                let known = rows.iter().any(|row| self.table.contains_key(row));
                let missing = rows.into_iter().filter(|row| match self.rules {
                    Rules { anti_join: false, .. } => true,
                    Rules { row_by_row: false, .. } => !known,
                    _ => !self.table.contains_key(row),
                });
                let (odd, even) = missing.partition(|row| row.1 % 2 == 1);
                self.note(|| format!("{id} is evaluated: {odd:?} {even:?}"));
                self.requests[index].state = Running::Writing([odd, even]);
            }
            Running::Writing(left) => {
                if let Some(part) = left.iter_mut().find(|rows| !rows.is_empty()) {
                    let rows = std::mem::take(part);
                    self.note(|| format!("{id} shows {rows:?}"));
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
                } else {
                    self.note(|| format!("{id} is done"));
                    let request = self.requests.remove(index);
                    self.answer(request.waiter, Verdict::Loaded { rejected: Vec::new() });
                }
            }
        }
        Ok(())
    }
}
