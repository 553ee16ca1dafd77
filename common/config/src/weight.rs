//! What a cluster weighs.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A cluster's weight: a number, or "auto".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Fixed(u32),
    /// Learned from what comes of the cluster.
    Auto,
}

impl Weight {
    const AUTO: &str = "auto";

    /// The number, where it is one.
    #[must_use]
    pub fn given(self) -> Option<u32> {
        match self {
            Self::Fixed(weight) => Some(weight),
            Self::Auto => None,
        }
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(weight) => s.serialize_u32(*weight),
            Self::Auto => s.serialize_str(Self::AUTO),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Weight;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 3, or \"auto\"")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Weight, E> {
                let number = u32::try_from(n).map(Weight::Fixed);
                number.map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(n), &self))
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Weight, E> {
                let number = u32::try_from(n).map(Weight::Fixed);
                number.map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(n), &self))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Weight, E> {
                match text {
                    Weight::AUTO => Ok(Weight::Auto),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        d.deserialize_any(Visitor)
    }
}

impl JsonSchema for Weight {
    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["integer", "string"], "minimum": 1, "pattern": "^auto$" })
    }
}
