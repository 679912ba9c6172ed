//! What a table looks like: names, logical types, keys, and whether one table fits into another.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A table's name as its database spells it; `schema` is absent where the database has none (SQLite).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Schema (PostgreSQL) or database (MariaDB).
    pub schema: Option<Arc<str>>,
    /// The table.
    pub name: Arc<str>,
}

impl TableName {
    /// A name without a schema.
    #[must_use]
    pub fn bare(name: &str) -> Self {
        Self { schema: None, name: name.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// What a column means, whatever the brand. A value outside its column's logical type is kept as an
/// *irregular* cell (see [`crate::column`]), never bent into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// The database fixes no type; every cell says its own.
    Any,
    /// True or false.
    Bool,
    /// Whole number of 8, 16, 24, 32 or 64 bits.
    Int {
        /// Width.
        bits: u8,
        /// Whether negative numbers exist.
        signed: bool,
    },
    /// IEEE 754 single.
    Float32,
    /// IEEE 754 double.
    Float64,
    /// Exact decimal; without bounds where the database has none.
    Decimal {
        /// Most significant digits, if bounded.
        precision: Option<u16>,
        /// Digits after the point, if bounded.
        scale: Option<i16>,
    },
    /// Unicode text.
    Text {
        /// Most characters, if bounded.
        chars_max: Option<u32>,
    },
    /// Bytes.
    Bytes {
        /// Most bytes, if bounded.
        bytes_max: Option<u32>,
    },
    /// Day, years 0001 to 9999.
    Date,
    /// Time of day, µs, without 24:00.
    Time,
    /// Date and time without a zone, µs.
    Timestamp,
    /// A moment, µs UTC.
    TimestampTz,
    /// Months, days, µs.
    Interval,
    /// 128 bits.
    Uuid,
    /// JSON text; its bytes are kept.
    Json,
    /// One of some labels.
    Enum {
        /// The labels in their order.
        labels: Vec<String>,
    },
    /// Array, carried in its source's text form.
    Array(Box<LogicalType>),
    /// Anything else, carried in its source's text form.
    Other,
}

impl LogicalType {
    /// Whether every value of `from` is a value of `self`, unaltered.
    ///
    /// Deliberately strict: what is not proven to fit is reported before any row moves (F76).
    #[must_use]
    pub fn holds(&self, from: &Self) -> bool {
        use LogicalType::{Any, Array, Bool, Bytes, Decimal, Enum, Float32, Float64, Int, Text};
        let fits = |own: Option<u32>, other: Option<u32>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => other <= own,
            (Some(_), None) => false,
        };
        match (self, from) {
            (Any, _) => true,
            (Int { bits, signed }, Int { bits: from_bits, signed: from_signed }) => match (signed, from_signed) {
                (true, true) | (false, false) => from_bits <= bits,
                (true, false) => from_bits < bits,
                (false, true) => false,
            },
            // True and false are 1 and 0 wherever there is no bool.
            (Int { .. }, Bool) | (Float64, Float32) => true,
            (Decimal { .. }, Decimal { .. } | Int { .. } | Bool) => match (digits(self), digits(from)) {
                (Some((own_whole, own_scale)), Some((whole, scale))) => {
                    let scale_fits = own_scale.is_none_or(|own| scale.is_some_and(|other| other <= own));
                    let whole_fits = own_whole.is_none_or(|own| whole.is_some_and(|other| other <= own));
                    scale_fits && whole_fits
                }
                _ => false,
            },
            (Text { chars_max }, Text { chars_max: other }) => fits(*chars_max, *other),
            (Text { chars_max: None }, Enum { .. } | LogicalType::Json | LogicalType::Other) => true,
            (Bytes { bytes_max }, Bytes { bytes_max: other }) => fits(*bytes_max, *other),
            (Enum { labels }, Enum { labels: other }) => other.iter().all(|l| labels.contains(l)),
            // An array's text form is that of its elements, so they must be of one kind: `{t,f}` is no `{1,0}`.
            (Array(own), Array(other)) => {
                std::mem::discriminant(&**own) == std::mem::discriminant(&**other) && own.holds(other)
            }
            (own, other) => own == other,
        }
    }

    /// Whether a column of `self` may be given values of `from`: it [`holds`](Self::holds) them all, or each is looked at
    /// on its way and one that does not fit is refused by row (I10).
    ///
    /// A moment in UTC and a time without zone are taken for each other as UTC. Text takes what other brands carry as
    /// text, in the text form of [`Cell::format`](crate::Cell::format).
    #[must_use]
    pub fn takes(&self, from: &Self) -> bool {
        use LogicalType::{Array, Bool, Date, Decimal, Int, Interval, Text, Time, Timestamp, TimestampTz, Uuid};
        let mapped = match (self, from) {
            (Timestamp, TimestampTz)
            | (TimestampTz, Timestamp)
            | (Text { .. }, Uuid | Date | Time | Timestamp | TimestampTz | Interval)
            | (Text { chars_max: None }, Array(_))
            // MariaDB's bool.
            | (Bool, Int { bits: 8, signed: true }) => true,
            // What became of an unsigned integer where there is none.
            (Int { bits: 64, signed: false }, Decimal { precision: Some(..=20), scale }) => scale.unwrap_or(0) == 0,
            _ => false,
        };
        mapped || self.holds(from)
    }

    /// Whether both are the same kind of thing, whatever their bounds; what has no type may be anything.
    fn is_kind_of(&self, other: &Self) -> bool {
        let number = |of: &Self| matches!(of, Self::Int { .. } | Self::Decimal { .. } | Self::Float32 | Self::Float64);
        let text = |of: &Self| matches!(of, Self::Text { .. } | Self::Enum { .. } | Self::Json);
        *other == Self::Any
            || std::mem::discriminant(self) == std::mem::discriminant(other)
            || number(self) && number(other)
            || text(self) && text(other)
    }
}

/// Most digits before and after the point of an exact number; absent inside where there is no bound.
fn digits(of: &LogicalType) -> Option<(Option<i32>, Option<i32>)> {
    Some(match of {
        LogicalType::Bool => (Some(1), Some(0)),
        LogicalType::Int { bits, .. } => {
            let digits = match bits {
                0..=8 => 3,
                9..=16 => 5,
                17..=24 => 8,
                25..=32 => 10,
                _ => 20,
            };
            (Some(digits), Some(0))
        }
        LogicalType::Decimal { precision: Some(p), scale } => {
            let scale = i32::from(scale.unwrap_or(0));
            (Some(i32::from(*p) - scale), Some(scale))
        }
        LogicalType::Decimal { precision: None, scale } => (None, scale.map(i32::from)),
        _ => return None,
    })
}

/// Short and readable: `int64`, `decimal(10,2)`, `text(40)`.
impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Int { bits, signed: true } => write!(f, "int{bits}"),
            Self::Int { bits, signed: false } => write!(f, "uint{bits}"),
            Self::Float32 => f.write_str("float32"),
            Self::Float64 => f.write_str("float64"),
            Self::Decimal { precision: Some(p), scale } => write!(f, "decimal({p},{})", scale.unwrap_or(0)),
            Self::Decimal { .. } => f.write_str("decimal"),
            Self::Text { chars_max: Some(n) } => write!(f, "text({n})"),
            Self::Text { .. } => f.write_str("text"),
            Self::Bytes { bytes_max: Some(n) } => write!(f, "bytes({n})"),
            Self::Bytes { .. } => f.write_str("bytes"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::TimestampTz => f.write_str("timestamptz"),
            Self::Interval => f.write_str("interval"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::Enum { labels } => write!(f, "enum of {}", labels.len()),
            Self::Array(of) => write!(f, "array of {of}"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name as the database spells it.
    pub name: Arc<str>,
    /// What its values mean.
    pub logical: LogicalType,
    /// The type as its own database writes it; used again only by a sink of the same brand.
    pub native: String,
    /// Whether null is allowed.
    pub nullable: bool,
    /// Computed by its database; read, never written.
    pub generated: bool,
    /// Collation, where it is not plain byte order.
    pub collation: Option<String>,
    /// Whether the database numbers rows by itself where no value comes: identity, serial, `AUTO_INCREMENT`, the alias
    /// of SQLite's rowid.
    pub numbered: bool,
    /// Default expression in its own brand's words; used again only by a sink of the same brand.
    pub default: Option<String>,
}

impl Column {
    /// A nullable column with nothing special about it.
    #[must_use]
    pub fn new(name: &str, logical: LogicalType) -> Self {
        Self {
            name: name.into(),
            native: logical.to_string(),
            logical,
            nullable: true,
            generated: false,
            collation: None,
            numbered: false,
            default: None,
        }
    }
}

/// An index that is not the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name; absent for a unique constraint that has none of its own.
    pub name: Option<String>,
    /// Positions of its columns, in order.
    pub columns: Vec<usize>,
    /// Whether it refuses duplicates.
    pub unique: bool,
}

/// A reference to another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Positions of the referring columns.
    pub columns: Vec<usize>,
    /// The table referred to.
    pub to: TableName,
    /// The columns referred to; empty means that table's key.
    pub to_columns: Vec<String>,
    /// What happens on delete, as SQL words (`CASCADE`), if not nothing.
    pub on_delete: Option<String>,
    /// What happens on update of the key, if not nothing.
    pub on_update: Option<String>,
}

/// One table at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Brand whose words `native` and `default` are, for example `sqlite`.
    pub brand: String,
    /// The table.
    pub name: TableName,
    /// Raised by the source whenever the columns change; batches name the version they were read with.
    pub version: u32,
    /// Whether its columns take values beyond their declared types, so that a declaration binds nothing: SQLite's, unless
    /// they are strict.
    pub loose: bool,
    /// Columns in their own order.
    pub columns: Vec<Column>,
    /// Positions of the key's columns in key order; empty if the table has no key.
    pub key: Vec<usize>,
    /// Whether its database keeps the key unique. A key that a person named may not be: then two rows can have it, and
    /// replacing by key would lose one of them in silence (I10).
    pub key_unique: bool,
    /// Indexes besides the key.
    pub indexes: Vec<Index>,
    /// References to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Names of the triggers that its owner put on it.
    pub triggers: Vec<String>,
    /// Table options in its own brand's words (`STRICT`, `WITHOUT ROWID`).
    pub options: Vec<String>,
    /// What a sink that creates this table cannot carry over, in words (`2 check constraints`).
    pub not_carried: Vec<String>,
}

