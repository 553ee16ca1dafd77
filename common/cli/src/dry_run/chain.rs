//! The stages in memory, in the order of the chain.

use super::report::Report;
use anyhow::Result;
use bytes::{Bytes, BytesMut};
use logmill_core::memory::Run;
use logmill_core::{Chunk, End, FileMeta, Outcome, Output, Product, Progress, Seq, Stage};
use std::io::Read;
use std::sync::Arc;

/// Rows of one text chunk: an Arrow stream, and what stands beside it.
pub struct Batch {
    pub payload: Bytes,
    pub encoding: Option<String>,
}

/// The stages that every file goes through: up to `text`, to a channel, to rows.
pub struct Chain<F, D, S> {
    pub front: F,
    pub distributor: D,
    pub splitter: S,
}

impl<F: Stage, D: Stage, S: Stage> Chain<F, D, S> {
    /// Takes one file through all stages, chunk by chunk: never more of it is in memory than the stages hold. `sink` gets
    /// the rows in order and says with `false` that it wants no more; `member` what became of each member of an archive.
    ///
    /// # Errors
    /// The file cannot be read (what came before has gone through), or the sink fails.
    pub fn run(
        &self,
        file: &Arc<FileMeta>,
        mut bytes: impl Read,
        report: &mut Report,
        sink: &mut impl FnMut(&FileMeta, Batch) -> Result<bool>,
        member: &mut impl FnMut(&FileMeta, &Report, Outcome),
    ) -> Result<Outcome> {
        let own = Open { file: Arc::clone(file), report: std::mem::take(report), seq: Seq(0) };
        let mut rest = Rest { chain: self, own, members: Vec::new(), sink, member, stopped: None };
        let result = self.run_through(&mut rest, &mut bytes);
        *report = rest.own.report;
        result
    }

    fn run_through<K, M>(&self, rest: &mut Rest<'_, F, D, S, K, M>, mut bytes: impl Read) -> Result<Outcome>
    where
        K: FnMut(&FileMeta, Batch) -> Result<bool>,
        M: FnMut(&FileMeta, &Report, Outcome),
    {
        let file = &Arc::clone(&rest.own.file);
        let mut front = Run::new(&self.front, file);
        loop {
            let chunk = match next(&mut bytes, file.plan.raw_bytes as usize) {
                Ok(chunk) => chunk,
                Err(error) => {
                    front.end(End::Abort, |output| rest.take(output));
                    return Err(error.into());
                }
            };
            if chunk.is_empty() {
                break;
            }
            front.push(chunk, |output| rest.take(output));
            if let Some(stopped) = rest.stopped.take() {
                return stopped.map(|()| Outcome::Partial);
            }
        }
        let outcome = front.end(End::Complete, |output| rest.take(output));
        rest.stopped.take().unwrap_or(Ok(())).map(|()| outcome)
    }
}

/// The next chunk as the fetcher would cut it; empty at the end.
fn next(bytes: &mut impl Read, size: usize) -> std::io::Result<Bytes> {
    let mut chunk = BytesMut::zeroed(size);
    let mut filled = 0;
    while filled < size {
        match bytes.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(chunk.freeze())
}

/// A file, or a member of one, that is under way.
struct Open {
    file: Arc<FileMeta>,
    report: Report,
    /// The number of the next text chunk.
    seq: Seq,
}

/// What follows `text`: every chunk stands alone.
struct Rest<'a, F, D, S, K, M> {
    chain: &'a Chain<F, D, S>,
    own: Open,
    /// Those that are open, the outermost first.
    members: Vec<Open>,
    sink: &'a mut K,
    member: &'a mut M,
    /// Set once the sink wants no more or failed; everything is passed over then.
    stopped: Option<Result<()>>,
}

impl<F: Stage, D: Stage, S: Stage, K, M> Rest<'_, F, D, S, K, M>
where
    K: FnMut(&FileMeta, Batch) -> Result<bool>,
    M: FnMut(&FileMeta, &Report, Outcome),
{
    fn take(&mut self, output: Output) {
        let Open { file, report, seq } = self.members.last_mut().unwrap_or(&mut self.own);
        let product = match output {
            _ if self.stopped.is_some() => return,
            Output::Product(product) => product,
            Output::Event(stage, event) => return report.event(stage, event),
            Output::Reject(stage, reject) => return report.reject(stage, reject),
            Output::Open(file) => return self.members.push(Open { file, report: Report::default(), seq: Seq(0) }),
            Output::Close(outcome) => {
                let Open { file, report, .. } = self.members.pop().expect("a stage closes what it has opened");
                return (self.member)(&file, &report, outcome);
            }
        };
        let encoding = product.notes.iter().find(|(name, _)| *name == "encoding").map(|(_, value)| value.clone());
        let number = *seq;
        *seq = number.next();
        for to_channel in alone(&self.chain.distributor, file, number, product, report) {
            for rows in alone(&self.chain.splitter, file, number, to_channel, report) {
                report.rows += rows.span.map_or(0, |span| span.rows);
                let batch = Batch { payload: rows.payload, encoding: encoding.clone() };
                match (self.sink)(file, batch) {
                    Ok(true) => {}
                    Ok(false) => self.stopped = Some(Ok(())),
                    Err(error) => self.stopped = Some(Err(error)),
                }
                if self.stopped.is_some() {
                    return;
                }
            }
        }
    }
}

/// One chunk through a stage whose chunks stand alone.
fn alone<S: Stage>(stage: &S, file: &Arc<FileMeta>, seq: Seq, input: Product, report: &mut Report) -> Vec<Product> {
    let Product { payload, packed, span, channel, header, .. } = input;
    let mut chunk = Chunk { seq, payload, packed, span, channel, header };
    let mut state = stage.open(file);
    let mut out = logmill_core::Out::new(S::NAME, file.plan.text_bytes as usize);
    let mut products = Vec::new();
    loop {
        let step = stage.process(&mut state, &mut chunk, &mut out);
        for output in out.drain() {
            match output {
                Output::Product(product) => products.push(product),
                Output::Reject(stage, reject) => report.reject(stage, reject),
                // What passes is counted by its rows; only closing events say more.
                Output::Event(..) | Output::Open(_) | Output::Close(_) => {}
            }
        }
        match step {
            Ok(Progress::Done) => return products,
            Ok(Progress::More) => {}
            Err(reject) => {
                report.reject(reject.stage.unwrap_or(S::NAME), reject);
                return products;
            }
        }
    }
}
