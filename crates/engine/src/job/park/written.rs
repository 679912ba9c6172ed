//! A change as JSON text that comes back exactly: what `syncline_parked` keeps.
//!
//! Every cell says its own kind, columns are named, and what is not carried is not there (F77): so a change can be applied
//! to a table that got columns since.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use syncline_model::cell::Interval;
use syncline_model::change::{At, ChangeBuf, Op};
use syncline_model::decimal::Decimal;
use syncline_model::origin::Origin;
use syncline_model::stamp::Stamp;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, Result, TableSchema};

/// A cell, tagged with its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// The shortest digits that mean this very number.
    Float(String),
    /// The digits as one whole number, and how many of them stand after the point.
    Fixed(String, u8),
    Decimal(String),
    Text(String),
    /// Hexadecimal, as all bytes here.
    BadText(String),
    Bytes(String),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    TimestampTz(i64),
    /// Months, days, microseconds.
    Interval(i32, i32, i64),
    Uuid(String),
}

impl Written {
    /// The written form.
    pub fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Bool(v) => Self::Bool(v),
            Cell::Int(v) => Self::Int(v),
            Cell::UInt(v) => Self::Uint(v),
            Cell::Float(v) => Self::Float(format!("{v:?}")),
            Cell::Decimal(Decimal::Fixed { unscaled, scale }) => Self::Fixed(unscaled.to_string(), scale),
            Cell::Decimal(Decimal::Text(text)) => Self::Decimal(text.to_owned()),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::BadText(bytes) => Self::BadText(hex(bytes)),
            Cell::Bytes(bytes) => Self::Bytes(hex(bytes)),
            Cell::Date(v) => Self::Date(v),
            Cell::Time(v) => Self::Time(v),
            Cell::Timestamp(v) => Self::Timestamp(v),
            Cell::TimestampTz(v) => Self::TimestampTz(v),
            Cell::Interval(Interval { months, days, us }) => Self::Interval(months, days, us),
            Cell::Uuid(id) => Self::Uuid(hex(&id)),
        }
    }

    /// The cell; absent if this is none.
    pub fn cell(&self) -> Option<CellBuf> {
        let plain = match self {
            Self::Null => Cell::Null,
            Self::Bool(v) => Cell::Bool(*v),
            Self::Int(v) => Cell::Int(*v),
            Self::Uint(v) => Cell::UInt(*v),
            Self::Float(v) => Cell::Float(v.parse().ok()?),
            Self::Fixed(unscaled, scale) => {
                Cell::Decimal(Decimal::Fixed { unscaled: unscaled.parse().ok()?, scale: *scale })
            }
            Self::Date(v) => Cell::Date(*v),
            Self::Time(v) => Cell::Time(*v),
            Self::Timestamp(v) => Cell::Timestamp(*v),
            Self::TimestampTz(v) => Cell::TimestampTz(*v),
            Self::Interval(months, days, us) => Cell::Interval(Interval { months: *months, days: *days, us: *us }),
            Self::Uuid(v) => Cell::Uuid(unhex(v)?.try_into().ok()?),
            Self::Decimal(v) => {
                Decimal::from_text(v)?;
                return Some(CellBuf::Decimal(v.as_str().into()));
            }
            Self::Text(v) => return Some(CellBuf::Text(v.as_str().into())),
            Self::BadText(v) => return Some(CellBuf::BadText(unhex(v)?.into())),
            Self::Bytes(v) => return Some(CellBuf::Bytes(unhex(v)?.into())),
        };
        plain.is_canonical().then_some(CellBuf::Plain(plain))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_hex = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    is_hex.then(|| digits.chunks(2).map(pair).collect())?
}

/// A change as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    op: String,
    ord: u64,
    /// The carried columns of the row after the change.
    pub after: BTreeMap<String, Written>,
    /// What is known of the row before it.
    pub before: BTreeMap<String, Written>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tx: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<Stamp>,
    /// When it was made, µs since 1970 UTC, and whether that is the time of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<(i64, bool)>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Contents {
    /// The written form of a change of that table.
    pub fn of(schema: &TableSchema, change: &ChangeBuf) -> Self {
        let image = |cells: &[Option<CellBuf>]| {
            let named = schema.columns.iter().zip(cells);
            named.filter_map(|(c, cell)| Some((c.name.to_string(), Written::of(cell.as_ref()?.as_cell())))).collect()
        };
        Self {
            op: change.op.as_str().to_owned(),
            ord: change.ord,
            after: image(&change.after),
            before: image(&change.before),
            origin: change.origin,
            number: change.number,
            tx: change.tx,
            stamp: change.stamp,
            base: change.base,
            at: change.at.map(|at| (at.us, at.commit)),
            by: change.by.as_deref().map(str::to_owned),
        }
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|_| corrupt())
    }

    /// The change, for the table as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if a cell is none; [`ErrorKind::Schema`] if the table lacks a column by now.
    pub fn change(&self, schema: &TableSchema) -> Result<ChangeBuf> {
        let op = match self.op.as_bytes() {
            [letter] => Op::from_letter(*letter),
            _ => None,
        };
        let image = |written: &BTreeMap<String, Written>| -> Result<Vec<Option<CellBuf>>> {
            if let Some(gone) = written.keys().find(|name| schema.position(name).is_none()) {
                return Err(Error::new(ErrorKind::Schema, "the job no longer carries a column of this change")
                    .at("table", schema.name.to_string())
                    .at("column", gone.clone()));
            }
            let cell = |name: &str| written.get(name).map(|w| w.cell().ok_or_else(corrupt)).transpose();
            schema.columns.iter().map(|c| cell(&c.name)).collect()
        };
        Ok(ChangeBuf {
            ord: self.ord,
            origin: self.origin,
            number: self.number,
            tx: self.tx,
            stamp: self.stamp,
            base: self.base,
            at: self.at.map(|(us, commit)| At { us, commit }),
            by: self.by.as_deref().map(Arc::from),
            ..ChangeBuf::new(op.ok_or_else(corrupt)?, image(&self.after)?, image(&self.before)?)
        })
    }
}

/// What somebody has altered, or a newer version has written.
pub fn corrupt() -> Error {
    Error::new(ErrorKind::Corrupt, "a row of syncline_parked is not as Syncline writes it")
        .hint("only Syncline may write there; `syncline resync JOB` loads the tables again and forgets what is parked")
}

/// JSON text.
///
/// # Errors
/// Never in practice; [`ErrorKind::Bug`].
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(ErrorKind::Bug, "a parked change cannot be written").caused_by(e.to_string()))
}

#[cfg(test)]
mod tests;
