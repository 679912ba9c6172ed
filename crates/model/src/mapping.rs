//! How a table of the source becomes a table of the sink: names, columns left out, rows left out.
//!
//! A mapping is made once per table, before any row moves; everything about it that can be wrong is an error
//! there. It is applied to every batch, and only a filter looks at single rows.

mod filtered;
mod schema;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::TableChanges;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::schema::TableSchema;

pub use schema::retarget_foreign_keys;
pub use values::ValueRules;

/// What a configuration says about one table. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The sink's table, `table` or `schema.table`; absent: named as at the source, schema included.
    pub to: Option<String>,
    /// New names of columns: name at the source, name at the sink. Columns not named here keep their names.
    pub columns: BTreeMap<String, String>,
    /// Columns that do not go to the sink, by their names at the source.
    pub exclude: Vec<String>,
    /// Which rows go to the sink, on the source's columns (see [`crate::filter`]).
    pub filter: Option<String>,
    /// The columns that tell rows apart, by their names at the source; empty: the table's own key.
    pub key: Vec<String>,
    /// What becomes of values that only some databases have.
    pub values: ValueRules,
}

/// One table on its way from source to sink.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// What is read: the wanted columns and those that the filter needs, with the source's names.
    pub read: Arc<TableSchema>,
    /// What is written: the wanted columns, with the sink's names. Types are still the source's.
    pub write: Arc<TableSchema>,
    /// For each column of `write` its position in `read`.
    columns: Vec<usize>,
    /// On the columns of `read`.
    filter: Option<Filter>,
    /// What becomes of values, on the columns of `write`.
    values: ValueRules,
    /// The key that the source's table itself has; what a foreign key without columns refers to.
    source_key: Vec<Arc<str>>,
}

impl Mapping {
    /// Works out what is read and written.
    ///
    /// The key is the rule's, else the table's own, else the first unique index over columns that are never null.
    /// A foreign key still names the source's table until [`retarget_foreign_keys`] has seen all mappings.
    ///
    /// # Errors
    /// - [`ErrorKind::Config`]: the rule names a column that is not there or one twice, leaves out a column of the
    ///   key, gives two columns one name, or its filter or table name is wrong.
    /// - [`ErrorKind::Schema`]: there is no key.
    pub fn new(source: &TableSchema, rule: &Rule) -> Result<Self> {
        let at = |e: Error| e.at("table", source.name.to_string());
        schema::plan(source, rule).map_err(at)
    }

    /// Whether some rows may be left out.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether every row arrives as it was read: nothing is left out or turned around, only names may be others.
    #[must_use]
    pub fn is_verbatim(&self) -> bool {
        self.filter.is_none() && self.values.is_none() && self.columns.iter().copied().eq(0..self.read.columns.len())
    }

    /// Positions in `read` of the columns that decide which rows go to the sink; empty without a filter. A capture
    /// that leaves unchanged columns out must record these, and for rows that enter the filter all others too.
    #[must_use]
    pub fn filter_columns(&self) -> &[usize] {
        self.filter.as_ref().map_or(&[], Filter::columns)
    }

    /// The changes as the sink sees them; their schema is `write`.
    ///
    /// With a filter an update that leaves it becomes a delete and one that enters it an insert; a truncate goes
    /// on as it is, since the sink's table holds nothing but rows of this one. Stamp, origin, number and order
    /// of a change stay as they are.
    ///
    /// # Errors
    /// - [`ErrorKind::Unsupported`]: the change does not say enough to decide what it is at the sink. Guessing
    ///   would leave a row behind or lose one (I10).
    /// - [`ErrorKind::Bug`]: the changes are not of the schema `read`.
    pub fn apply(&self, changes: &TableChanges) -> Result<TableChanges> {
        let schema = changes.schema();
        let same = Arc::ptr_eq(schema, &self.read)
            || schema.columns.iter().map(|c| &c.name).eq(self.read.columns.iter().map(|c| &c.name));
        if !same {
            return Err(Error::new(ErrorKind::Bug, "changes do not have the columns that their mapping reads")
                .at("table", schema.name.to_string()));
        }
        let mapped = match &self.filter {
            None => changes.projected(&self.write, &self.columns)?,
            Some(filter) => filtered::apply(self, filter, changes)?,
        };
        if self.values.is_none() { Ok(mapped) } else { self.values.apply(mapped) }
    }
}

/// Refuses two source tables that go to one table of the sink: each would undo what the other did.
///
/// # Errors
/// [`ErrorKind::Config`] naming both.
pub fn check_targets(mappings: &[Mapping]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for mapping in mappings {
        if let Some(other) = seen.insert(&mapping.write.name, &mapping.read.name) {
            return Err(Error::new(
                ErrorKind::Config,
                format!("the tables {other} and {} both go to table {}", mapping.read.name, mapping.write.name),
            )
            .hint("give one of them another name with `to:`, or leave it out"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
