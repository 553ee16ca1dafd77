//! What stands on a tasks topic.

use logmill_core::wire::Record;
use logmill_core::{FileMeta, Seq};
use serde::{Deserialize, Serialize};

/// One file to fetch: a record of `{chain}.tasks.{cluster}`, JSON, its key the file id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub file: FileMeta,
    /// The file was parked there: what lies before it is sent again, flagged silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// Where a file was parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The first chunk that was not sent yet; 0 where the file could not be read at all.
    pub seq: Seq,
    /// CRC-32 (ISO 3309) of the bytes before it: the file must have them still.
    pub crc32: u32,
}

impl Task {
    /// A file that was never fetched.
    #[must_use]
    pub fn new(file: FileMeta) -> Self {
        Self { file, resume: None }
    }

    /// How many chunks of bytes the file is cut into; its end marker carries this number.
    #[must_use]
    pub fn chunks(&self) -> Seq {
        Seq(self.file.length.div_ceil(u64::from(self.file.plan.raw_bytes)))
    }

    /// The first byte of a chunk, or the length where the chunk lies past it.
    #[must_use]
    pub fn byte(&self, seq: Seq) -> u64 {
        (seq.0.saturating_mul(u64::from(self.file.plan.raw_bytes))).min(self.file.length)
    }

    /// The record that the task is sent as.
    ///
    /// # Panics
    /// Never: a task is plain data.
    #[must_use]
    pub fn encode(&self) -> Record {
        Record {
            key: self.file.file_id.to_string().into(),
            headers: Vec::new(),
            payload: serde_json::to_vec(self).expect("a task is plain data").into(),
        }
    }

    /// Reads a record of a tasks topic.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn decode(record: &Record) -> Result<Self, String> {
        let task: Self = serde_json::from_slice(&record.payload).map_err(|e| format!("not a task: {e}"))?;
        if task.file.plan.raw_bytes == 0 {
            return Err("the plan cuts into chunks of 0 bytes".into());
        }
        match task.resume {
            Some(resume) if resume.seq > task.chunks() => {
                Err(format!("parked at chunk {} of {}", resume.seq, task.chunks()))
            }
            _ => Ok(task),
        }
    }
}
