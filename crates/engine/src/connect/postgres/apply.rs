//! How changes become rows of one table.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_model::change::Op;
use syncline_model::{Cell, Error, ErrorKind, Result, TableChanges, TableName, TableSchema};
use tokio_postgres::Statement;

use super::catalog::{self, Table};
use super::copy::UnderWay;
use super::request::{Param, Request};
use super::session::{Session, failed};
use super::types::{Kind, encode};
use super::{cascade, ddl, quoted, stage};
use crate::connector::WriteReport;

/// PostgreSQL allows a null in a unique index; a copy could only double such a row.
pub const NULL_KEY: &str = "a key column without a value finds no row again";

/// One table of an open sink.
pub struct TableSink {
    /// As it arrives.
    pub schema: Arc<TableSchema>,
    /// As the sink has it; absent if it is still to be created.
    there: Option<Table>,
    /// The arriving columns that are written, with how their values travel.
    pub written: Vec<(usize, Kind)>,
    /// Whether triggers and references are off for the whole session.
    pub is_replica: bool,
    /// Whether triggers are switched off within the open unit.
    is_quiet: bool,
    /// Whether the open unit gathers its rows in a stage before they replace others.
    staged: bool,
    /// Whether it was created within the open unit.
    created: bool,
    /// Whether its key and indexes are still to be built.
    without_keys: bool,
    /// Whether rows were there before this lane's unit, as far as it was asked.
    held_rows: Option<bool>,
    /// Whether the open unit has emptied the table.
    emptied: bool,
    /// Rows written in the open unit, to name a row that is refused.
    pub rows: u64,
    /// The COPY of the open unit that more rows may follow.
    pub under: Option<UnderWay>,
    statements: HashMap<String, Statement>,
}

impl TableSink {
    /// For a table as it arrives and as it is there.
    pub fn new(schema: &Arc<TableSchema>, there: Option<Table>, is_replica: bool) -> Self {
        let mut table = Self {
            schema: schema.clone(),
            there: None,
            written: Vec::new(),
            is_replica,
            is_quiet: false,
            staged: false,
            created: false,
            without_keys: false,
            held_rows: None,
            emptied: false,
            rows: 0,
            under: None,
            statements: HashMap::new(),
        };
        if let Some(there) = there {
            table.look(there);
        }
        table
    }

    /// Which columns are written, by the sink's own catalogue: generated ones are not.
    fn look(&mut self, there: Table) {
        self.written.clear();
        self.statements.clear();
        for (i, column) in self.schema.columns.iter().enumerate() {
            let own = there.schema.columns.iter().zip(&there.kinds).find(|(own, _)| own.name == column.name);
            match own {
                Some((own, _)) if own.generated => {}
                Some((_, kind)) => self.written.push((i, *kind)),
                // The plan refused what is missing; what disappeared since is refused by the statement.
                None => self.written.push((i, Kind::Other)),
            }
        }
        self.there = Some(there);
    }

    /// A unit begins: what the last one did without a commit is not there.
    pub fn begin(&mut self) {
        (self.rows, self.staged, self.is_quiet, self.without_keys) = (0, false, false, false);
        if std::mem::take(&mut self.emptied) {
            self.held_rows = None;
        }
        if std::mem::take(&mut self.created) {
            (self.there, self.held_rows) = (None, None);
        }
    }

    /// Makes sure that the table is there, within the open unit.
    pub async fn open_for_write(&mut self, session: &Session) -> Result<()> {
        if self.there.is_none() {
            self.create(session).await?;
        }
        let place = |e| failed(e, "cannot prepare the table").at("table", self.schema.name.to_string());
        let Some(there) = &self.there else { return Ok(()) };
        if self.held_rows.is_none() {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", there.sql());
            self.held_rows = Some(session.client.query_one(&sql, &[]).await.map_err(place)?.get(0));
        }
        if !self.is_replica && !self.is_quiet && !there.schema.triggers.is_empty() {
            let sql = format!("ALTER TABLE {} DISABLE TRIGGER USER", there.sql());
            session.client.batch_execute(&sql).await.map_err(place)?;
            self.is_quiet = true;
        }
        Ok(())
    }

