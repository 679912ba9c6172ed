//! How changes become statements on one table.

use std::sync::Arc;

use mysql_async::Value;
use syncline_model::{Cell, Error, ErrorKind, Op, Result, TableChanges, TableSchema};

use super::catalog::Found;
use super::load::{self, Load};
use super::session::Session;
use super::types::{Native, Place};
use super::{name_of, quoted, stage};
use crate::connector::WriteReport;

/// MariaDB allows a null in a unique index; a copy could only double such a row.
pub const NULL_KEY: &str = "a key column without a value finds no row again";

/// A column that is written.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its position in the batch.
    pub column: usize,
    /// Its name, ready for use in SQL.
    pub name: String,
    /// What it holds.
    pub place: Place,
    /// Whether it is part of the key.
    pub in_key: bool,
}

/// One table of an open sink.
pub struct TableSink {
    /// As it arrives.
    schema: Arc<TableSchema>,
    /// Name of its stage.
    stage: String,
    /// The arriving columns that are written.
    written: Vec<Target>,
    /// The columns that only the sink has and does not compute, ready for use in SQL.
    others: Vec<String>,
    /// Whether the sink keeps something else unique besides the key.
    other_unique: bool,
    /// Whether the open unit gathers its rows in a stage before they replace others.
    staged: bool,
    /// Whether the table is there.
    exists: bool,
    /// Whether rows were there before this lane's unit, as far as it was asked.
    held_rows: Option<bool>,
    /// Whether that was asked within the open unit, so that taking it back makes the answer void.
    asked_in_unit: bool,
    /// Rows written in the open unit, to name a row that is refused.
    pub rows: u64,
}

/// A table that is sure to exist, with its connection.
pub struct Open<'a> {
    pub table: &'a mut TableSink,
    pub session: &'a mut Session,
}

impl TableSink {
    /// The table as it was found, or one that is still to be created.
    pub fn new(schema: &Arc<TableSchema>, number: usize, found: Option<&Found>) -> Self {
        let mut table = Self {
            schema: schema.clone(),
            stage: format!("syncline_stage_{number}"),
            written: Vec::new(),
            others: Vec::new(),
            other_unique: false,
            staged: false,
            exists: false,
            held_rows: None,
            asked_in_unit: false,
            rows: 0,
        };
        if let Some(found) = found {
            table.look(found);
        }
        table
    }

    /// Which columns are written, by the sink's own catalogue: generated ones are not.
    fn look(&mut self, found: &Found) {
        let there = &found.schema;
        let key: Vec<&str> = self.schema.key_columns().map(|c| &*c.name).collect();
        let mut sorted = key.clone();
        sorted.sort_unstable();
        let is_key = |index: &Vec<String>| {
            let mut names: Vec<&str> = index.iter().map(String::as_str).collect();
            names.sort_unstable();
            names == sorted
        };
        self.other_unique = found.odd_unique || found.unique.iter().any(|index| !is_key(index));
        let only_here = there.columns.iter().filter(|c| !c.generated && self.schema.position(&c.name).is_none());
        self.others = only_here.map(|c| quoted(&c.name)).collect();
        self.written.clear();
        for (column, arrives) in self.schema.columns.iter().enumerate() {
            // The plan refused what is missing; what disappears later is refused by the statement.
            let Some(own) = there.columns.iter().find(|c| c.name == arrives.name) else { continue };
            if !own.generated {
                self.written.push(Target {
                    column,
                    name: quoted(&own.name),
                    place: Place::of(&Native::parse(&own.native), own.nullable),
                    in_key: self.schema.key.contains(&column),
                });
            }
        }
        self.exists = true;
    }

    /// It was just created, by this lane.
    pub fn created(&mut self, found: &Found) {
        self.look(found);
        (self.held_rows, self.asked_in_unit) = (Some(false), false);
    }

    /// As it arrives.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Whether this sink has written to it, so that it must be there at the end.
    pub fn was_opened(&self) -> bool {
        self.held_rows.is_some()
    }

    /// Whether the table held rows before this lane wrote to it.
    pub fn held_rows_before(&self) -> bool {
        self.held_rows == Some(true)
    }

    /// A unit begins: the last one, if it was taken back, has left nothing but its stage.
    pub async fn begin(&mut self, session: &mut Session) -> Result<()> {
        self.rows = 0;
        if std::mem::take(&mut self.asked_in_unit) {
            self.held_rows = None;
        }
        if std::mem::take(&mut self.staged) {
            stage::close(session, &self.stage).await?;
        }
        Ok(())
    }

