//! The one TOML file of all stages: its sections, how it is read (file, then environment), what it must satisfy, what
//! follows from it (topics, plans), and what people see of it (example, JSON Schema, reference).
//!
//! **Invariant:** a [`Config`] that [`Config::load`] returned has passed every check; what follows from it never fails.

mod check;
mod columns;
mod error;
mod keys;
mod load;
mod mounts;
mod patterns;
mod planner;
mod properties;
mod reference;
mod sections;
mod size;
mod topics;
mod weight;

pub use check::encoding;
pub use columns::{Column, OWN_COLUMNS, column_name};
pub use error::{ConfigError, Place, Problem};
pub use load::{CONFIG_VARIABLE, DEFAULT_FILE};
pub use logmill_patterns::{BuiltIn, FieldType, PatternSpec};
pub use patterns::AUTO;
pub use planner::{Planner, Precedence, Reasons, Selector, Standing, Unfit, path_glob, rule_for};
pub use properties::Properties;
pub use reference::{example, json_schema, reference};
pub use sections::{
    Analysis, App, Channel, Choose, ClickHouse, Cluster, Compression, Config, DataType, Distributor, Finished,
    FixedEncoding, HeaderLine, Http, Kafka, Layout, Log, LogFormat, Order, PlanDefaults, Rule, Transaction, Worker,
};
pub use size::Size;
pub use topics::{TopicSpec, Topics};
pub use weight::Weight;
