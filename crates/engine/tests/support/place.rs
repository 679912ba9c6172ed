//! The places that the suite runs on. Each is seeded and looked at without Syncline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};
use syncline::connect::memory::Memory;
use syncline::connect::sqlite::Sqlite;
use syncline::connector::Connector;
use syncline::wrap::fault::{Fault, Faults, Faulty, When};
use syncline::wrap::limit::Limit;
use syncline::wrap::retry::{Patience, Retry};
use syncline::wrap::trace::Trace;
use syncline_model::{Cell, CellBuf, LogicalType, TableName, TableSchema};
use tempfile::TempDir;

use super::batches::Row;

/// A database of its own for one test.
pub trait Place: Send + Sync {
    /// The connector under test, with its decorators.
    fn connector(&self) -> Arc<dyn Connector>;

    /// A second database of the same kind, empty.
    fn another(&self) -> Box<dyn Place>;

    /// Creates a table in the place's own way.
    fn create(&self, table: &TableSchema);

    /// Adds rows.
    fn seed(&self, table: &str, rows: &[Row]);

    /// Longest name of a table or column, in bytes.
    fn name_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// All rows as they are stored, sorted; nothing if there is no such table. Columns in the table's own order.
    fn rows(&self, table: &str) -> Option<Vec<Row>>;

    /// Whether its database can give that name to a table and to a column.
    fn can_name(&self, name: &str) -> bool {
        let _ = name;
        true
    }
}

/// What is to be seen of a table whose unit is open or was taken back: nothing, also where the place cannot take the
/// table itself back, as long as it is empty.
pub fn seen(place: &dyn Place, table: &str) -> Option<Vec<Row>> {
    let stays = !place.connector().capabilities().transactional_ddl;
    place.rows(table).filter(|rows| !(stays && rows.is_empty()))
}

/// What is put around the connector under test.
#[derive(Clone, Copy)]
pub struct Decorated(pub fn(Arc<dyn Connector>) -> Arc<dyn Connector>);

/// Waits that cost a test next to nothing.
pub const HASTY: Patience = Patience { calls_max: 12, wait_first: Duration::from_micros(1) };

/// A failure of these leaves the outcome open, so only the lane can go on (see the contract).
const NOT_REPEATED: &[&str] = &["write", "retire", "commit", "note", "finish"];

impl Decorated {
    pub const BARE: Self = Self(|inner| inner);
    pub const RETRY: Self = Self(|inner| Arc::new(Retry::new(inner, HASTY)));
    pub const LIMIT: Self = Self(|inner| Arc::new(Limit::new(inner, 1 << 40)));
    pub const TRACE: Self = Self(|inner| Arc::new(Trace::new(inner, "place")));
    pub const FAULTLESS: Self = Self(|inner| {
        let never = When::Chance { per_mille: 0, seed: 0 };
        Arc::new(Faulty::new(inner, Faults::new(Fault::Refused, never)))
    });
    pub const ALL: Self = Self(|inner| Self::TRACE.0(Self::RETRY.0(Self::LIMIT.0(Self::FAULTLESS.0(inner)))));
    /// Every third call is refused; trying again hides it.
    pub const REFUSING: Self = Self(|inner| Self::RETRY.0(flaky(inner, Fault::Refused)));
    /// Of every third call the answer is lost; trying again hides it.
    pub const FORGETTING: Self = Self(|inner| Self::RETRY.0(flaky(inner, Fault::AnswerLost)));
}

fn flaky(inner: Arc<dyn Connector>, fault: Fault) -> Arc<dyn Connector> {
    let when = When::Chance { per_mille: 333, seed: 11 };
    Arc::new(Faulty::new(inner, Faults::sparing(fault, when, NOT_REPEATED)))
}

/// A database in memory.
pub struct InMemory {
    pub memory: Memory,
    decorated: Decorated,
}

impl InMemory {
    pub fn new(decorated: Decorated) -> Self {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self { memory: Memory::new(&format!("place {number}")), decorated }
    }
}

impl Place for InMemory {
    fn connector(&self) -> Arc<dyn Connector> {
        self.decorated.0(Arc::new(self.memory.clone()))
    }

    fn another(&self) -> Box<dyn Place> {
        Box::new(Self::new(self.decorated))
    }

    fn create(&self, table: &TableSchema) {
        self.memory.create(table.clone());
    }

    fn seed(&self, table: &str, rows: &[Row]) {
        self.memory.put(&TableName::bare(table), rows.to_vec()).unwrap();
    }

    fn rows(&self, table: &str) -> Option<Vec<Row>> {
        let table = self.memory.table(&TableName::bare(table))?;
        let mut rows: Vec<Row> = table.rows.values().cloned().collect();
        rows.sort();
        Some(rows)
    }
}

