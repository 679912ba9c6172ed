//! A snapshot of a PostgreSQL database: one transaction that sees one moment, one binary COPY per table.
//!
//! A task of its own reads and stays one batch ahead of whoever asks. Where it may have several connections, they read
//! ranges of one large table at a time, all in the snapshot of the first.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_buffer::Buffer;
use futures_util::StreamExt as _;
use syncline_model::change::{NativeRows, TableBuilder};
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result, TableSchema};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::catalog::{self, Table};
use super::config::Settings;
use super::session::{Session, failed};
use super::types::Kind;
use super::types::decode::Rows;
use super::{native, order, quoted, ranges};
use crate::capture::ahead::{Ahead, Feed, ahead};
use crate::capture::snapshot;
use crate::connector::{ReadOrder, ReadSpec};

/// A table with what is sent for it.
struct Planned {
    schema: Arc<TableSchema>,
    /// Its name with its schema.
    sql: String,
    /// One COPY, or one for each range.
    copies: Vec<String>,
    kinds: Vec<Kind>,
    /// Whether its rows go on undecoded.
    native: bool,
}

/// Takes the snapshot now: what is committed later is not part of it.
pub async fn snapshot(session: Session, settings: &Settings, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    let (_, wanted) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    begin(&session, &wanted).await?;
    begun(session, settings, at, spec).await
}

/// The same in a transaction that has begun: [`begin`], and its snapshot may be taken.
pub async fn begun(session: Session, settings: &Settings, at: Option<Position>, spec: ReadSpec) -> Result<Ahead> {
    let (_, wanted) = snapshot::remaining(at.as_ref(), &spec.tables)?;
    let names: Vec<_> = wanted.iter().map(|t| t.name.clone()).collect();
    let tables = catalog::tables(&session, &names).await?;
    let ranges = match spec.order {
        ReadOrder::Key => ranges::Ranges::default(),
        ReadOrder::Fastest => {
            let tables: Vec<&Table> = wanted.iter().filter_map(|t| tables.get(&t.name)).collect();
            ranges::open(&session, settings, &tables).await?
        }
    };
    let mut planned = Vec::with_capacity(wanted.len());
    for schema in &wanted {
        let table = tables.get(&schema.name).ok_or_else(|| gone(schema))?;
        let columns = same_as_described(schema, table)?;
        let kinds = columns.iter().filter_map(|c| table.kinds.get(*c)).copied().collect();
        let native = spec.native.contains(&schema.name);
        let copy = |rest: &str| copy(schema, table, &columns, rest, native);
        let copies = match (ranges.of.get(&table.oid), spec.order) {
            (Some(conditions), _) => conditions.iter().map(|condition| copy(condition)).collect(),
            (None, ReadOrder::Fastest) => vec![copy("")],
            (None, ReadOrder::Key) => vec![copy(&order::by_key(&session, schema, table, &columns).await?)],
        };
        planned.push(Planned { sql: table.sql(), copies, schema: schema.clone(), kinds, native });
    }
    let (asked, mut feed) = ahead(planned.len());
    let sessions: Vec<Arc<Session>> = [session].into_iter().chain(ranges.sessions).map(Arc::new).collect();
    tokio::spawn(async move {
        if !feed.started().await {
            return;
        }
        let feed = Arc::new(feed);
        for table in planned {
            let (sql, name) = (table.sql.clone(), table.schema.name.clone());
            match read(&feed, table, &sessions).await {
                Ok(true) => {}
                // The lane has ended early; nobody wants the rest.
                Ok(false) => return,
                Err(e) => {
                    // A right may go while the tables before are read (F11).
                    feed.send(Err(granted(e, &sql).at("table", name.to_string()))).await;
                    return;
                }
            }
        }
    });
    Ok(asked)
}

/// Reads one table as one unit, by as many sessions as it has ranges for; false if nobody listens any more.
async fn read(feed: &Arc<Feed>, table: Planned, sessions: &[Arc<Session>]) -> Result<bool> {
    let readers = table.copies.len().min(sessions.len());
    let border = Mutex::new(Border { begun: false, rows: 0, readers });
    let unit = Arc::new(Unit { feed: feed.clone(), table, next: AtomicUsize::new(0), border });
    if let ([first, ..], 1) = (sessions, readers) {
        return unit.read(first).await;
    }
    // Dropped after an error, the set stops those that still read.
    let mut reading = JoinSet::new();
    for session in sessions.iter().take(readers) {
        let (unit, session) = (unit.clone(), session.clone());
        reading.spawn(async move { unit.read(&session).await });
    }
    let mut wanted = true;
    while let Some(ended) = reading.join_next().await {
        wanted &= ended.map_err(|_| ranges::lost())??;
        if !wanted {
            break;
        }
    }
    Ok(wanted)
}

/// One table on its way, and what its readers share.
struct Unit {
    feed: Arc<Feed>,
    table: Planned,
    /// The first of its copies that nobody reads yet.
    next: AtomicUsize,
    /// Held while a batch is handed over: the first begins the unit, and that of the last reader ends it.
    border: Mutex<Border>,
}

