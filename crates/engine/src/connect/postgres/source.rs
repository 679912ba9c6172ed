//! A snapshot of a PostgreSQL database: one transaction that sees one moment, one binary COPY per table.
//!
//! A task of its own reads and stays one batch ahead of whoever asks.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::Buffer;
use futures_util::StreamExt as _;
use syncline_model::change::{NativeRows, TableBuilder};
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result, TableSchema};

use super::catalog::{self, Table};
use super::session::{Session, failed};
use super::types::Kind;
use super::types::decode::Rows;
use super::{native, order, quoted};
use crate::capture::ahead::{Ahead, Feed, ahead};
use crate::capture::snapshot;
use crate::connector::{ReadOrder, ReadSpec};

/// A table with what is sent for it.
struct Planned {
    schema: Arc<TableSchema>,
    /// Its name with its schema.
    sql: String,
    copy: String,
    kinds: Vec<Kind>,
    /// Whether its rows go on undecoded.
    native: bool,
}

/// Takes the snapshot now: what is committed later is not part of it.
pub async fn snapshot(session: Session, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    let (_, wanted) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    let tables = begin(&session, &wanted).await?;
    let mut planned = Vec::with_capacity(wanted.len());
    for schema in &wanted {
        let table = tables.get(&schema.name).ok_or_else(|| gone(schema))?;
        let columns = same_as_described(schema, table)?;
        let kinds = columns.iter().filter_map(|c| table.kinds.get(*c)).copied().collect();
        let native = spec.native.contains(&schema.name);
        let order = match spec.order {
            ReadOrder::Key => order::by_key(&session, schema, table, &columns).await?,
            ReadOrder::Fastest => String::new(),
        };
        let copy = copy(schema, table, &columns, &order, native);
        planned.push(Planned { sql: table.sql(), copy, schema: schema.clone(), kinds, native });
    }
    let (asked, mut feed) = ahead(planned.len());
    tokio::spawn(async move {
        if !feed.started().await {
            return;
        }
        let reader = Reader { session, feed };
        for table in planned {
            match reader.table(&table).await {
                Ok(true) => {}
                // The lane has ended early; nobody wants the rest.
                Ok(false) => return,
                Err(e) => {
                    // A right may go while the tables before are read (F11).
                    let e = granted(e, &table.sql);
                    reader.feed.send(Err(e.at("table", table.schema.name.to_string()))).await;
                    return;
                }
            }
        }
    });
    Ok(asked)
}

struct Reader {
    session: Session,
    feed: Feed,
}

impl Reader {
    /// Reads one table as one unit; false if nobody listens any more.
    async fn table(&self, table: &Planned) -> Result<bool> {
        let cannot = |e| failed(e, "cannot read the table");
        let mut stream = Box::pin(self.session.client.copy_out(&table.copy).await.map_err(cannot)?);
        let mut gathered = Gathered::new(table);
        let mut begins = true;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(cannot)?;
            let mut at = 0;
            while let Some(place) = gathered.next(&piece, &mut at)? {
                // Full only when another row comes: the last batch is the one that ends the unit.
                if gathered.bytes() >= self.feed.bytes_max() {
                    let batch = ChangeBatch { begins: std::mem::take(&mut begins), ..gathered.batch()? };
                    if !self.feed.send(Ok(batch)).await {
                        return Ok(false);
                    }
                }
                gathered.push(&piece, place)?;
            }
        }
        if !gathered.rows.ended() {
            return Err(Error::new(ErrorKind::Unreachable, "the table's rows stopped before their end"));
        }
        let ends = Some(snapshot::after(&table.schema.name));
        Ok(self.feed.send(Ok(ChangeBatch { begins, ends, ..gathered.batch()? })).await)
    }
}

/// The rows of one batch.
struct Gathered {
    rows: Rows,
    into: Into,
}

enum Into {
    /// Cells, with the number of rows in the batches before.
    Cells(TableBuilder, u64),
    /// Tuples as they come.
    Native { schema: Arc<TableSchema>, rows: usize, bytes: Vec<u8> },
}