    async fn create(&mut self, session: &Session) -> Result<()> {
        let place = |e: Error| e.at("table", self.schema.name.to_string());
        // A table that somebody else put there meanwhile is not the one that was planned.
        let names = [self.schema.name.clone()];
        let mut missing = ddl::Missing::look(session, [&*self.schema].into_iter()).await.map_err(place)?;
        let mut statements = missing.create(&self.schema);
        statements.push(ddl::create_table(&self.schema));
        for sql in statements {
            session.client.batch_execute(&sql).await.map_err(|e| place(failed(e, "cannot create the table")))?;
        }
        let there = catalog::tables(session, &names).await?.remove(&self.schema.name);
        self.look(there.ok_or_else(|| place(Error::new(ErrorKind::Bug, "the table that was created is not there")))?);
        (self.created, self.without_keys, self.held_rows) = (true, true, Some(false));
        Ok(())
    }

    /// Builds key and indexes of a table that was created in this unit, once.
    async fn build_keys(&mut self, session: &Session) -> Result<()> {
        if !std::mem::take(&mut self.without_keys) {
            return Ok(());
        }
        for sql in ddl::keys(&self.schema) {
            session.client.batch_execute(&sql).await.map_err(|e| {
                let twice = e.code().is_some_and(|c| c.code() == "23505");
                let error = failed(e, "cannot build a key or an index").at("table", self.schema.name.to_string());
                if twice {
                    error.hint("the source has two rows that are the same in columns that must be unique")
                } else {
                    error
                }
            })?;
        }
        Ok(())
    }

    /// Puts staged rows in their places.
    async fn pour(&mut self, session: &Session) -> Result<()> {
        if std::mem::take(&mut self.staged)
            && let Some(there) = &self.there
        {
            let pour = stage::Pour::new(&self.schema, there, &self.written, self.is_replica);
            // A key that is spelled otherwise is a change to whoever refers to it.
            if !self.is_replica && cascade::loses_references(session, there).await? {
                pour.spells_the_same(session).await?;
            }
            pour.run(session).await?;
        }
        Ok(())
    }

    /// A unit is about to commit: staged rows take their places and indexes are built, in the same transaction. Says
    /// whether the unit created the table.
    pub async fn close(&mut self, session: &Session) -> Result<bool> {
        self.pour(session).await?;
        self.build_keys(session).await?;
        if std::mem::take(&mut self.is_quiet)
            && let Some(there) = &self.there
        {
            let sql = format!("ALTER TABLE {} ENABLE TRIGGER USER", there.sql());
            session.client.batch_execute(&sql).await.map_err(|e| self.refused(e))?;
        }
        self.emptied = false;
        Ok(std::mem::take(&mut self.created))
    }

    /// Whether this sink has written to it, so that it must be there at the end.
    pub fn was_opened(&self) -> bool {
        self.held_rows.is_some()
    }

    /// Whether the table held rows before this lane wrote to it.
    pub fn held_rows_before(&self) -> bool {
        self.held_rows == Some(true)
    }

    /// Snapshot rows. Into an empty table they go straight, so that two rows with one key are an error and never quietly
    /// one row (I10); otherwise they replace by key, through a stage.
    pub async fn load(&mut self, session: &Session, changes: &TableChanges, report: &mut WriteReport) -> Result<()> {
        if changes.rows() == 0 {
            return Ok(());
        }
        let Some((into, options)) = self.target(session).await? else { return Ok(()) };
        self.copy(session, changes, &into, options).await?;
        report.rows += changes.rows() as u64;
        Ok(())
    }

    /// What snapshot rows are copied into, the table or its stage, and with which options.
    pub async fn target(&mut self, session: &Session) -> Result<Option<(String, &'static str)>> {
        let Some(there) = &self.there else { return Ok(None) };
        Ok(Some(match self.held_rows {
            Some(false) => (there.sql(), if self.created && there.relkind == "r" { ", FREEZE" } else { "" }),
            _ => {
                if !self.staged {
                    let create = stage::create(&self.schema, there, &self.written);
                    session.client.batch_execute(&create).await.map_err(|e| self.refused(e))?;
                    self.staged = true;
                }
                (stage::name(there), "")
            }
        }))
    }

