//! What a rule makes of values that many databases cannot hold. Without a rule they go on as they are, and a sink that
//! cannot hold one refuses it by row (I10).

use crate::cell::Cell;
use crate::change::TableChanges;
use crate::column::{ColumnBuilder, ColumnData};
use crate::error::Result;
use crate::schema::LogicalType;

/// What becomes of values that only some databases have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ValueRules {
    /// Dates with a year, month or day of zero become null.
    pub zero_dates_null: bool,
    /// U+0000 is taken out of text.
    pub nul_stripped: bool,
}

impl ValueRules {
    /// Whether every value stays as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// These rules and others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            zero_dates_null: self.zero_dates_null || other.zero_dates_null,
            nul_stripped: self.nul_stripped || other.nul_stripped,
        }
    }

    /// The changes with these rules applied, to the rows after and before the change alike.
    ///
    /// # Errors
    /// As [`ColumnBuilder::append`].
    pub(super) fn apply(&self, changes: TableChanges) -> Result<TableChanges> {
        let columns = &changes.schema().columns;
        let ruled = |all: &[ColumnData]| -> Result<Option<Vec<ColumnData>>> {
            if !all.iter().zip(columns).any(|(data, column)| self.concerns(&column.logical, data)) {
                return Ok(None);
            }
            let each = all.iter().zip(columns).map(|(data, column)| match self.concerns(&column.logical, data) {
                true => self.rebuilt(&column.logical, data),
                false => Ok(data.clone()),
            });
            each.collect::<Result<Vec<_>>>().map(Some)
        };
        let (after, before) = (ruled(changes.columns())?, ruled(&changes.marks().before)?);
        if after.is_none() && before.is_none() {
            return Ok(changes);
        }
        let mut marks = changes.marks().clone();
        if let Some(before) = before {
            marks.before = before;
        }
        let after = after.unwrap_or_else(|| changes.columns().to_vec());
        TableChanges::new(changes.schema().clone(), changes.rows(), after, marks)
    }

    /// Whether there may be such a value in the column: most batches have none, and are passed on as they are.
    fn concerns(&self, logical: &LogicalType, data: &ColumnData) -> bool {
        match data {
            ColumnData::Text(array) => self.nul_stripped && array.values().contains(&0),
            ColumnData::Mixed(_) => self.nul_stripped || self.zero_dates_null && has_dates(logical),
            _ => false,
        }
    }

    fn rebuilt(&self, logical: &LogicalType, data: &ColumnData) -> Result<ColumnData> {
        let mut builder = ColumnBuilder::new(logical);
        for row in 0..data.len() {
            match data.cell(row) {
                Cell::Text(text) if self.zero_dates_null && has_dates(logical) && is_zero_date(text) => {
                    builder.append(Cell::Null)?;
                }
                Cell::Text(text) if self.nul_stripped && text.contains('\0') => {
                    builder.append(Cell::Text(&text.replace('\0', "")))?;
                }
                cell => builder.append(cell)?,
            }
        }
        Ok(builder.finish())
    }
}

fn has_dates(logical: &LogicalType) -> bool {
    matches!(logical, LogicalType::Date | LogicalType::Timestamp | LogicalType::TimestampTz)
}

/// `0000-00-00`, `2000-00-01`, `2000-01-00`, with or without a time: what MariaDB and MySQL take for dates.
fn is_zero_date(text: &str) -> bool {
    let date = text.split(' ').next().unwrap_or_default();
    let mut parts = date.split('-');
    let mut part = |digits: usize| {
        parts
            .next()
            .filter(|p| p.len() == digits && p.bytes().all(|c| c.is_ascii_digit()))
            .map(|p| p.bytes().all(|c| c == b'0'))
    };
    match (part(4), part(2), part(2)) {
        (Some(year), Some(month), Some(day)) => (year || month || day) && parts.next().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
