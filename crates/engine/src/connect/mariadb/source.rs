//! A snapshot of a MariaDB database: one consistent read view, and streamed SELECTs.
//!
//! A task of its own owns the connection and stays one batch ahead of whoever reads. Where several connections are wanted,
//! they open their views at one moment ([`moment`]) and read a large table side by side, in ranges of its key ([`ranges`]).

mod hidden;
mod moment;
mod ranges;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Params, Row, Value};
use syncline_model::change::TableBuilder;
use syncline_model::{ChangeBatch, Column, Error, ErrorKind, LogicalType, Position, Result, TableName, TableSchema};
use tokio::task::JoinSet;

use self::ranges::Ranges;
use super::config::Settings;
use super::errors::failed;
use super::session::Session;
use super::types::{self, Native, Reading};
use super::{catalog, name_of, quoted};
use crate::capture::ahead::{Ahead, Feed, ahead};
use crate::capture::snapshot;
use crate::connector::{ReadOrder, ReadSpec};

/// Takes the snapshot now: what is committed later is not part of it.
pub async fn snapshot(settings: &Settings, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    Ok(open(settings, at, spec).await?.begin())
}

/// A snapshot that was taken, and of which nothing is read yet.
pub struct Opened {
    reader: Reader,
    tables: Vec<Arc<TableSchema>>,
    asked: Ahead,
}

/// As [`snapshot`], but reading begins later.
pub async fn open(settings: &Settings, at: Option<Position>, spec: ReadSpec) -> Result<Opened> {
    let (_, tables) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    let mut session = Session::open(settings).await?;
    if spec.order == ReadOrder::Key {
        // The default sorts by the first 1024 bytes alone.
        session.run("SET SESSION max_sort_length = 65536, sort_buffer_size = 8388608").await?;
    }
    let several = settings.connections > 1 && spec.order == ReadOrder::Fastest;
    let large = if several { large(&mut session, &tables).await? } else { HashMap::new() };
    let mut sessions = match large.is_empty() {
        true => moment::alone(session).await?,
        false => moment::together(session, settings, &large.keys().collect::<Vec<_>>()).await?,
    };
    if let Some(session) = sessions.first_mut() {
        let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
        let now = catalog::tables(session, &names).await?;
        for table in &tables {
            let now = now.iter().find(|n| n.schema.name == table.name).map(|n| &n.schema);
            snapshot::same_as_described(table, now)?;
        }
    }
    let (asked, feed) = ahead(tables.len());
    Ok(Opened { reader: Reader { sessions, large, order: spec.order, feed }, tables, asked })
}

impl Opened {
    /// A connection that sees what the snapshot sees.
    pub fn session(&mut self) -> Result<&mut Session> {
        self.reader.sessions.first_mut().ok_or_else(no_connection)
    }

    /// Begins to read.
    pub fn begin(self) -> Ahead {
        let Self { mut reader, tables, asked } = self;
        tokio::spawn(async move {
            if reader.feed.started().await {
                reader.tables(tables).await;
            }
            for session in reader.sessions {
                session.end().await;
            }
        });
        asked
    }
}

/// The tables that are worth several connections, each with the column that it is cut by.
async fn large(session: &mut Session, tables: &[Arc<TableSchema>]) -> Result<HashMap<TableName, String>> {
    let names: Vec<TableName> = tables.iter().map(|t| t.name.clone()).collect();
    let found = catalog::tables(session, &names).await?;
    // Only InnoDB's tables have a moment.
    let large = found.iter().filter(|f| f.bytes >= ranges::BYTES_MIN && f.engine.eq_ignore_ascii_case("InnoDB"));
    Ok(large.filter_map(|f| Some((f.schema.name.clone(), ranges::column(f)?))).collect())
}

struct Reader {
    /// All at the same moment.
    sessions: Vec<Session>,
    /// The tables that all of them read, by the columns that these are cut by.
    large: HashMap<TableName, String>,
    order: ReadOrder,
    feed: Feed,
}

impl Reader {
    /// Reads until the end, an error, or nobody listens any more.
    async fn tables(&mut self, tables: Vec<Arc<TableSchema>>) {
        for table in tables {
            let column = self.large.get(&table.name).filter(|_| self.sessions.len() > 1).cloned();
            let read = match (self.tell_apart(&table).await, column) {
                (Err(e), _) => Err(e),
                (Ok(()), Some(column)) => self.in_ranges(&table, column).await,
                (Ok(()), None) => self.whole(&table).await,
            };
            match read {
                Ok(true) => {}
                Ok(false) => return,
                Err(e) => {
                    self.feed.send(Err(e.at("table", table.name.to_string()))).await;
                    return;
                }
            }
        }
    }

    async fn tell_apart(&mut self, table: &TableSchema) -> Result<()> {
        hidden::refuse(self.sessions.first_mut().ok_or_else(no_connection)?, table).await
    }

    /// Reads one table as one unit; false if nobody listens any more.
    async fn whole(&mut self, table: &Arc<TableSchema>) -> Result<bool> {
        let mut rows = Rows::of(table, self.feed.clone(), Arc::default());
        rows.begins = true;
        let session = self.sessions.first_mut().ok_or_else(no_connection)?;
        if !rows.read(session, select(table, self.order), Vec::new()).await? {
            return Ok(false);
        }
        let mut last = rows.batch()?;
        last.ends = Some(snapshot::after(&table.name));
        Ok(self.feed.send(Ok(last)).await)
    }