impl Gathered {
    fn new(table: &Planned) -> Self {
        let schema = table.schema.clone();
        let into = match table.native {
            true => Into::Native { schema, rows: 0, bytes: Vec::new() },
            false => Into::Cells(TableBuilder::new(schema), 0),
        };
        Self { rows: Rows::new(table.kinds.clone()), into }
    }

    /// Where the next row of the piece stands.
    fn next(&mut self, piece: &[u8], at: &mut usize) -> Result<Option<Range<usize>>> {
        let start = *at;
        match &self.into {
            Into::Cells(..) => Ok(self.rows.next(piece, at)?.then_some(start..*at)),
            Into::Native { .. } => self.rows.next_undecoded(piece, at),
        }
    }

    fn push(&mut self, piece: &[u8], place: Range<usize>) -> Result<()> {
        match &mut self.into {
            Into::Cells(builder, _) => builder.snapshot_row(|i| self.rows.cell(piece, i)),
            Into::Native { rows, bytes, .. } => {
                bytes.extend_from_slice(piece.get(place).unwrap_or_default());
                *rows += 1;
                Ok(())
            }
        }
    }

    fn bytes(&self) -> usize {
        match &self.into {
            Into::Cells(builder, _) => builder.bytes(),
            Into::Native { bytes, .. } => bytes.len(),
        }
    }

    /// Takes what there is.
    fn batch(&mut self) -> Result<ChangeBatch> {
        match &mut self.into {
            Into::Cells(builder, ord) => {
                let changes = builder.finish_snapshot(*ord)?;
                *ord += changes.rows() as u64;
                Ok(ChangeBatch { tables: vec![changes], ..ChangeBatch::default() })
            }
            Into::Native { schema, rows, bytes } => {
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

/// Begins the transaction, holds the tables as they are, and only then takes the snapshot: a table that is emptied or
/// changed between would not be what it was (F88).
async fn begin(
    session: &Session,
    wanted: &[Arc<TableSchema>],
) -> Result<std::collections::HashMap<syncline_model::TableName, Table>> {
    let cannot = |e| failed(e, "cannot begin a snapshot");
    let names: Vec<_> = wanted.iter().map(|t| t.name.clone()).collect();
    let before = catalog::tables(session, &names).await?;
    session.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(cannot)?;
    for schema in wanted {
        let table = before.get(&schema.name).ok_or_else(|| gone(schema))?;
        session.client.batch_execute(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", table.sql_read())).await.map_err(
            |e| {
                let e = granted(failed(e, "cannot read the table"), &table.sql()).at("table", schema.name.to_string());
                match e.kind() {
                    ErrorKind::Full => e.hint("raise max_locks_per_transaction at the server"),
                    _ => e,
                }
            },
        )?;
    }
    catalog::tables(session, &names).await
}

/// With the statement that gives the right, if one is missing.
fn granted(e: Error, table: &str) -> Error {
    match e.kind() {
        ErrorKind::Denied => e.hint(format!("GRANT SELECT ON {table} TO the login")),
        _ => e,
    }
}

fn gone(schema: &TableSchema) -> Error {
    Error::new(ErrorKind::Schema, "the table is no longer there").at("table", schema.name.to_string())
}

/// The positions of the wanted columns; refuses a table whose columns are no longer what they were when it was described
/// (F88).
fn same_as_described(schema: &TableSchema, now: &Table) -> Result<Vec<usize>> {
    if let Some(reason) = catalog::what_it_is(&now.relkind) {
        return Err(Error::new(ErrorKind::Schema, reason).at("table", schema.name.to_string()));
    }
    snapshot::same_as_described(schema, Some(&now.schema))
}

/// The one COPY of a table; `order` is its `ORDER BY`, if there is one.
fn copy(schema: &TableSchema, table: &Table, columns: &[usize], order: &str, native: bool) -> String {
    let kind = |c: &usize| table.kinds.get(*c).copied().unwrap_or(Kind::Other);
    let expressions: Vec<String> = schema
        .columns
        .iter()
        .zip(columns)
        .map(|(column, c)| {
            let name = quoted(&column.name);
            if native || kind(c).is_binary() { name } else { format!("{name}::text") }
        })
        .collect();
    format!("COPY (SELECT {} FROM {}{order}) TO STDOUT (FORMAT binary)", expressions.join(", "), table.sql_read())
}