struct Border {
    begun: bool,
    /// Rows that are in batches, so that each has a place of its own.
    rows: u64,
    /// Those that may still bring rows.
    readers: usize,
}

impl Unit {
    /// Reads copies of the table until there is none left; false if nobody listens any more.
    async fn read(&self, session: &Session) -> Result<bool> {
        let mut gathered = Gathered::new(&self.table);
        while let Some(copy) = self.table.copies.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if !self.copy(session, copy, &mut gathered).await? {
                return Ok(false);
            }
        }
        self.hand_over(&mut gathered, true).await
    }

    async fn copy(&self, session: &Session, copy: &str, gathered: &mut Gathered) -> Result<bool> {
        let cannot = |e| failed(e, "cannot read the table");
        let mut unread = Unread(Some(session));
        let mut stream = Box::pin(session.client.copy_out(copy).await.map_err(cannot)?);
        gathered.rows = Rows::new(self.table.kinds.clone());
        let mut full = self.feed.bytes_max();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(cannot)?;
            let mut at = 0;
            while let Some(place) = gathered.next(&piece, &mut at)? {
                // Full only when another row comes: the last batch is the one that ends the unit.
                if gathered.bytes() >= full {
                    if !self.hand_over(gathered, false).await? {
                        return Ok(false);
                    }
                    full = self.feed.bytes_max();
                }
                gathered.push(&piece, place)?;
            }
        }
        if !gathered.rows.ended() {
            return Err(Error::new(ErrorKind::Unreachable, "the table's rows stopped before their end"));
        }
        unread.0 = None;
        Ok(true)
    }

    /// Hands over what was gathered; false if nobody wants more. A reader's last batch may be empty.
    async fn hand_over(&self, gathered: &mut Gathered, last: bool) -> Result<bool> {
        let mut border = self.border.lock().await;
        let batch = gathered.batch(&mut border.rows)?;
        border.readers -= usize::from(last);
        let ends = (border.readers == 0).then(|| snapshot::after(&self.table.schema.name));
        if last && ends.is_none() && batch.rows() == 0 {
            return Ok(true);
        }
        let begins = !std::mem::replace(&mut border.begun, true);
        Ok(self.feed.send(Ok(ChangeBatch { begins, ends, ..batch })).await)
    }
}

/// A session whose COPY is not read to its end hangs up when this is dropped: the driver would take all the rest from the
/// server, for nobody.
struct Unread<'s>(Option<&'s Session>);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.0 {
            session.hang_up();
        }
    }
}

/// The rows of one batch.
struct Gathered {
    rows: Rows,
    into: Into,
}

enum Into {
    /// Cells.
    Cells(TableBuilder),
    /// Tuples as they come.
    Native { schema: Arc<TableSchema>, rows: usize, bytes: Vec<u8> },
}

impl Gathered {
    fn new(table: &Planned) -> Self {
        let schema = table.schema.clone();
        let into = match table.native {
            true => Into::Native { schema, rows: 0, bytes: Vec::new() },
            false => Into::Cells(TableBuilder::new(schema)),
        };
        Self { rows: Rows::new(table.kinds.clone()), into }
    }

    /// Where the next row of the piece stands.
    fn next(&mut self, piece: &[u8], at: &mut usize) -> Result<Option<Range<usize>>> {
        let start = *at;
        match &self.into {
            Into::Cells(_) => Ok(self.rows.next(piece, at)?.then_some(start..*at)),
            Into::Native { .. } => self.rows.next_undecoded(piece, at),
        }
    }

    fn push(&mut self, piece: &[u8], place: Range<usize>) -> Result<()> {
        match &mut self.into {
            Into::Cells(builder) => builder.snapshot_row(|i| self.rows.cell(piece, i)),
            Into::Native { rows, bytes, .. } => {
                bytes.extend_from_slice(piece.get(place).unwrap_or_default());
                *rows += 1;
                Ok(())
            }
        }
    }

    fn bytes(&self) -> usize {
        match &self.into {
            Into::Cells(builder) => builder.bytes(),
            Into::Native { bytes, .. } => bytes.len(),
        }
    }

    /// Takes what there is; `before` counts the rows that went before it, by any reader.
    fn batch(&mut self, before: &mut u64) -> Result<ChangeBatch> {
        match &mut self.into {
            Into::Cells(builder) => {
                let changes = builder.finish_snapshot(*before)?;
                *before += changes.rows() as u64;
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

/// Begins the transaction and holds the tables as they are, before the snapshot is taken by what is asked next: a table
/// that is emptied or changed between would not be what it was (F88).
pub async fn begin(session: &Session, wanted: &[Arc<TableSchema>]) -> Result<()> {
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
    Ok(())
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

/// A COPY of a table; `rest` is its `WHERE` or `ORDER BY`, if there is one.
fn copy(schema: &TableSchema, table: &Table, columns: &[usize], rest: &str, native: bool) -> String {
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
    format!("COPY (SELECT {} FROM {}{rest}) TO STDOUT (FORMAT binary)", expressions.join(", "), table.sql_read())
}
