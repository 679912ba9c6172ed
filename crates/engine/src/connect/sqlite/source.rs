//! A snapshot of an SQLite database: one read transaction, one cursor per table.
//!
//! A thread of its own owns the connection and stays one batch ahead of whoever reads. One cursor per table instead
//! of key ranges, because a database with one writer gains nothing from ranges, while ranges cost a seek per batch
//! and go wrong where a key is null or collates (`docs/architecture.md`).

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_buffer::Buffer;
use rusqlite::{Connection, Row};
use syncline_model::change::{NativeRows, TableBuilder};
use syncline_model::decimal::Decimal;
use syncline_model::{ChangeBatch, Column, Error, ErrorKind, LogicalType, Position, Result, TableSchema};

use super::{catalog, failed, native, quoted, types};
use crate::capture::ahead::{Ahead, Feed, ahead};
use crate::capture::snapshot;
use crate::connector::{ReadOrder, ReadSpec};

/// Takes the snapshot now: what is committed later is not part of it.
pub fn snapshot(conn: Connection, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    begin(&conn)?;
    of_snapshot(conn, at, spec)
}

/// Begins the transaction that sees one moment.
pub fn begin(conn: &Connection) -> Result<()> {
    conn.execute_batch("PRAGMA query_only = 1; BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
        .map_err(|e| failed(e, "cannot begin a snapshot"))
}

/// Reads the tables within the transaction that [`begin`] began.
pub fn of_snapshot(conn: Connection, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    let (_, tables) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    for table in &tables {
        let there = catalog::kind_of(&conn, &table.name.name)?.is_some();
        let now = there.then(|| catalog::structure(&conn, &table.name.name)).transpose()?;
        snapshot::same_as_described(table, now.as_ref())?;
    }
    let collation = by_bytes(&conn).and_then(|name| by_value(&conn).map(|()| name));
    let collation = collation.map_err(|e| failed(e, "cannot sort by bytes"))?;
    let (asked, mut feed) = ahead(tables.len());
    let thread = std::thread::Builder::new().name("sqlite-snapshot".into()).spawn(move || {
        if !feed.started_blocking() {
            return;
        }
        let reader = Reader { conn, spec, collation, feed };
        for table in tables {
            match reader.table(&table) {
                Ok(true) => {}
                // The lane has ended early; nobody wants the rest.
                Ok(false) => return,
                Err(e) => {
                    reader.feed.send_blocking(Err(e.at("table", table.name.to_string())));
                    return;
                }
            }
        }
    });
    thread.map_err(|e| Error::new(ErrorKind::Full, "cannot start a thread").caused_by(e))?;
    Ok(asked)
}

struct Reader {
    conn: Connection,
    spec: ReadSpec,
    /// The collation that sorts text by its bytes in UTF-8.
    collation: &'static str,
    feed: Feed,
}

impl Reader {
    /// Reads one table as one unit; false if nobody listens any more.
    fn table(&self, table: &Arc<TableSchema>) -> Result<bool> {
        let cannot = |e| failed(e, "cannot read the table");
        let mut stmt = self.conn.prepare(&select(table, self.spec.order, self.collation)).map_err(cannot)?;
        let mut rows = stmt.query([]).map_err(cannot)?;
        let mut gathered = match self.spec.native.contains(&table.name) {
            true => Gathered::Native { schema: table.clone(), rows: 0, bytes: Vec::new() },
            false => Gathered::Cells(TableBuilder::new(table.clone()), 0),
        };
        let mut begins = true;
        loop {
            let bytes_max = self.feed.bytes_max();
            let mut last = true;
            while let Some(row) = rows.next().map_err(cannot)? {
                if gathered.row(table, row)? >= bytes_max {
                    last = false;
                    break;
                }
            }
            let ends = last.then(|| snapshot::after(&table.name));
            let batch = ChangeBatch { begins, ends, ..gathered.batch()? };
            begins = false;
            if !self.feed.send_blocking(Ok(batch)) {
                return Ok(false);
            }
            if last {
                return Ok(true);
            }
        }
    }
}

/// The rows of one batch.
enum Gathered {
    /// As cells, with the number of rows in the batches before.
    Cells(TableBuilder, u64),
    /// As they are stored.
    Native { schema: Arc<TableSchema>, rows: usize, bytes: Vec<u8> },
}

impl Gathered {
    /// Adds a row; gives the bytes so far.
    fn row(&mut self, table: &TableSchema, row: &Row<'_>) -> Result<usize> {
        let stored = |i: usize| row.get_ref(i).map_err(|e| failed(e, "cannot read the table"));
        match self {
            Self::Cells(builder, _) => {
                builder.snapshot_row(|i| match table.columns.get(i) {
                    Some(column) => Ok(types::cell(&column.logical, stored(i)?)),
                    None => Err(Error::new(ErrorKind::Bug, "more columns than selected")),
                })?;
                Ok(builder.bytes())
            }
            Self::Native { rows, bytes, .. } => {
                (0..table.columns.len()).try_for_each(|i| native::append(stored(i)?, bytes))?;
                *rows += 1;
                Ok(bytes.len())
            }
        }
    }

    /// Takes what there is.
    fn batch(&mut self) -> Result<ChangeBatch> {
        match self {
            Self::Cells(builder, ord) => {
                let changes = builder.finish_snapshot(*ord)?;
                *ord += changes.rows() as u64;
                Ok(ChangeBatch { tables: vec![changes], ..ChangeBatch::default() })
            }
            Self::Native { schema, rows, bytes } => {
                // The next batch is most likely as large as this one.
                let next = Vec::with_capacity(bytes.len());
                let taken = NativeRows {
                    schema: schema.clone(),
                    form: native::FORM,
                    rows: std::mem::take(rows),
                    bytes: Buffer::from_vec(std::mem::replace(bytes, next)),
                };
                Ok(ChangeBatch { native: Some(taken), ..ChangeBatch::default() })
            }
        }
    }
}

/// The collation that sorts text by its bytes in UTF-8: BINARY, unless the database keeps text in UTF-16.
fn by_bytes(conn: &Connection) -> rusqlite::Result<&'static str> {
    let encoding: String = conn.query_row("PRAGMA encoding", [], |r| r.get(0))?;
    if encoding == "UTF-8" {
        return Ok("BINARY");
    }
    conn.create_collation("syncline_by_bytes", |a, b| a.cmp(b))?;
    Ok("syncline_by_bytes")
}