    /// Asks whether there are rows, once.
    pub async fn open_for_write<'a>(&'a mut self, session: &'a mut Session) -> Result<Open<'a>> {
        if self.held_rows.is_none() {
            let rows = session.rows(&format!("SELECT 1 FROM {} LIMIT 1", name_of(&self.schema.name))).await;
            self.held_rows = Some(!rows.map_err(|e| self.named(e))?.is_empty());
            self.asked_in_unit = true;
        }
        Ok(Open { table: self, session })
    }

    /// Whether a net effect comes to the same here as change by change.
    pub fn takes_net(&self, replaced: bool) -> bool {
        self.exists
            && !self.staged
            && self.key_targets().len() == self.schema.key.len()
            && (!replaced || self.others.is_empty())
    }

    /// Name of the stage of a net effect.
    pub fn net_stage(&self) -> String {
        format!("{}_net", self.stage)
    }

    /// The columns of the key, in its order.
    pub fn key_targets(&self) -> Vec<Target> {
        let written = |c: &usize| self.written.iter().find(|t| t.column == *c).cloned();
        self.schema.key.iter().filter_map(written).collect()
    }

    /// What an update of that row sets, besides its key, which it keeps.
    pub fn carried_targets(&self, changes: &TableChanges, row: usize) -> Vec<Target> {
        let carried = |t: &&Target| !t.in_key && changes.after(row, t.column).is_some();
        self.written.iter().filter(carried).cloned().collect()
    }

    /// A unit is about to commit: staged rows take their places, in the same transaction.
    pub async fn close(&mut self, session: &mut Session) -> Result<()> {
        if std::mem::take(&mut self.staged) {
            let columns = stage::Columns {
                key: self.schema.key_columns().map(|c| quoted(&c.name)).collect(),
                written: self.written.iter().map(|t| t.name.clone()).collect(),
                others: self.others.clone(),
            };
            let poured =
                stage::pour(session, &self.stage, &name_of(&self.schema.name), &columns, self.other_unique).await;
            poured.map_err(|e| {
                let hint = "a row that only the sink has stands in the way; mode truncate replaces the table";
                let error = self.named(e);
                if error.kind() == ErrorKind::Constraint { error.hint(hint) } else { error }
            })?;
            stage::close(session, &self.stage).await?;
        }
        // What this unit has written is no longer news: later units find the rows as before it.
        self.asked_in_unit = false;
        Ok(())
    }

    /// The refusal of a cell of the row that is being written.
    pub fn refuse(&self, target: &Target, reason: &str, cell: Cell<'_>) -> Error {
        let name = self.schema.columns.get(target.column).map_or("?", |c| &c.name);
        self.at_row(
            Error::new(ErrorKind::Value, format!("the sink cannot hold {} exactly: {reason}", cell.kind_name()))
                .at("table", self.schema.name.to_string())
                .at("column", name),
        )
    }

    /// The error with the table's name.
    pub fn named(&self, error: Error) -> Error {
        error.at("table", self.schema.name.to_string())
    }

    fn at_row(&self, error: Error) -> Error {
        error.at("row", format!("{} as read", self.rows))
    }

    /// The server's refusal of the row that is being written.
    pub fn refused(&self, e: Error) -> Error {
        let constraint = e.places().iter().find(|(key, _)| *key == "constraint").map(|(_, name)| name.as_str());
        // MariaDB's JSON is text with a check that is called like the column.
        let checked = constraint.and_then(|name| name.rsplit('.').next());
        let json = |t: &&Target| t.place.is_json() && checked == self.schema.columns.get(t.column).map(|c| &*c.name);
        if e.kind() == ErrorKind::Constraint
            && let Some(target) = self.written.iter().find(json)
        {
            return self.refuse(target, "it is no JSON to MariaDB", Cell::Text(""));
        }
        self.at_row(self.named(e))
    }

    /// Whether the cell may stand in the key.
    pub fn key_holds(&self, target: &Target, cell: Cell<'_>) -> Result<()> {
        match cell.is_null() && target.in_key {
            true => Err(self.refuse(target, NULL_KEY, cell)),
            false => Ok(()),
        }
    }

    fn key_condition(&self) -> String {
        let key = self.schema.key.iter().filter_map(|c| self.written.iter().find(|t| t.column == *c));
        let parts: Vec<_> = key.map(|t| format!("{} = {}", t.name, t.place.comparand())).collect();
        parts.join(" AND ")
    }
}

