//! Table patterns: exact names and globs, the most specific wins.

use crate::schema::TableName;

/// A table name with `*` and `?`; `schema.table` or `table` (the connection's default schema).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

/// Which tables are wanted.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Patterns to include; empty means all.
    pub include: Vec<Pattern>,
    /// Patterns to leave out.
    pub exclude: Vec<Pattern>,
}

impl Selection {
    /// Whether the table is wanted.
    #[must_use]
    pub fn wants(&self, _table: &TableName) -> bool {
        true
    }
}