/// The collation that sorts decimals which are kept as text by their value; what is no decimal follows them.
const BY_VALUE: &str = "syncline_by_value";

fn by_value(conn: &Connection) -> rusqlite::Result<()> {
    conn.create_collation(BY_VALUE, |a, b| match (Decimal::from_text(a), Decimal::from_text(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    })
}

/// The one SELECT of a table. By key, the order is by bytes, never by a collation of the table's (F45).
fn select(table: &TableSchema, order: ReadOrder, collation: &str) -> String {
    let columns: Vec<_> = table.columns.iter().map(|c| quoted(&c.name)).collect();
    let mut sql = format!("SELECT {} FROM main.{}", columns.join(", "), quoted(&table.name.name));
    if order == ReadOrder::Key {
        // Of integers too: text fits into any column. Where the column is the rowid, SQLite passes over the collation
        // and the rowid's own order serves.
        let sorted = |c: &Column| {
            let of_text = types::affinity(&c.native, false) == types::Affinity::Text;
            let by_value = of_text && matches!(c.logical, LogicalType::Decimal { .. });
            format!("{} COLLATE {}", quoted(&c.name), if by_value { BY_VALUE } else { collation })
        };
        let key: Vec<_> = table.key_columns().map(sorted).collect();
        sql.push_str(&format!(" ORDER BY {}", key.join(", ")));
    }
    sql
}
