//! Settings of other programs, passed on as they are.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Names and values of another program's settings. Values may be written as texts, numbers or booleans; names may be
/// quoted or not (`"linger.ms" = 5` and `linger.ms = 5` are the same).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut flat = BTreeMap::new();
        for (name, value) in BTreeMap::<String, Value>::deserialize(d)? {
            flatten(name, value, &mut flat).map_err(serde::de::Error::custom)?;
        }
        Ok(Self(flat))
    }
}

/// An unquoted name with dots is a table within a table in TOML: joins the names again.
fn flatten(name: String, value: Value, flat: &mut BTreeMap<String, String>) -> Result<(), String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Object(inner) => {
            return inner.into_iter().try_for_each(|(part, value)| flatten(format!("{name}.{part}"), value, flat));
        }
        Value::Array(_) | Value::Null => return Err(format!("the value of {name:?} is no text, number or boolean")),
    };
    flat.insert(name, text);
    Ok(())
}

impl JsonSchema for Properties {
    fn schema_name() -> Cow<'static, str> {
        "Properties".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": true, "format": "properties" })
    }
}
