//! Cells that own what they hold.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Cell;
use crate::decimal::Decimal;

/// An owned cell, for what outlives its batch: keys, bounds, expected values.
#[derive(Debug, Clone)]
pub enum CellBuf {
    /// A cell that borrows nothing.
    Plain(Cell<'static>),
    /// Decimal text.
    Decimal(Box<str>),
    /// Text.
    Text(Box<str>),
    /// Text that is not Unicode.
    BadText(Box<[u8]>),
    /// Bytes.
    Bytes(Box<[u8]>),
}

impl CellBuf {
    /// Null.
    pub const NULL: Self = Self::Plain(Cell::Null);

    /// The borrowed form.
    #[must_use]
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Plain(cell) => *cell,
            Self::Decimal(text) => Cell::Decimal(Decimal::Text(text)),
            Self::Text(text) => Cell::Text(text),
            Self::BadText(bytes) => Cell::BadText(bytes),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }
}

impl PartialEq for CellBuf {
    fn eq(&self, other: &Self) -> bool {
        self.as_cell() == other.as_cell()
    }
}

impl Eq for CellBuf {}

impl PartialOrd for CellBuf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CellBuf {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_cell().cmp(&other.as_cell())
    }
}

impl Hash for CellBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_cell().hash(state);
    }
}

impl From<i64> for CellBuf {
    fn from(value: i64) -> Self {
        Self::Plain(Cell::Int(value))
    }
}

impl From<&str> for CellBuf {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}