/// An SQLite file, looked at through a connection of the test's own.
pub struct InFile {
    folder: TempDir,
    decorated: Decorated,
}

impl InFile {
    pub fn new(decorated: Decorated) -> Self {
        // In memory where there is such a place: a thousand commits there are two seconds and not two minutes.
        let fast = Path::new("/dev/shm");
        let folder = if fast.is_dir() { TempDir::new_in(fast) } else { TempDir::new() };
        Self { folder: folder.unwrap(), decorated }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("place.db")
    }

    /// A connection that Syncline knows nothing of.
    pub fn open(&self) -> Connection {
        open(&self.path())
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) {
        let conn = self.open();
        // So that a test may write while a snapshot is open.
        conn.pragma_update(None, "journal_mode", "WAL").unwrap();
        conn.execute_batch(sql).unwrap();
    }
}

fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(60)).unwrap();
    conn
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn word(logical: &LogicalType) -> &'static str {
    match logical {
        LogicalType::Int { .. } => "INTEGER",
        LogicalType::Text { .. } => "TEXT",
        LogicalType::Float64 => "REAL",
        LogicalType::Bytes { .. } => "BLOB",
        LogicalType::Any => "",
        other => panic!("no test creates a table with {other} by itself"),
    }
}

impl Place for InFile {
    fn connector(&self) -> Arc<dyn Connector> {
        self.decorated.0(Arc::new(Sqlite::new(self.path())))
    }

    fn another(&self) -> Box<dyn Place> {
        Box::new(Self::new(self.decorated))
    }

    fn create(&self, table: &TableSchema) {
        let column = |c: &syncline_model::Column| {
            format!("{} {}{}", quoted(&c.name), word(&c.logical), if c.nullable { "" } else { " NOT NULL" })
        };
        let mut parts: Vec<String> = table.columns.iter().map(column).collect();
        let key: Vec<String> = table.key_columns().map(|c| quoted(&c.name)).collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        self.execute(&format!("CREATE TABLE {} ({})", quoted(&table.name.name), parts.join(", ")));
    }

    fn seed(&self, table: &str, rows: &[Row]) {
        let mut conn = self.open();
        let unit = conn.transaction().unwrap();
        for row in rows {
            let values = vec!["?"; row.len()].join(", ");
            let mut stmt = unit.prepare(&format!("INSERT INTO {} VALUES ({values})", quoted(table))).unwrap();
            stmt.execute(rusqlite::params_from_iter(row.iter().map(Plain))).unwrap();
        }
        unit.commit().unwrap();
    }

    fn rows(&self, table: &str) -> Option<Vec<Row>> {
        self.path().exists().then(|| stored_rows(&self.open(), table))?
    }
}

/// A cell as SQLite keeps it, for cells of SQLite's own five kinds.
struct Plain<'a>(&'a CellBuf);

impl rusqlite::ToSql for Plain<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            CellBuf::Plain(Cell::Null) => ValueRef::Null,
            CellBuf::Plain(Cell::Int(v)) => ValueRef::Integer(*v),
            CellBuf::Plain(Cell::Float(v)) => ValueRef::Real(*v),
            CellBuf::Text(v) => ValueRef::Text(v.as_bytes()),
            CellBuf::BadText(v) => ValueRef::Text(v),
            CellBuf::Bytes(v) => ValueRef::Blob(v),
            other => panic!("SQLite has no {other:?}"),
        }))
    }
}

/// Every row by storage class and bytes, sorted.
pub fn stored_rows(conn: &Connection, table: &str) -> Option<Vec<Row>> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if conn.query_row(there, [table], |r| r.get::<_, i64>(0)).unwrap() == 0 {
        return None;
    }
    let mut stmt = conn.prepare(&format!("SELECT * FROM {}", quoted(table))).unwrap();
    let columns = stmt.column_count();
    let mut rows = stmt.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        found.push((0..columns).map(|i| stored(row.get_ref(i).unwrap())).collect::<Row>());
    }
    found.sort();
    Some(found)
}

fn stored(value: ValueRef<'_>) -> CellBuf {
    match value {
        ValueRef::Null => CellBuf::NULL,
        ValueRef::Integer(v) => CellBuf::Plain(Cell::Int(v)),
        ValueRef::Real(v) => CellBuf::Plain(Cell::Float(v)),
        ValueRef::Text(v) => std::str::from_utf8(v).map_or_else(|_| CellBuf::BadText(v.into()), Into::into),
        ValueRef::Blob(v) => CellBuf::Bytes(v.into()),
    }
}
