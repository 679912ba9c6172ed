//! How changes become statements on one table.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, ErrorCode};
use syncline_model::change::{NativeRows, Op};
use syncline_model::{Cell, Error, ErrorKind, LogicalType, Result, TableChanges, TableSchema};

use std::sync::Arc;

use super::types::{self, Affinity, Bound, Stored};
use super::{catalog, ddl, failed, native, quoted, stage};
use crate::connector::WriteReport;

/// SQLite allows a null in a key; a copy could only double such a row.
const NULL_KEY: &str = "a key column without a value finds no row again";

/// Why a UTF-16 database cannot keep bytes that are no Unicode.
const UTF_16: &str = "the sink keeps text in UTF-16 and would change it";

/// One table of an open sink.
pub struct TableSink {
    /// As it arrives.
    schema: Arc<TableSchema>,
    /// The arriving columns that are written, with what the sink does to their values.
    written: Vec<(usize, Affinity)>,
    /// Key columns in which two values can be equal without being the same: `A` and `a`, `1` and `1.0`.
    loose_key: Vec<usize>,
    /// The columns that only the sink has and does not compute, quoted.
    others: Vec<String>,
    /// Whether the sink keeps text in UTF-8; else bytes that are no Unicode would not come back (I10).
    utf8: bool,
    /// Whether the sink keeps something else unique besides the key.
    other_unique: bool,
    /// Whether the open unit gathers its rows in a stage before they replace others.
    staged: bool,
    /// Whether the table was there when the sink was opened, or was committed since.
    exists: bool,
    /// Whether it was created within the open unit.
    created: bool,
    /// Whether rows were there before this lane's unit, as far as it was asked.
    held_rows: Option<bool>,
    /// Whether the open unit has emptied the table.
    emptied: bool,
    /// Rows written in the open unit, to name a row that is refused.
    rows: u64,
}

/// A table that is sure to exist, with its connection.
pub struct Open<'a> {
    table: &'a mut TableSink,
    conn: &'a Connection,
}

impl TableSink {
    /// Looks at the table as it is now.
    pub fn open(conn: &Connection, schema: &Arc<TableSchema>) -> Result<Self> {
        let exists = catalog::kind_of(conn, &schema.name.name)?.is_some();
        let mut table = Self {
            schema: schema.clone(),
            written: Vec::new(),
            loose_key: Vec::new(),
            others: Vec::new(),
            utf8: true,
            other_unique: false,
            staged: false,
            exists,
            created: false,
            held_rows: None,
            emptied: false,
            rows: 0,
        };
        if exists {
            table.look(conn)?;
        }
        Ok(table)
    }

    /// Which columns are written, by the sink's own catalogue: generated ones are not.
    fn look(&mut self, conn: &Connection) -> Result<()> {
        let there = catalog::structure(conn, &self.schema.name.name)?;
        let key: Vec<&str> = self.schema.key_columns().map(|c| &*c.name).collect();
        self.other_unique = catalog::other_unique(conn, &there, &key)?;
        let strict = there.options.iter().any(|o| o == "STRICT");
        let only_here = there.columns.iter().filter(|c| !c.generated && self.schema.position(&c.name).is_none());
        self.others = only_here.map(|c| quoted(&c.name)).collect();
        self.utf8 = catalog::is_utf8(conn)?;
        self.written.clear();
        self.loose_key.clear();
        for (i, column) in self.schema.columns.iter().enumerate() {
            // The plan refused what is missing; what disappears later is refused by the statement.
            match there.columns.iter().find(|c| c.name == column.name) {
                Some(c) if c.generated => {}
                Some(c) => {
                    let affinity = types::affinity(&c.native, strict);
                    if self.schema.key.contains(&i) && (c.collation.is_some() || affinity == Affinity::Blob) {
                        self.loose_key.push(i);
                    }
                    self.written.push((i, affinity));
                }
                None => self.written.push((i, Affinity::Blob)),
            }
        }
        Ok(())
    }

