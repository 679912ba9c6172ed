//! Where in the file something was written.

use std::borrow::Cow;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};
use syncline_model::{Error, ErrorKind};

/// Line and column, both from 1; columns count characters. Zero means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub line: u64,
    pub column: u64,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

impl Place {
    /// Line and column of a byte offset in `text`.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self { line: number(before.matches('\n').count()) + 1, column: number(line.chars().count()) + 1 }
    }

    /// An [`ErrorKind::Config`] error at this place of `file`.
    pub fn error(self, file: &Path, what: impl Into<String>) -> Error {
        let at = match self {
            Self { line: 0, .. } => file.display().to_string(),
            Self { line, column } => format!("{}:{line}:{column}", file.display()),
        };
        Error::new(ErrorKind::Config, what).at("file", at)
    }
}

/// A value with the place it was read from.
/// The default has no place: it was not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self { value, place: referenced.into() })
    }
}

/// To an editor, the value alone.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
