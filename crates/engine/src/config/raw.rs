//! What is written in `syncline.yaml`, word for word; [`super::resolve`] makes a plan of it.
//!
//! The doc comments here are the descriptions of `docs/syncline.schema.json`, which editors show: they speak to the
//! person who writes the file. Every struct denies unknown fields and nothing is flattened: flattening would swallow
//! a misspelled key in silence.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::place::At;
use super::raw_sync::RawSync;

/// A Syncline configuration: which databases there are, and what moves between them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "syncline.yaml")]
pub(super) struct RawFile {
    /// Version of this file's format; always 1.
    #[schemars(extend("const" = 1))]
    pub version: At<u32>,
    /// The databases by name. Any text in here may hold `${NAME}`, `${NAME:-default}` (environment) and
    /// `${file:PATH}` (first line of a file); `$${` stands for `${`.
    #[serde(default)]
    pub connections: Entries<At<RawConnection>>,
    /// The one-way jobs by name.
    #[serde(default)]
    pub jobs: Entries<RawJob>,
    /// The groups of databases that are written on all sides and kept in step, by name.
    #[serde(default)]
    pub sync: Entries<RawSync>,
}

/// One database: its URL alone, or a map with more to say.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum RawConnection {
    /// The URL, for example `sqlite:shop.db`.
    Url(String),
    /// The URL with more to say.
    Full(RawConnectionMap),
}

/// One database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnectionMap {
    /// Where it is, for example `postgres://app@db1/shop`, or `sqlite:shop.db`.
    pub url: At<String>,
    /// The password, best as a reference: `${SHOP_PASSWORD}` or `${file:/run/secrets/shop}`.
    pub password: Option<At<String>>,
}

/// One job: tables of one database to one or several others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJob {
    /// Name of the connection that is read.
    pub from: At<String>,
    /// Name of the connection that is written, or a list of names.
    pub to: At<OneOrMany>,
    /// How changes are noticed.
    pub capture: Option<At<RawCapture>>,
    /// Whether `run` may install what capture needs at the source.
    pub install: Option<At<RawInstall>>,
    /// What happens when the sink refuses a change (jobs with `capture: trigger`).
    pub on_error: Option<At<RawOnError>>,
    /// What happens when columns of a table come or go at the source (jobs with `capture: trigger`).
    pub schema: Option<At<RawSchemaChange>>,
    /// How old the oldest change may be that a lane of the source has not confirmed before `run` warns, for example `6 h`;
    /// 1 day if left out (jobs with `capture: trigger`).
    pub alarm_age: Option<At<String>>,
    /// How much room the source's change tables may take before `run` warns, for example `500 MiB`; 1 GiB if left out (jobs
    /// with `capture: trigger`).
    pub alarm_size: Option<At<String>>,
    /// What happens to rows that the sink has already.
    pub mode: Option<At<RawMode>>,
    /// The tables by name or pattern (`"catalog.*"`), the most specific pattern wins. Left out: all tables.
    #[serde(default)]
    pub tables: At<Entries<Option<RawTable>>>,
    /// Most bytes in memory for one batch, for example `8 MiB`; at least 4 KiB, at most 1 GiB. 2 MiB if left out.
    pub batch_bytes_max: Option<At<String>>,
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCapture {
    /// The best that is available.
    Auto,
    /// Everything, once.
    Snapshot,
    /// Everything once, then the changes that row triggers in the source record.
    Trigger,
    /// The database's own log. Not available yet.
    Log,
    /// A column that only grows. Not available yet.
    Watermark,
    /// The whole source, compared with its last state. Not available yet.
    Compare,
    /// An outbox table that the application writes. Not available yet.
    Outbox,
}

/// Whether capture is installed without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawInstall {
    /// `run` asks on a terminal, and refuses with the plan elsewhere; `syncline install` does it.
    Ask,
    /// `run` installs what is missing.
    Auto,
}

/// What happens when the sink refuses a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOnError {
    /// The job stops there: every state of the sink is one that the source had.
    Stop,
    /// The change is set aside in the sink with its reason, and later changes of its row wait behind it; all others go on.
    Park,
}

/// What happens when columns of a table come or go at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSchemaChange {
    /// The job stops with the difference; the sink's table is yours to alter.
    Pause,
    /// The sink's table is given the columns that it lacks, and is loaded again; columns that are gone stay there.
    AddColumns,
}

/// What happens to rows that the sink has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawMode {
    /// A row of the source is inserted, or replaces the row with the same key; other rows stay.
    Upsert,
    /// The sink's table is emptied first, in the same transaction.
    Truncate,
}

/// What is special about a table.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTable {
    /// The table's name at the sink.
    pub to: Option<At<String>>,
    /// New names for columns: source to sink.
    #[serde(default)]
    pub columns: Entries<String>,
    /// Columns that are not carried.
    #[serde(default)]
    pub exclude: Vec<At<String>>,
    /// Only rows for which this is true, for example `region = 'EU' AND total > 100`.
    #[serde(rename = "where")]
    pub filter: Option<At<String>>,
    /// The columns that tell rows apart, where the table has no primary key.
    #[serde(default)]
    pub key: Vec<At<String>>,
    /// What becomes of dates with a year, month or day of zero, which MariaDB and MySQL have: `null`, or `error` (the
    /// default) at a sink that cannot hold them.
    #[serde(default)]
    pub zero_dates: RawZeroDates,
    /// What becomes of U+0000 in text, which PostgreSQL does not have: `strip`, or `error` (the default) at a sink that
    /// cannot hold it.
    #[serde(default)]
    pub nul_in_text: RawNulInText,
}

/// What becomes of dates that are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawZeroDates {
    /// A sink that cannot hold one refuses it by row.
    #[default]
    Error,
    /// They become null.
    Null,
}

/// What becomes of U+0000 in text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawNulInText {
    /// A sink that cannot hold it refuses it by row.
    #[default]
    Error,
    /// It is taken out.
    Strip,
}

/// By hand, because `null` without quotes is no text in YAML.
impl<'de> Deserialize<'de> for RawZeroDates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ZeroDatesVisitor;
        impl Visitor<'_> for ZeroDatesVisitor {
            type Value = RawZeroDates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`null` or `error`")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(RawZeroDates::Null)
            }

            fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(RawZeroDates::Null)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "null" => Ok(RawZeroDates::Null),
                    "error" => Ok(RawZeroDates::Error),
                    _ => Err(E::unknown_variant(text, &["null", "error"])),
                }
            }
        }
        deserializer.deserialize_any(ZeroDatesVisitor)
    }
}

/// One name, or a list of names.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum OneOrMany {
    /// One name.
    One(String),
    /// A list of names.
    Many(Vec<At<String>>),
}

/// A map in the order of the file, each key with its place.
#[derive(Debug)]
pub(super) struct Entries<T>(pub Vec<(At<String>, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

/// By hand, because a derived untagged enum answers every mistake with "did not match any variant".
impl<'de> Deserialize<'de> for RawConnection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ConnectionVisitor;
        impl<'de> Visitor<'de> for ConnectionVisitor {
            type Value = RawConnection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a map with `url`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RawConnection::Url(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawConnectionMap::deserialize(MapAccessDeserializer::new(map)).map(RawConnection::Full)
            }
        }
        deserializer.deserialize_any(ConnectionVisitor)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;
        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}