    /// A unit begins: what the last one created is there only if it was committed.
    pub fn begin(&mut self, conn: &Connection) -> Result<()> {
        (self.rows, self.staged) = (0, false);
        if std::mem::take(&mut self.emptied) {
            self.held_rows = None;
        }
        if self.created {
            self.created = false;
            self.exists = catalog::kind_of(conn, &self.schema.name.name)?.is_some();
        }
        Ok(())
    }

    /// Somebody changed the sink's schema since it was looked at: what was planned for another table is not written into
    /// this one.
    pub fn look_again(&mut self, conn: &Connection) -> Result<()> {
        self.exists = catalog::kind_of(conn, &self.schema.name.name)?.is_some();
        self.held_rows = None;
        if self.exists {
            let there = catalog::structure(conn, &self.schema.name.name)?;
            if let Some(reason) = self.schema.misfits(&there).first() {
                return Err(Error::new(ErrorKind::Schema, format!("the sink's table was changed meanwhile: {reason}"))
                    .at("table", self.schema.name.to_string()));
            }
            self.look(conn)?;
        }
        Ok(())
    }

    /// Makes sure that the table is there, within the open unit.
    pub fn open_for_write<'a>(&'a mut self, conn: &'a Connection) -> Result<Open<'a>> {
        if !self.exists {
            let create = ddl::create_table(&self.schema);
            conn.execute_batch(&create)
                .map_err(|e| failed(e, "cannot create the table").at("table", self.schema.name.to_string()))?;
            (self.exists, self.created, self.held_rows) = (true, true, Some(false));
            self.look(conn)?;
        }
        if self.held_rows.is_none() {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM main.{})", quoted(&self.schema.name.name));
            let held = conn.query_row(&sql, [], |r| r.get(0));
            self.held_rows = Some(held.map_err(|e| failed(e, "cannot read the sink's table"))?);
        }
        Ok(Open { table: self, conn })
    }

    /// A unit is about to commit: staged rows take their places and indexes are built, in the same transaction.
    pub fn close(&mut self, conn: &Connection) -> Result<()> {
        if std::mem::take(&mut self.staged) {
            let columns = stage::Columns {
                key: self.names(self.schema.key.iter().copied()),
                written: self.names(self.written.iter().map(|(c, _)| *c)),
                others: self.others.clone(),
            };
            stage::pour(conn, &self.schema.name.name, &columns).map_err(|e| {
                failed(e, "the sink refused the rows of a table")
                    .at("table", self.schema.name.to_string())
                    .hint("a row that only the sink has stands in the way, or a key comes twice; mode truncate replaces the table")
            })?;
        }
        if self.created {
            for sql in ddl::create_indexes(&self.schema) {
                conn.execute_batch(&sql)
                    .map_err(|e| failed(e, "cannot create an index").at("table", self.schema.name.to_string()))?;
            }
            self.created = false;
        }
        self.emptied = false;
        Ok(())
    }

    /// Whether the table held rows before this lane wrote to it.
    pub fn held_rows_before(&self) -> bool {
        self.held_rows == Some(true)
    }

    fn names(&self, columns: impl Iterator<Item = usize>) -> Vec<String> {
        columns.filter_map(|c| self.schema.columns.get(c)).map(|c| quoted(&c.name)).collect()
    }

    /// An insert of these columns into the table or its stage; `replace` makes it an update where the key is already there.
    fn insert_sql(&self, into: &str, columns: &[(usize, Affinity)], replace: bool) -> String {
        let names = self.names(columns.iter().map(|(c, _)| *c));
        let values = vec!["?"; names.len()].join(", ");
        // OR ABORT, because a table may say ON CONFLICT IGNORE or REPLACE, and rows would be lost in silence (I10). The
        // alias, because a table may be called excluded.
        let mut sql = format!("INSERT OR ABORT INTO {into} AS sink ({}) VALUES ({values})", names.join(", "));
        if replace {
            let same = |c: &usize| self.schema.key.contains(c) && !self.loose_key.contains(c);
            let rest: Vec<_> = columns.iter().map(|(c, _)| *c).filter(|c| !same(c)).collect();
            let sets: Vec<_> = self.names(rest.into_iter()).iter().map(|n| format!("{n} = excluded.{n}")).collect();
            let key = self.names(self.schema.key.iter().copied()).join(", ");
            let action = if sets.is_empty() { "NOTHING".into() } else { format!("UPDATE SET {}", sets.join(", ")) };
            sql.push_str(&format!(" ON CONFLICT ({key}) DO {action}"));
        }
        sql
    }

    fn main_name(&self) -> String {
        format!("main.{}", quoted(&self.schema.name.name))
    }

    fn key_condition(&self, first: usize) -> String {
        let key = self.names(self.schema.key.iter().copied());
        let parts: Vec<_> = key.iter().enumerate().map(|(i, n)| format!("{n} = ?{}", first + i)).collect();
        parts.join(" AND ")
    }

    fn refuse(&self, column: usize, reason: &str, cell: Cell<'_>) -> Error {
        let name = self.schema.columns.get(column).map_or("?", |c| &c.name);
        Error::new(ErrorKind::Value, format!("the sink cannot hold {} exactly: {reason}", cell.kind_name()))
            .at("table", self.schema.name.to_string())
            .at("column", name)
            .at("row", format!("{} as read", self.rows))
    }
}