impl TableSchema {
    /// A table without a key, of no particular brand.
    #[must_use]
    pub fn new(name: TableName, columns: Vec<Column>) -> Self {
        Self {
            brand: String::new(),
            name,
            version: 1,
            loose: false,
            columns,
            key: Vec::new(),
            key_unique: true,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            options: Vec::new(),
            not_carried: Vec::new(),
        }
    }

    /// Position of the column of that name.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| &*c.name == column)
    }

    /// The key's columns in key order.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|&i| self.columns.get(i))
    }

    /// Every reason why rows of `self` (the source, names already mapped) cannot go into `sink` unaltered.
    ///
    /// Empty means that they can. Columns that only the sink has are fine if it fills them by itself.
    #[must_use]
    pub fn misfits(&self, sink: &Self) -> Vec<String> {
        self.fit(sink, None).misfits
    }

    /// The same where the sink may be given columns that it lacks; `same` says which names are one name to it. Without
    /// it none are added.
    #[must_use]
    pub fn fit(&self, sink: &Self, same: Option<fn(&str, &str) -> bool>) -> Fit {
        let (mut found, mut added) = (Vec::new(), Vec::new());
        for (i, column) in self.columns.iter().enumerate() {
            let Some(there) = sink.columns.iter().find(|c| c.name == column.name) else {
                match same.map(|same| self.not_addable(i, column, sink, same)) {
                    Some(None) => added.push(i),
                    Some(Some(why)) => found.push(format!("the sink has no column {}, {why}", column.name)),
                    None => found.push(format!("the sink has no column {}", column.name)),
                }
                continue;
            };
            if there.generated {
                // A value that the source computes too is the same value; any other would be lost in silence (I10).
                if !column.generated {
                    found.push(format!(
                        "the sink computes column {} by itself and would not keep its value",
                        column.name
                    ));
                }
                continue;
            }
            // What a brand does not hold its own columns to, another brand cannot know from the declaration.
            let unbound = self.loose && self.brand != sink.brand && there.logical.is_kind_of(&column.logical);
            if !unbound && !there.logical.takes(&column.logical) {
                found.push(format!(
                    "column {} is {} at the source and {} at the sink, which does not hold all of it",
                    column.name,
                    described(column),
                    described(there),
                ));
            }
            if column.nullable && !there.nullable {
                found.push(format!("column {} may be null at the source and may not at the sink", column.name));
            }
        }
        for there in &sink.columns {
            let by_itself = there.nullable || there.default.is_some() || there.generated || there.numbered;
            if self.position(&there.name).is_none() && !by_itself {
                found.push(format!("the sink's column {} needs a value that the source does not have", there.name));
            }
        }
        self.key_misfits(sink, &mut found);
        Fit { misfits: found, added }
    }

    /// Why the sink is not given a column of that name; nothing if it can be.
    fn not_addable(&self, i: usize, column: &Column, sink: &Self, same: fn(&str, &str) -> bool) -> Option<String> {
        let alike = |other: &&Column| other.name != column.name && same(&other.name, &column.name);
        if self.key.contains(&i) {
            return Some("and none is added that belongs to the key: its rows would have no value of it".into());
        }
        if column.generated {
            return Some("and the source computes it: add it there, computed or as a plain column".into());
        }
        let other = sink.columns.iter().chain(&self.columns).find(alike)?;
        Some(format!("and its column {} is called the same to it", other.name))
    }

    /// A sink that takes two different keys for one would quietly keep only one of the two rows (I10).
    fn key_misfits(&self, sink: &Self, found: &mut Vec<String>) {
        let names = |s: &Self, of: &[usize]| -> Vec<Arc<str>> {
            let mut names: Vec<_> = of.iter().filter_map(|&i| s.columns.get(i)).map(|c| c.name.clone()).collect();
            names.sort();
            names
        };
        let key = names(self, &self.key);
        if key.is_empty() {
            found.push("the source's table has no key".to_owned());
            return;
        }
        let unique = sink.indexes.iter().filter(|i| i.unique).map(|i| &i.columns);
        if !std::iter::once(&sink.key).chain(unique).any(|columns| names(sink, columns) == key) {
            found.push(format!("the sink has no primary key or unique index over exactly ({})", key.join(", ")));
        }
        for column in self.key_columns() {
            let Some(there) = sink.columns.iter().find(|c| c.name == column.name) else { continue };
            if there.collation.is_some() && there.collation != column.collation {
                found.push(format!(
                    "key column {} collates {} at the sink and {} at the source: two keys could become one",
                    column.name,
                    there.collation.as_deref().unwrap_or("by bytes"),
                    column.collation.as_deref().unwrap_or("by bytes"),
                ));
            }
        }
    }
}

/// How the rows of one table fit into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// Reasons why they do not, even with what is added.
    pub misfits: Vec<String>,
    /// Positions of the columns that the sink lacks and can be given: each may be null there, for the rows that it has.
    pub added: Vec<usize>,
}

fn described(column: &Column) -> String {
    let logical = column.logical.to_string();
    if column.native.is_empty() || column.native.eq_ignore_ascii_case(&logical) {
        logical
    } else {
        format!("{} ({logical})", column.native)
    }
}

#[cfg(test)]
pub(crate) mod tests;
