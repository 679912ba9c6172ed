//! What a database must do to be a member of a sync group.
//!
//! Deliberately little: find rows by the values of some columns, write rows by their keys, give what its triggers have
//! captured. What follows from that, and in which order, is said once for all brands in [`super::node`].
//!
//! # The contract
//! - One transaction at a time. Within one each statement sees all that was committed before it (READ COMMITTED, or one
//!   writer at a time).
//! - What is written within a transaction that was begun [`Writes::Quiet`] is captured by no trigger of ours, fires none
//!   of the application's and cascades nowhere (I9, F74).
//! - `captured` gives all that is committed and not given before, whole transactions (I3), changes of one key in the order
//!   in which they were committed (I4), and takes it away within the open transaction: after `rollback` it is there again.
//! - A row that is locked stays as it was found until the transaction ends. A row that is not there cannot be locked:
//!   `insert` of a key that came meanwhile is an error of kind `Constraint`.
//! - An error of kind `Constraint` or `Busy` leaves a transaction that can only be rolled back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::change::ChangeBuf;
use syncline_model::merge::Cells;
use syncline_model::{Cell, CellBuf, Error, ErrorKind, LogicalType, Result, TableName, TableSchema};

use crate::connector::CaptureTable;

/// A row: a cell for each column.
pub type Row = Vec<CellBuf>;

/// Who writes in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Syncline, what was made elsewhere: nobody is told.
    Quiet,
    /// Syncline in place of a user: it is captured like any user's change.
    Aloud,
}

/// How a brand says the types of Syncline's own tables.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// A whole number of 64 bits.
    pub int: &'static str,
    /// Sixteen bytes.
    pub hash: &'static str,
    /// Any text.
    pub text: &'static str,
    /// Any bytes.
    pub bytes: &'static str,
    /// What follows the columns of `CREATE TABLE`.
    pub options: &'static str,
}

/// A database as a member of a sync group.
#[async_trait]
pub trait Member: Send {
    /// The words for Syncline's own tables.
    fn words(&self) -> Words;

    /// The name of one of Syncline's own tables, ready for use in SQL.
    fn own(&self, name: &str) -> String;

    /// The schema in which they are, where there is one.
    fn home(&self) -> Option<Arc<str>>;

    /// Whether users may write while a transaction is open, so that rows must be locked.
    fn locks(&self) -> bool;

    /// The time by the member's own clock, in ms since 1970 UTC.
    async fn now_ms(&mut self) -> Result<u64>;

    /// Whether that table of Syncline's is there.
    async fn has(&mut self, name: &str) -> Result<bool>;

    /// Runs statements that define something, each of them if the one before went well.
    async fn define(&mut self, statements: &[String]) -> Result<()>;

    /// Says which tables are meant by their numbers from now on: their names, the columns that are read and written, and
    /// their keys are those of the schemas. Those in `capture` are captured, in the order of their numbers from `first` on.
    ///
    /// # Errors
    /// [`syncline_model::ErrorKind::Schema`] if one is not there, has other columns, or is not captured.
    async fn open(&mut self, tables: &[Arc<TableSchema>], first: usize, capture: &[CaptureTable]) -> Result<()>;

    /// Begins a transaction.
    async fn begin(&mut self, writes: Writes) -> Result<()>;

    /// Makes it durable.
    async fn commit(&mut self) -> Result<()>;

    /// Takes it back, if there is one. Never fails: what cannot be taken back is over with the connection.
    async fn rollback(&mut self);

    /// Runs one of our own statements without values; answers how many rows it changed.
    async fn run(&mut self, sql: &str) -> Result<u64>;

    /// The rows of a table, with `rest` of our own after its name: `WHERE` with numbers alone, `ORDER BY`, `LIMIT`.
    async fn select(&mut self, table: usize, rest: &str) -> Result<Vec<Row>>;

    /// The rows that have one of these lists of values in the columns `by`, in any order, each once or more.
    async fn find(&mut self, table: usize, by: &[usize], values: &[Cells], lock: bool) -> Result<Vec<Row>>;

    /// Inserts rows.
    async fn insert(&mut self, table: usize, rows: &[Row]) -> Result<()>;

    /// Sets all columns of rows that are there, by key.
    async fn update(&mut self, table: usize, rows: &[Row]) -> Result<()>;

    /// Deletes the rows that have one of these lists of values in the columns `by`.
    async fn remove(&mut self, table: usize, by: &[usize], values: &[Cells]) -> Result<()>;

    /// Takes what was captured, as table's place among those that are captured, and change.
    async fn captured(&mut self) -> Result<Vec<(usize, ChangeBuf)>>;

    /// Whether anything was captured that was not taken.
    async fn is_captured(&mut self) -> Result<bool>;

    /// Ends the connection.
    async fn end(self: Box<Self>);
}

/// How long a member that is idle waits before it looks again.
pub const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The cell as the group knows it: where a member keeps booleans as numbers, they are booleans to the others.
#[must_use]
pub fn as_agreed(cell: CellBuf, logical: &LogicalType) -> CellBuf {
    match (logical, cell.as_cell()) {
        (LogicalType::Bool, Cell::Int(number @ (0 | 1))) => CellBuf::Plain(Cell::Bool(number == 1)),
        _ => cell,
    }
}

/// A table of ours, which is nobody's data.
#[must_use]
pub fn is_own(name: &TableName) -> bool {
    name.name.starts_with("syncline_")
}

/// Why a job does not follow a member: what sync writes there is captured by nobody, and what users write is taken by sync.
#[must_use]
pub fn not_followed() -> Error {
    Error::new(ErrorKind::Unsupported, "this database is a member of a sync group, and cannot be followed by a job yet")
        .hint("`syncline sync MEMBER --leave` takes it out of its group")
}