impl Open<'_> {
    /// Snapshot rows. Into an empty table they are plain inserts, so that two rows with one key are an error and
    /// never quietly one row (I10); otherwise they replace by key, through a stage where more than the key is unique.
    pub fn load(mut self, changes: &TableChanges, report: &mut WriteReport) -> Result<()> {
        let sql = self.load_sql()?;
        let mut stmt = prepare(self.conn, self.table, &sql)?;
        let mut scratch = Vec::new();
        let columns: Vec<_> = self
            .table
            .written
            .iter()
            .filter_map(|&(c, affinity)| changes.columns().get(c).map(|data| (c, Stored::of(data, affinity))))
            .collect();
        for row in 0..changes.rows() {
            self.table.rows += 1;
            for (i, (column, stored)) in columns.iter().enumerate() {
                match stored.at(row, &mut scratch) {
                    Ok(Bound(ValueRef::Null)) if self.table.schema.key.contains(column) => {
                        return Err(self.table.refuse(*column, NULL_KEY, Cell::Null));
                    }
                    Ok(Bound(ValueRef::Text(text))) if !self.table.utf8 && std::str::from_utf8(text).is_err() => {
                        return Err(self.table.refuse(*column, UTF_16, changes.cell(row, *column)));
                    }
                    Ok(bound) => {
                        stmt.raw_bind_parameter(i + 1, bound).map_err(|e| unbound(self.table, *column, e))?;
                    }
                    Err(reason) => return Err(self.table.refuse(*column, reason, changes.cell(row, *column))),
                }
            }
            stmt.raw_execute().map_err(|e| refused(self.table, e))?;
        }
        report.rows += changes.rows() as u64;
        Ok(())
    }

    /// The same for rows as another SQLite database stores them.
    pub fn load_native(mut self, rows: &NativeRows, report: &mut WriteReport) -> Result<()> {
        let strange = || Error::new(ErrorKind::Bug, "rows came in a form that is not SQLite's");
        if rows.form != native::FORM {
            return Err(strange().at("form", rows.form));
        }
        let sql = self.load_sql()?;
        let mut stmt = prepare(self.conn, self.table, &sql)?;
        let written = |c| self.table.written.iter().position(|(w, _)| *w == c);
        // For each column as it comes its parameter, unless the sink computes it.
        let parameters: Vec<_> = (0..rows.schema.columns.len()).map(written).collect();
        let mut rest = &rows.bytes[..];
        for _ in 0..rows.rows {
            self.table.rows += 1;
            for (column, parameter) in parameters.iter().enumerate() {
                let value = native::take(&mut rest).ok_or_else(strange)?;
                let Some((i, (_, affinity))) = parameter.and_then(|i| Some((i, self.table.written.get(i)?))) else {
                    continue;
                };
                if let Err(reason) = self.fits(column, *affinity, value) {
                    return Err(self.table.refuse(column, reason, types::cell(&LogicalType::Any, value)));
                }
                stmt.raw_bind_parameter(i + 1, Bound(value)).map_err(|e| unbound(self.table, column, e))?;
            }
            stmt.raw_execute().map_err(|e| refused(self.table, e))?;
        }
        report.rows += rows.rows as u64;
        Ok(())
    }

    /// Whether the column keeps the value as it is stored elsewhere.
    fn fits(&self, column: usize, affinity: Affinity, value: ValueRef<'_>) -> Result<(), &'static str> {
        match value {
            ValueRef::Null if self.table.schema.key.contains(&column) => Err(NULL_KEY),
            ValueRef::Text(text) if !self.table.utf8 && std::str::from_utf8(text).is_err() => Err(UTF_16),
            value if !types::keeps(affinity, value) => Err(types::ALTERED),
            _ => Ok(()),
        }
    }

    /// The insert that takes snapshot rows, into the table or its stage.
    fn load_sql(&mut self) -> Result<String> {
        let replace = self.table.held_rows != Some(false);
        if replace && !self.table.staged && (self.table.other_unique || !self.table.schema.key_unique) {
            let columns = self.table.names(self.table.written.iter().map(|(c, _)| *c));
            stage::open(self.conn, &self.table.schema.name.name, &columns).map_err(|e| self.refused(e))?;
            self.table.staged = true;
        }
        Ok(match self.table.staged {
            true => self.table.insert_sql(&stage::name(&self.table.schema.name.name), &self.table.written, false),
            false => self.table.insert_sql(&self.table.main_name(), &self.table.written, replace),
        })
    }

    /// One change of any kind.
    pub fn change(self, changes: &TableChanges, row: usize, report: &mut WriteReport) -> Result<()> {
        self.table.rows += 1;
        let mut scratch = Vec::new();
        match changes.op(row) {
            op @ (Op::Snapshot | Op::Insert) => {
                let replace = op == Op::Snapshot && self.table.held_rows != Some(false);
                self.insert(changes, row, replace, &mut scratch)?;
            }
            Op::Update | Op::Key => self.update(changes, row, &mut scratch)?,
            Op::Delete => {
                let condition = self.table.key_condition(1);
                let sql = format!("DELETE FROM main.{} WHERE {condition}", quoted(&changes.schema().name.name));
                let mut stmt = prepare(self.conn, self.table, &sql)?;
                self.bind_key(&mut stmt, 1, changes, row, &mut scratch)?;
                let deleted = stmt.raw_execute().map_err(|e| self.refused(e))?;
                report.deletes_missing += u64::from(deleted == 0);
            }
            Op::Truncate => {
                let sql = format!("DELETE FROM main.{}", quoted(&changes.schema().name.name));
                self.conn.execute(&sql, []).map_err(|e| self.refused(e))?;
                (self.table.held_rows, self.table.emptied) = (Some(false), true);
            }
        }
        report.rows += 1;
        Ok(())
    }

    /// A column that the change does not carry is left to the sink's default (F77); a key's column must be carried.
    fn insert(&self, changes: &TableChanges, row: usize, replace: bool, scratch: &mut Vec<u8>) -> Result<()> {
        let carried = |c: usize| changes.after(row, c).is_some() || self.table.schema.key.contains(&c);
        let columns: Vec<_> = self.table.written.iter().copied().filter(|(c, _)| carried(*c)).collect();
        let mut stmt =
            prepare(self.conn, self.table, &self.table.insert_sql(&self.table.main_name(), &columns, replace))?;
        for (i, (column, affinity)) in columns.iter().enumerate() {
            bind(self.table, &mut stmt, i + 1, *column, *affinity, changes.cell(row, *column), scratch)?;
        }
        stmt.raw_execute().map_err(|e| self.refused(e))?;
        Ok(())
    }

    /// Sets the columns that the change carries, by the old key. A key change is one UPDATE of the key.
    fn update(&self, changes: &TableChanges, row: usize, scratch: &mut Vec<u8>) -> Result<()> {
        let carried: Vec<_> =
            self.table.written.iter().copied().filter(|(c, _)| changes.after(row, *c).is_some()).collect();
        if carried.is_empty() {
            return Ok(());
        }
        let names = self.table.names(carried.iter().map(|(c, _)| *c));
        let sets: Vec<_> = names.iter().enumerate().map(|(i, n)| format!("{n} = ?{}", i + 1)).collect();
        let sql = format!(
            "UPDATE OR ABORT main.{} SET {} WHERE {}",
            quoted(&changes.schema().name.name),
            sets.join(", "),
            self.table.key_condition(carried.len() + 1)
        );
        let mut stmt = prepare(self.conn, self.table, &sql)?;
        for (i, (column, affinity)) in carried.iter().enumerate() {
            bind(self.table, &mut stmt, i + 1, *column, *affinity, changes.cell(row, *column), scratch)?;
        }
        self.bind_key(&mut stmt, carried.len() + 1, changes, row, scratch)?;
        match stmt.raw_execute().map_err(|e| self.refused(e))? {
            1 => Ok(()),
            _ => Err(Error::new(ErrorKind::Constraint, "the row to update is not there")
                .at("table", changes.schema().name.to_string())
                .at("row", format!("{} as read", self.table.rows))
                .hint("the sink has drifted from the source; `syncline compare` shows where")),
        }
    }

    fn bind_key(
        &self,
        stmt: &mut CachedStatement<'_>,
        first: usize,
        changes: &TableChanges,
        row: usize,
        scratch: &mut Vec<u8>,
    ) -> Result<()> {
        for (i, (cell, &column)) in changes.key_cells(row).zip(&self.table.schema.key).enumerate() {
            let affinity = self.table.written.iter().find(|(c, _)| *c == column).map_or(Affinity::Blob, |(_, a)| *a);
            bind(self.table, stmt, first + i, column, affinity, cell, scratch)?;
        }
        Ok(())
    }

    fn refused(&self, e: rusqlite::Error) -> Error {
        refused(self.table, e)
    }
}