    /// As the sink has it; absent until it is created.
    pub fn there(&self) -> Option<&Table> {
        self.there.as_ref()
    }

    pub fn names(&self, columns: impl Iterator<Item = usize>) -> Vec<String> {
        columns.filter_map(|c| self.schema.columns.get(c)).map(|c| quoted(&c.name)).collect()
    }

    pub fn refuse(&self, column: usize, reason: &str, cell: Cell<'_>, row: u64) -> Error {
        let name = self.schema.columns.get(column).map_or("?", |c| &c.name);
        Error::new(ErrorKind::Value, format!("the sink cannot hold {} exactly: {reason}", cell.kind_name()))
            .at("table", self.schema.name.to_string())
            .at("column", name)
            .at("row", format!("{row} as read"))
    }

    pub fn refused(&self, e: tokio_postgres::Error) -> Error {
        failed(e, "the sink refused a change").at("table", self.schema.name.to_string())
    }

    fn refused_change(&self, e: tokio_postgres::Error, row: u64) -> Error {
        self.refused(e).at("row", format!("{row} as read"))
    }

    /// All rows of the table go; `order` is that in which this lane writes its tables.
    pub async fn truncate(&mut self, session: &Session, order: &[TableName], report: &mut WriteReport) -> Result<()> {
        self.rows += 1;
        let Some(there) = &self.there else { return Ok(()) };
        if !self.is_replica {
            cascade::may_be_emptied(session, there, order).await?;
        }
        // Not TRUNCATE: whoever reads in a snapshot of before would see no rows at all (I3).
        let sql = format!("DELETE FROM {}", there.sql_read());
        session.client.batch_execute(&sql).await.map_err(|e| self.refused_change(e, self.rows))?;
        (self.held_rows, self.emptied) = (Some(false), true);
        report.rows += 1;
        Ok(())
    }

    /// Changes find their rows by key, and those of the snapshot before them in their places.
    pub async fn settle(&mut self, session: &Session) -> Result<()> {
        self.pour(session).await?;
        self.build_keys(session).await
    }