    /// The same by all connections, each taking one range after the other. Batches without rows begin and end the unit, as
    /// nobody knows which range is the first or the last to have any.
    async fn in_ranges(&mut self, table: &Arc<TableSchema>, column: String) -> Result<bool> {
        let connections = self.sessions.len();
        let first = self.sessions.first_mut().ok_or_else(no_connection)?;
        let ranges = Arc::new(Ranges::of(first, &table.name, column, connections).await?);
        let count = Arc::<AtomicU64>::default();
        let edge = || Rows::of(table, self.feed.clone(), count.clone()).batch();
        if !self.feed.send(Ok(ChangeBatch { begins: true, ..edge()? })).await {
            return Ok(false);
        }
        let mut readers = JoinSet::new();
        for mut session in self.sessions.drain(..) {
            let mut rows = Rows::of(table, self.feed.clone(), count.clone());
            let ranges = ranges.clone();
            readers.spawn(async move {
                let read = rows.read_ranges(&mut session, &ranges).await;
                if matches!(read, Ok(true)) {
                    return (Some(session), read);
                }
                session.end().await;
                (None, read)
            });
        }
        while let Some(done) = readers.join_next().await {
            let (session, read) = done.map_err(|_| Error::new(ErrorKind::Bug, "a reader has died"))?;
            self.sessions.extend(session);
            if !matches!(read, Ok(true)) {
                // The others learn it from whoever took their batches, and end their sessions by themselves.
                readers.detach_all();
                return read;
            }
        }
        Ok(self.feed.send(Ok(ChangeBatch { ends: Some(snapshot::after(&table.name)), ..edge()? })).await)
    }
}

fn no_connection() -> Error {
    Error::new(ErrorKind::Bug, "the snapshot has no connection")
}

/// What makes batches of the rows of one table that one connection reads.
struct Rows {
    table: Arc<TableSchema>,
    readings: Vec<Reading>,
    builder: TableBuilder,
    /// Rows of the unit before those in the builder, by all connections.
    count: Arc<AtomicU64>,
    begins: bool,
    feed: Feed,
}

impl Rows {
    fn of(table: &Arc<TableSchema>, feed: Feed, count: Arc<AtomicU64>) -> Self {
        let readings = table.columns.iter().map(|c| Reading::of(&Native::parse(&c.native), &c.logical)).collect();
        Self { table: table.clone(), readings, builder: TableBuilder::new(table.clone()), count, begins: false, feed }
    }

    /// Reads what the query gives. Full batches are handed over, what is left stays; false if nobody listens any more.
    async fn read(&mut self, session: &mut Session, sql: String, values: Vec<Value>) -> Result<bool> {
        let cannot = |e| failed(e, "cannot read the table");
        let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut result = session.conn().exec_iter(sql, params).await.map_err(cannot)?;
        let mut bytes_max = self.feed.bytes_max();
        while let Some(row) = result.next().await.map_err(cannot)? {
            self.row(row)?;
            if self.builder.bytes() >= bytes_max {
                let batch = self.batch()?;
                if !self.feed.send(Ok(batch)).await {
                    return Ok(false);
                }
                bytes_max = self.feed.bytes_max();
            }
        }
        Ok(true)
    }

    /// Reads ranges until none is left; false if nobody listens any more.
    async fn read_ranges(&mut self, session: &mut Session, ranges: &Ranges) -> Result<bool> {
        let sql = select(&self.table, ReadOrder::Fastest);
        while let Some((condition, values)) = ranges.take() {
            // A range that looks wide to the server would make it read the whole table.
            if !self.read(session, format!("{sql} FORCE INDEX (PRIMARY){condition}"), values).await? {
                return Ok(false);
            }
        }
        let last = self.batch()?;
        Ok(last.rows() == 0 || self.feed.send(Ok(last)).await)
    }

    fn row(&mut self, row: Row) -> Result<()> {
        let mut values = row.unwrap();
        values.iter_mut().for_each(types::spell_out);
        let mut of_row = values.iter().zip(&self.readings);
        self.builder.snapshot_row(|_| match of_row.next() {
            Some((value, reading)) => Ok(types::cell(*reading, value)),
            None => Err(Error::new(ErrorKind::Bug, "more columns than selected")),
        })
    }

    /// What was read since the last one.
    fn batch(&mut self) -> Result<ChangeBatch> {
        let ord = self.count.fetch_add(self.builder.rows() as u64, Ordering::Relaxed);
        let changes = self.builder.finish_snapshot(ord)?;
        Ok(ChangeBatch { begins: std::mem::take(&mut self.begins), ends: None, tables: vec![changes], native: None })
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
    as_read(column, quoted(&column.name))
}

/// The same of a column that has this one's values under another name.
pub fn as_read(column: &Column, name: String) -> String {
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
        // Beyond a day a time is a text, and sorts among the others by its text.
        LogicalType::Time => format!("CAST(CAST({name} AS CHAR) AS BINARY)"),
        _ => name,
    }
}