fn prepare<'c>(conn: &'c Connection, table: &TableSink, sql: &str) -> Result<CachedStatement<'c>> {
    conn.prepare_cached(sql).map_err(|e| refused(table, e))
}

fn refused(table: &TableSink, e: rusqlite::Error) -> Error {
    let too_big = e.sqlite_error_code() == Some(ErrorCode::TooBig);
    let error = failed(e, "the sink refused a change")
        .at("table", table.schema.name.to_string())
        .at("row", format!("{} as read", table.rows));
    // What SQLite is built with here, and everywhere if nobody has changed it.
    if too_big { error.hint("SQLite keeps values and rows of up to 1,000,000,000 bytes") } else { error }
}

/// A value that was refused before the row was.
fn unbound(table: &TableSink, column: usize, e: rusqlite::Error) -> Error {
    let name = table.schema.columns.get(column).map_or_else(String::new, |c| c.name.to_string());
    refused(table, e).at("column", name)
}

fn bind(
    table: &TableSink,
    stmt: &mut CachedStatement<'_>,
    place: usize,
    column: usize,
    affinity: Affinity,
    cell: Cell<'_>,
    scratch: &mut Vec<u8>,
) -> Result<()> {
    if cell.is_null() && table.schema.key.contains(&column) {
        return Err(table.refuse(column, NULL_KEY, cell));
    }
    let bound = types::stored(cell, affinity, scratch).map_err(|reason| table.refuse(column, reason, cell))?;
    if matches!(cell, Cell::BadText(_)) && !table.utf8 {
        return Err(table.refuse(column, UTF_16, cell));
    }
    stmt.raw_bind_parameter(place, bound).map_err(|e| unbound(table, column, e))
}