    /// The statement, prepared once.
    pub async fn prepared(&mut self, session: &Session, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = session.client.prepare(sql).await.map_err(|e| self.refused(e))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// What one change asks of the server; nothing if there is nothing to ask.
    pub async fn request(&mut self, session: &Session, changes: &TableChanges, row: usize) -> Result<Option<Request>> {
        self.rows += 1;
        self.settle(session).await?;
        let Some(there) = &self.there else { return Ok(None) };
        let (into, only) = (there.sql(), there.sql_read());
        let op = changes.op(row);
        let (sql, params) = match op {
            Op::Snapshot | Op::Insert => {
                let replace = op == Op::Snapshot && self.held_rows != Some(false);
                self.insert(changes, row, replace, &into)?
            }
            Op::Update | Op::Key => self.update(changes, row, &only)?,
            Op::Delete => (format!("DELETE FROM {only} WHERE {}", self.key_condition(1)), self.key(changes, row)?),
            Op::Truncate => return Ok(None),
        };
        let statement =
            self.prepared(session, &sql).await.map_err(|e| e.at("row", format!("{} as read", self.rows)))?;
        Ok(Some(Request { statement, params, op, row: self.rows }))
    }

    /// What the server answered to a request.
    pub fn answered(
        &self,
        request: &Request,
        answer: Result<u64, tokio_postgres::Error>,
        report: &mut WriteReport,
    ) -> Result<()> {
        let rows = answer.map_err(|e| self.refused_change(e, request.row))?;
        match request.op {
            Op::Update | Op::Key if rows != 1 => {
                return Err(Error::new(ErrorKind::Constraint, "the row to update is not there")
                    .at("table", self.schema.name.to_string())
                    .at("row", format!("{} as read", request.row))
                    .hint("the sink has drifted from the source; `syncline compare` shows where"));
            }
            Op::Delete => report.deletes_missing += u64::from(rows == 0),
            _ => {}
        }
        report.rows += 1;
        Ok(())
    }

    /// A column that the change does not carry is left to the sink's default (F77); a key's column must be carried.
    fn insert(&self, changes: &TableChanges, row: usize, replace: bool, into: &str) -> Result<(String, Vec<Param>)> {
        let carried = |c: usize| changes.after(row, c).is_some() || self.schema.key.contains(&c);
        let columns: Vec<_> = self.written.iter().copied().filter(|(c, _)| carried(*c)).collect();
        let names = self.names(columns.iter().map(|(c, _)| *c));
        let values: Vec<_> = (1..=columns.len()).map(|i| format!("${i}")).collect();
        let mut sql = format!(
            "INSERT INTO {into} AS sink ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            names.join(", "),
            values.join(", ")
        );
        if replace {
            let rest = columns.iter().map(|(c, _)| *c).filter(|c| !self.schema.key.contains(c));
            let sets: Vec<_> = self.names(rest).iter().map(|n| format!("{n} = excluded.{n}")).collect();
            let key = self.names(self.schema.key.iter().copied()).join(", ");
            let action = if sets.is_empty() { "NOTHING".into() } else { format!("UPDATE SET {}", sets.join(", ")) };
            sql.push_str(&format!(" ON CONFLICT ({key}) DO {action}"));
        }
        let params: Result<Vec<Param>> =
            columns.iter().map(|(c, kind)| self.param(*c, *kind, changes.cell(row, *c))).collect();
        Ok((sql, params?))
    }

    /// Sets the columns that the change carries, by the old key. A key change is one UPDATE of the key.
    fn update(&self, changes: &TableChanges, row: usize, only: &str) -> Result<(String, Vec<Param>)> {
        let moves = changes.op(row) == Op::Key;
        // A key that stays is not written: it may be one that only the database gives.
        let carried: Vec<_> = self
            .written
            .iter()
            .copied()
            .filter(|(c, _)| changes.after(row, *c).is_some() && (moves || !self.schema.key.contains(c)))
            .collect();
        let names = self.names(carried.iter().map(|(c, _)| *c));
        let sets: Vec<_> = names.iter().enumerate().map(|(i, n)| format!("{n} = ${}", i + 1)).collect();
        let condition = self.key_condition(carried.len() + 1);
        let sql = match sets.is_empty() {
            true => format!("SELECT 1 FROM {only} WHERE {condition}"),
            false => format!("UPDATE {only} SET {} WHERE {condition}", sets.join(", ")),
        };
        let mut params = Vec::with_capacity(carried.len() + self.schema.key.len());
        for (column, kind) in &carried {
            params.push(self.param(*column, *kind, changes.cell(row, *column))?);
        }
        params.extend(self.key(changes, row)?);
        Ok((sql, params))
    }

    fn key_condition(&self, first: usize) -> String {
        let key = self.names(self.schema.key.iter().copied());
        let parts: Vec<_> = key.iter().enumerate().map(|(i, n)| format!("{n} = ${}", first + i)).collect();
        parts.join(" AND ")
    }

    fn key(&self, changes: &TableChanges, row: usize) -> Result<Vec<Param>> {
        let kind = |column: usize| self.written.iter().find(|(c, _)| *c == column).map_or(Kind::Other, |(_, k)| *k);
        let cells = changes.key_cells(row).zip(&self.schema.key);
        cells.map(|(cell, column)| self.param(*column, kind(*column), cell)).collect()
    }

    fn param(&self, column: usize, kind: Kind, cell: Cell<'_>) -> Result<Param> {
        if cell.is_null() {
            if self.schema.key.contains(&column) {
                return Err(self.refuse(column, NULL_KEY, cell, self.rows));
            }
            return Ok(Param { kind, bytes: None });
        }
        let mut bytes = Vec::new();
        let encoded = encode::binary(kind, cell, &mut bytes);
        encoded.map_err(|reason| self.refuse(column, reason, cell, self.rows))?;
        Ok(Param { kind, bytes: Some(bytes) })
    }
}