impl Open<'_> {
    /// Changes of one kind, in their order.
    pub async fn run(mut self, changes: &TableChanges, op: Op, rows: &[usize], report: &mut WriteReport) -> Result<()> {
        let table = name_of(&self.table.schema.name);
        match op {
            Op::Snapshot => {
                let replace = self.table.held_rows != Some(false);
                if replace && !self.table.staged {
                    let columns: Vec<_> = self.table.written.iter().map(|t| t.name.clone()).collect();
                    let key: Vec<_> = self.table.schema.key_columns().map(|c| quoted(&c.name)).collect();
                    let opened = stage::open(self.session, &self.table.stage, &table, &columns, &key).await;
                    opened.map_err(|e| self.table.named(e))?;
                    self.table.staged = true;
                }
                let into = if self.table.staged { quoted(&self.table.stage) } else { table };
                let columns: Vec<Target> = self.table.written.clone();
                self.load(&into, &columns, changes, rows).await?;
            }
            Op::Insert => self.insert(&table, changes, rows).await?,
            Op::Update | Op::Key => {
                for &row in rows {
                    self.table.rows += 1;
                    update(self.session, self.table, &table, changes, row).await?;
                }
            }
            Op::Delete => {
                let sql = format!("DELETE FROM {table} WHERE {}", self.table.key_condition());
                for &row in rows {
                    self.table.rows += 1;
                    let key = key_values(self.table, changes, row)?;
                    let gone = self.session.run_with(&sql, key).await.map_err(|e| self.table.refused(e))?;
                    report.deletes_missing += u64::from(gone == 0);
                }
            }
            Op::Truncate => {
                // What was gathered before goes as well.
                if std::mem::take(&mut self.table.staged) {
                    stage::close(self.session, &self.table.stage).await?;
                }
                let gone = self.session.run_with(&format!("DELETE FROM {table}"), Vec::new()).await;
                gone.map_err(|e| self.table.named(e))?;
                (self.table.held_rows, self.table.asked_in_unit) = (Some(false), true);
            }
        }
        report.rows += rows.len() as u64;
        Ok(())
    }

    async fn load(&mut self, into: &str, columns: &[Target], changes: &TableChanges, rows: &[usize]) -> Result<()> {
        Load { session: self.session, table: self.table, into, columns, changes, rows }.run().await
    }

    /// A column that a change does not carry is left to the sink's default (F77); a key's column must be carried.
    async fn insert(&mut self, into: &str, changes: &TableChanges, rows: &[usize]) -> Result<()> {
        let targets = self.table.written.clone();
        let carried = |row: usize| -> Vec<usize> {
            let is = |t: &&Target| changes.after(row, t.column).is_some() || t.in_key;
            targets.iter().filter(is).map(|t| t.column).collect()
        };
        let mut start = 0;
        while let Some(&first) = rows.get(start) {
            let same = carried(first);
            let end = (start..rows.len()).find(|&i| rows.get(i).is_some_and(|&row| carried(row) != same));
            let end = end.unwrap_or(rows.len());
            let columns: Vec<Target> = targets.iter().filter(|t| same.contains(&t.column)).cloned().collect();
            let part = rows.get(start..end).unwrap_or_default();
            self.load(into, &columns, changes, part).await?;
            start = end;
        }
        Ok(())
    }
}

/// Sets the columns that the change carries, by the old key. A key change is one UPDATE of the key.
async fn update(
    session: &mut Session,
    table: &mut TableSink,
    name: &str,
    changes: &TableChanges,
    row: usize,
) -> Result<()> {
    let mut values = Vec::new();
    let mut sets = Vec::new();
    for target in &table.written {
        let Some(cell) = changes.after(row, target.column) else { continue };
        table.key_holds(target, cell)?;
        values.push(target.place.bind(cell).map_err(|reason| table.refuse(target, reason, cell))?);
        sets.push(format!("{} = ?", target.name));
    }
    if sets.is_empty() {
        return Ok(());
    }
    values.extend(key_values(table, changes, row)?);
    let sql = format!("UPDATE {name} SET {} WHERE {}", sets.join(", "), table.key_condition());
    let found = session.run_with(&sql, values).await.map_err(|e| table.refused(e))?;
    load::unaltered(session, table).await?;
    match found {
        1 => Ok(()),
        _ => Err(table
            .refused(Error::new(ErrorKind::Constraint, "the row to update is not there"))
            .hint("the sink has drifted from the source; `syncline compare` shows where")),
    }
}

/// The key under which the sink finds the row.
fn key_values(table: &TableSink, changes: &TableChanges, row: usize) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    for (cell, column) in changes.key_cells(row).zip(&table.schema.key) {
        let Some(target) = table.written.iter().find(|t| t.column == *column) else { continue };
        table.key_holds(target, cell)?;
        values.push(target.place.bind(cell).map_err(|reason| table.refuse(target, reason, cell))?);
    }
    Ok(values)
}
