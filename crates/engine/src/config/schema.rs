//! The JSON Schema of `syncline.yaml`, for editors. `docs/syncline.schema.json` is written from here.

use super::raw::RawFile;

/// The schema; its descriptions are the doc comments of the raw structs.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(RawFile).to_value()
}
