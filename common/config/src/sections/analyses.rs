//! What the analyses read out of an application's lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the events of an application stand in its lines: fields, as a pattern found them, and the values of the field
/// that says what happened. Of an application without a section there are no analyses. A field that is named "" is not
/// there: what needs it counts nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Analysis {
    /// The field that says what happened.
    pub event: String,
    /// The field that says who uses the application: an account, a device, a number.
    pub user: String,
    /// The field that says which start of the application a line belongs to.
    pub start: String,
    /// The field with the name of the process that was called.
    pub process: String,
    /// The field with the id of the pop-up (the advertisement) that was shown.
    pub popup: String,
    /// The field with the words that show what a user attends to: of a search, a title, a message.
    pub topic: String,
    /// Values of event: the application was started.
    pub starts: Vec<String>,
    /// Values of event: a process was called.
    pub calls: Vec<String>,
    /// Values of event: a pop-up was shown.
    pub popups: Vec<String>,
    /// Values of event: a user attends to the topic.
    pub topics: Vec<String>,
}

impl Default for Analysis {
    fn default() -> Self {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Self {
            event: "event".into(),
            user: "user".into(),
            start: "start".into(),
            process: "process".into(),
            popup: "popup".into(),
            topic: "topic".into(),
            starts: values(&["start"]),
            calls: values(&["call"]),
            popups: values(&["popup"]),
            topics: values(&["search", "read"]),
        }
    }
}
