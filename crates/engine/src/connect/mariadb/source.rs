//! A snapshot of a MariaDB database: one consistent read view, one streamed SELECT per table.
//!
//! A task of its own owns the connection and stays one batch ahead of whoever reads.

use std::sync::Arc;

use mysql_async::prelude::Queryable as _;
use syncline_model::change::TableBuilder;
use syncline_model::{ChangeBatch, Column, Error, ErrorKind, LogicalType, Position, Result, TableName, TableSchema};

use super::errors::failed;
use super::session::Session;
use super::types::{self, Native, Reading};
use super::{catalog, name_of, quoted};
use crate::capture::ahead::{Ahead, Feed, ahead};
use crate::capture::snapshot;
use crate::connector::{ReadOrder, ReadSpec};

/// Takes the snapshot now: what is committed later is not part of it.
pub async fn snapshot(mut session: Session, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    let (_, tables) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    session.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    if spec.order == ReadOrder::Key {
        // The default sorts by the first 1024 bytes alone.
        session.run("SET SESSION max_sort_length = 65536, sort_buffer_size = 8388608").await?;
    }
    session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
    let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
    let now = catalog::tables(&mut session, &names).await?;
    for table in &tables {
        let now = now.iter().find(|n| n.schema.name == table.name).map(|n| &n.schema);
        snapshot::same_as_described(table, now)?;
    }
    let (asked, mut feed) = ahead(tables.len());
    tokio::spawn(async move {
        let wanted = feed.started().await;
        let mut reader = Reader { session, order: spec.order, feed };
        if wanted {
            reader.tables(tables).await;
        }
        reader.session.end().await;
    });
    Ok(asked)
}

struct Reader {
    session: Session,
    order: ReadOrder,
    feed: Feed,
}

impl Reader {
    /// Reads until the end, an error, or nobody listens any more.
    async fn tables(&mut self, tables: Vec<Arc<TableSchema>>) {
        for table in tables {
            match self.table(&table).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(e) => {
                    self.feed.send(Err(e.at("table", table.name.to_string()))).await;
                    return;
                }
            }
        }
    }

    /// Reads one table as one unit; false if nobody listens any more.
    async fn table(&mut self, table: &Arc<TableSchema>) -> Result<bool> {
        let cannot = |e| failed(e, "cannot read the table");
        let sql = select(table, self.order);
        let readings: Vec<Reading> =
            table.columns.iter().map(|c| Reading::of(&Native::parse(&c.native), &c.logical)).collect();
        let mut builder = TableBuilder::new(table.clone());
        let (mut begins, mut ord) = (true, 0u64);
        let mut rows = self.session.conn().exec_iter(sql, ()).await.map_err(cannot)?;
        loop {
            let bytes_max = self.feed.bytes_max();
            let mut last = true;
            while let Some(row) = rows.next().await.map_err(cannot)? {
                let mut values = row.unwrap();
                values.iter_mut().for_each(types::spell_out);
                let mut of_row = values.iter().zip(&readings);
                builder.snapshot_row(|_| match of_row.next() {
                    Some((value, reading)) => Ok(types::cell(*reading, value)),
                    None => Err(Error::new(ErrorKind::Bug, "more columns than selected")),
                })?;
                if builder.bytes() >= bytes_max {
                    last = false;
                    break;
                }
            }
            let changes = builder.finish_snapshot(ord)?;
            ord += changes.rows() as u64;
            let ends = last.then(|| snapshot::after(&table.name));
            let batch = ChangeBatch { begins, ends, tables: vec![changes], native: None };
            begins = false;
            if !self.feed.send(Ok(batch)).await {
                return Ok(false);
            }
            if last {
                return Ok(true);
            }
        }
    }
}

/// The one SELECT of a table. By key, the order is that of cells, never of a collation (F45).
fn select(table: &TableSchema, order: ReadOrder) -> String {
    let columns: Vec<_> = table.columns.iter().map(selected).collect();
    let mut sql = format!("SELECT {} FROM {}", columns.join(", "), name_of(&table.name));
    if order == ReadOrder::Key {
        let key: Vec<_> = table.key_columns().map(sorted).collect();
        sql.push_str(&format!(" ORDER BY {}", key.join(", ")));
    }
    sql
}

/// A column as it is read.
fn selected(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.logical {
        // Types without a form of their own in the protocol.
        LogicalType::Other => format!("CAST({name} AS CHAR)"),
        _ => name,
    }
}

/// A key column as it is sorted: text by its bytes in UTF-8.
fn sorted(column: &Column) -> String {
    let name = quoted(&column.name);
    match column.logical {
        LogicalType::Text { .. } | LogicalType::Json => {
            let native = Native::parse(&column.native);
            let plain =
                column.collation.is_none() && native.charset.as_deref() == Some("utf8mb4") && native.word != "set";
            if plain { name } else { format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)") }
        }
        LogicalType::Enum { .. } | LogicalType::Uuid | LogicalType::Other => {
            format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)")
        }
        _ => name,
    }
}
