//! The net effect of a batch in a few statements for all its rows (I4).
//!
//! The values of a column travel as one array in the server's binary form; `unnest` makes rows of them, whose keys meet
//! those of the sink under the column's own type and collation, as they do one by one. Each statement says how many rows it
//! found. If that is not what the changes say, or anything is refused, all of the batch is taken back and its changes are
//! applied one by one, so that the one that fails is known by name.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_model::change::net::{Doing, Step, net, steps};
use syncline_model::error::Retry;
use syncline_model::{ChangeBatch, Error, ErrorKind, Result, TableName, TableSchema};
use tokio_postgres::types::{Kind as TypeKind, ToSql};

use super::apply::{NULL_KEY, TableSink};
use super::quoted;
use super::request::Param;
use super::session::{Session, failed};
use super::types::{Kind, encode};
use crate::connector::WriteReport;

/// Batches with fewer changes go one by one.
const CHANGES_MIN: usize = 32;

/// Most rows of one statement.
const ROWS_MAX: usize = 10_000;

/// What the sink's tables are told at once.
pub struct Net<'a> {
    /// The unit's connection.
    pub session: &'a Session,
    /// The tables that are open.
    pub tables: &'a mut HashMap<TableName, TableSink>,
    /// All tables of the lane, parents first.
    pub order: &'a [Arc<TableSchema>],
}

impl Net<'_> {
    /// Applies the batch; false if nothing of it was done, and it is to be applied change by change.
    pub async fn apply(mut self, batch: &ChangeBatch, report: &mut WriteReport) -> Result<bool> {
        if batch.rows() < CHANGES_MIN {
            return Ok(false);
        }
        let Some(net) = net(batch)? else { return Ok(false) };
        let names: Vec<&TableName> = batch.tables.iter().map(|t| &t.schema().name).collect();
        for (name, table) in names.iter().zip(&net) {
            if !self.tables.get(*name).is_some_and(|sink| sink.takes_net(table.replaced)) {
                return Ok(false);
            }
        }
        let steps = steps(&net, &names, self.order);
        // Each is a way to the server and back; changes one by one are sent many at a time.
        if steps.len() > 8 + batch.rows() / 8 {
            return Ok(false);
        }
        for name in &names {
            if let Some(sink) = self.tables.get_mut(*name) {
                sink.settle(self.session).await?;
            }
        }
        self.execute("SAVEPOINT syncline_net").await?;
        let why = match self.run(&steps, &names).await {
            Ok(Some(missing)) => {
                self.execute("RELEASE SAVEPOINT syncline_net").await?;
                report.rows += batch.rows() as u64;
                report.deletes_missing += missing;
                for (name, table) in names.iter().zip(&net) {
                    if let Some(sink) = self.tables.get_mut(*name) {
                        sink.rows += table.changes as u64;
                    }
                }
                return Ok(true);
            }
            Err(e) if e.retry() != Retry::Never => return Err(e),
            Err(e) => e.to_string(),
            Ok(None) => "rows were not found as the changes say".into(),
        };
        tracing::debug!(why, "a batch is taken back, and goes change by change");
        self.execute("ROLLBACK TO SAVEPOINT syncline_net; RELEASE SAVEPOINT syncline_net").await?;
        Ok(false)
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.session.client.batch_execute(sql).await.map_err(|e| failed(e, "cannot write the changes"))
    }

    /// How many rows to delete were missing; nothing if rows were not found as they must be.
    async fn run(&mut self, steps: &[Step<'_>], names: &[&TableName]) -> Result<Option<u64>> {
        let mut missing = 0;
        for step in steps {
            let Some(sink) = names.get(step.table).and_then(|name| self.tables.get_mut(*name)) else { continue };
            let found = sink.do_at_once(self.session, step).await?;
            if !step.fits(found) {
                return Ok(None);
            }
            if step.doing == Doing::Delete {
                missing += (step.rows.len() as u64).saturating_sub(found);
            }
        }
        Ok(Some(missing))
    }
}

impl TableSink {
    /// Whether a net effect comes to the same here as change by change: no column would keep what an insert sets to its
    /// default, and no reference acts on rows that another change is still to reach.
    fn takes_net(&self, replaced: bool) -> bool {
        let Some(there) = self.there() else { return false };
        let only_here = |c: &&syncline_model::Column| !c.generated && self.schema.position(&c.name).is_none();
        let keeps = there.schema.columns.iter().find(only_here).is_some();
        let written = |c: &usize| self.written.iter().any(|(w, _)| w == c);
        (self.is_replica || there.schema.foreign_keys.is_empty())
            && !(replaced && keeps)
            && self.schema.key.iter().all(written)
            && self.written.iter().all(|(c, kind)| self.element(*c, *kind).is_some())
    }

