//! What happens to a batch between source and sink: mapping and filtering, nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_model::change::{ChangeBuf, Op, TableBuilder, Uniform};
use syncline_model::mapping::Mapping;
use syncline_model::{ChangeBatch, Error, ErrorKind, Result, TableChanges, TableName};

use super::WriteMode;

/// The steps of one job.
#[derive(Debug, Clone)]
pub struct Steps {
    mappings: HashMap<TableName, Arc<Mapping>>,
    mode: WriteMode,
}

impl Steps {
    /// Steps for these mappings.
    #[must_use]
    pub fn new(mappings: &[Arc<Mapping>], mode: WriteMode) -> Self {
        Self { mappings: mappings.iter().map(|m| (m.read.name.clone(), m.clone())).collect(), mode }
    }

    /// The batch as the sink gets it.
    ///
    /// # Errors
    /// What [`Mapping::apply`] refuses; [`ErrorKind::Bug`] if the batch names a table that was not asked for.
    pub fn apply(&self, batch: ChangeBatch) -> Result<ChangeBatch> {
        let mut tables = Vec::with_capacity(batch.tables.len() + 1);
        for changes in &batch.tables {
            let mapping = self.mapping(&changes.schema().name)?;
            // To empty a table first is a change like any other, in the same unit as the rows that follow.
            let snapshot = changes.marks().op == Uniform::One(Op::Snapshot);
            if batch.begins && self.mode == WriteMode::Truncate && snapshot {
                tables.push(truncate(mapping)?);
            }
            tables.push(mapping.apply(changes)?);
        }
        let mut native = batch.native;
        if let Some(rows) = &mut native {
            let mapping = self.mapping(&rows.schema.name)?;
            if !mapping.is_verbatim() {
                return Err(Error::new(ErrorKind::Bug, "rows that a step has to look at came undecoded")
                    .at("table", rows.schema.name.to_string()));
            }
            if batch.begins && self.mode == WriteMode::Truncate {
                tables.push(truncate(mapping)?);
            }
            rows.schema = mapping.write.clone();
        }
        Ok(ChangeBatch { begins: batch.begins, ends: batch.ends, tables, native })
    }

    fn mapping(&self, table: &TableName) -> Result<&Arc<Mapping>> {
        self.mappings.get(table).ok_or_else(|| {
            Error::new(ErrorKind::Bug, "the source sent a table that was not asked for").at("table", table.to_string())
        })
    }
}

fn truncate(mapping: &Mapping) -> Result<TableChanges> {
    let mut builder = TableBuilder::new(mapping.write.clone());
    builder.push(ChangeBuf::new(Op::Truncate, Vec::new(), Vec::new()))?;
    builder.finish()
}