    /// The type of one element of the array in which the column's values travel; nothing if they do not.
    fn element(&self, column: usize, kind: Kind) -> Option<String> {
        let name = &self.schema.columns.get(column)?.name;
        let native = || self.there()?.schema.columns.iter().find(|c| c.name == *name).map(|c| c.native.clone());
        let word = match kind {
            Kind::Bool => "bool",
            Kind::Int(2) => "int2",
            Kind::Int(4) => "int4",
            Kind::Int(_) => "int8",
            Kind::Oid => "oid",
            Kind::Float4 => "float4",
            Kind::Float8 => "float8",
            Kind::Numeric(_) => "numeric",
            // Of text there are types that compare otherwise.
            Kind::Text(_) => match native()?.as_str() {
                "text" => "text",
                word if word.starts_with("character varying") => "varchar",
                _ => return None,
            },
            Kind::Char(_) => "bpchar",
            Kind::Name => "name",
            Kind::Bytea => "bytea",
            Kind::Date => "date",
            Kind::Time(_) => "time",
            Kind::Timestamp(_) => "timestamp",
            Kind::TimestampTz(_) => "timestamptz",
            Kind::Interval => "interval",
            Kind::Uuid => "uuid",
            Kind::Json => "json",
            Kind::Jsonb => "jsonb",
            Kind::Enum => return native(),
            Kind::Other => return None,
        };
        Some(format!("pg_catalog.{word}"))
    }

    /// Answers how many rows it found or wrote.
    async fn do_at_once(&mut self, session: &Session, step: &Step<'_>) -> Result<u64> {
        let (sql, columns) = self.at_once(step);
        let statement = self.prepared(session, &sql).await?;
        let mut found = 0;
        for rows in step.rows.chunks(ROWS_MAX) {
            let mut params = Vec::with_capacity(columns.len());
            for ((column, kind), array) in columns.iter().zip(statement.params()) {
                let TypeKind::Array(element) = array.kind() else {
                    return Err(Error::new(ErrorKind::Bug, "a column's values were to travel as an array"));
                };
                params.push(self.array(step, rows, *column, *kind, element.oid())?);
            }
            let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
            found += session.client.execute(&statement, &params).await.map_err(|e| self.refused(e))?;
        }
        Ok(found)
    }

    /// The statement, and the columns whose values it takes.
    fn at_once(&self, step: &Step<'_>) -> (String, Vec<(usize, Kind)>) {
        let first = step.rows.first().copied().unwrap_or_default();
        let in_key = |c: usize| self.schema.key.contains(&c);
        let carried = |c: usize| step.changes.after(first, c).is_some();
        let wanted = |c: usize| match step.doing {
            Doing::Delete | Doing::Absent => in_key(c),
            Doing::Update | Doing::Insert => in_key(c) || carried(c),
        };
        let columns: Vec<(usize, Kind)> = self.written.iter().copied().filter(|(c, _)| wanted(*c)).collect();
        let arrays = columns.iter().enumerate().map(|(i, (c, kind))| {
            format!("pg_catalog.unnest(${}::{}[])", i + 1, self.element(*c, *kind).unwrap_or_default())
        });
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        let own: Vec<String> = (1..=columns.len()).map(|i| format!("c{i}")).collect();
        let rows = format!("ROWS FROM ({arrays}) AS s ({})", own.join(", "));
        let name = |c: usize| self.schema.columns.get(c).map_or_else(String::new, |c| quoted(&c.name));
        let paired = |key: bool, alias: &str| -> Vec<String> {
            let pairs = columns.iter().zip(&own).filter(|((c, _), _)| in_key(*c) == key);
            pairs.map(|((c, _), own)| format!("{alias}{} = s.{own}", name(*c))).collect()
        };
        let (same_key, sets) = (paired(true, "t.").join(" AND "), paired(false, "").join(", "));
        let (into, only) = self.there().map_or_else(Default::default, |there| (there.sql(), there.sql_read()));
        let sql = match step.doing {
            Doing::Delete | Doing::Absent => format!("DELETE FROM {only} AS t USING {rows} WHERE {same_key}"),
            Doing::Update if sets.is_empty() => format!("SELECT 1 FROM {only} AS t JOIN {rows} ON {same_key}"),
            Doing::Update => format!("UPDATE {only} AS t SET {sets} FROM {rows} WHERE {same_key}"),
            Doing::Insert => {
                let names: Vec<String> = columns.iter().map(|(c, _)| name(*c)).collect();
                format!("INSERT INTO {into} ({}) OVERRIDING SYSTEM VALUE SELECT * FROM {rows}", names.join(", "))
            }
        };
        (sql, columns)
    }

    /// The values of one column, in the binary form of arrays: dimensions, whether there are nulls, the elements' type,
    /// their number, the first one's place; then each with its length in front.
    fn array(&self, step: &Step<'_>, rows: &[usize], column: usize, kind: Kind, element: u32) -> Result<Param> {
        let in_key = self.schema.key.contains(&column);
        let too_many = |_| Error::new(ErrorKind::Value, "a batch has more rows or bytes than PostgreSQL takes at once");
        let mut bytes = Vec::with_capacity(20 + rows.len() * 16);
        for number in [1, 1, element.cast_signed(), i32::try_from(rows.len()).map_err(too_many)?, 1] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        for &row in rows {
            let cell = if in_key { step.changes.key_cell(row, column) } else { step.changes.cell(row, column) };
            let refuse = |reason: &str| self.refuse(column, reason, cell, self.rows + 1);
            if cell.is_null() {
                if in_key {
                    return Err(refuse(NULL_KEY));
                }
                bytes.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            }
            let start = bytes.len();
            bytes.extend_from_slice(&[0; 4]);
            encode::binary(kind, cell, &mut bytes).map_err(refuse)?;
            let length = i32::try_from(bytes.len() - start - 4).map_err(too_many)?;
            if let Some(place) = bytes.get_mut(start..start + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(Param { kind: Kind::Bytea, bytes: Some(bytes) })
    }
}
