//! The central file: what every database, drive and broker is to Syncline.
//!
//! A *connector* is built from a checked connection and holds nothing open. It opens *sources*, which are read, and
//! *sinks*, which are written. Everything that is the same for all of them (retry, limits, spans, faults) is a
//! decorator in [`crate::wrap`]; the order of effects is one function, [`crate::job::run`].
//!
//! # The contract
//! - A source gives units in commit order (I14). A unit begins with a batch that `begins` and ends with one whose
//!   `ends` names the position after it. A snapshot is a source that ends; each of its tables is one unit, an empty
//!   table too.
//! - `read` waits no longer than its budget says, and never holds more than one batch of `bytes_max`, plus one row.
//! - `confirm` is called only after the position is saved in the sink (I1). It may be called again with the same position.
//! - A sink's `begin` → `write`* → `commit` is one transaction: data, position and clocks become durable together (I2),
//!   or, where the capabilities say so, `commit` is the flush that makes them durable.
//! - `begin` without a `commit` before it takes the open unit back; so does dropping the sink.
//! - Every `begin`, `commit` and `note` checks the epoch: who was fenced learns it and changes nothing.
//! - What `note` was told stays with the lane until a unit is committed, which takes it back in the same transaction.
//! - An error of a kind that may be retried, from anything but `write`, `retire`, `commit` and `finish`, means that nothing
//!   happened: the same call may be made again. After such an error from those four the lane is opened anew from the sink's
//!   own position (F03: the outcome of a lost `commit` is never guessed).
//! - A change that cannot be applied exactly is an error that names table and row (I10), never a warning. It may come with a
//!   later `write` of the unit, and comes with its `commit` at the latest.
//! - No default methods: a decorator that forgets to forward must not compile.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Position, Result, TableName, TableSchema};

use crate::capture::control::Trouble;
pub use crate::capture::retained::Backlog;
use crate::capture::retained::Retained;
use crate::sync::member::Member;

/// What a connector can do; only what planner, loop and behaviour suite act on. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Capabilities {
    /// Gives snapshots.
    pub snapshot: bool,
    /// Reads a snapshot in key order, by the order of [`syncline_model::Cell`]; `compare` needs it.
    pub key_order: bool,
    /// Takes changes.
    pub sink: bool,
    /// A column may be read as [`LogicalType::Any`](syncline_model::LogicalType::Any): its values as they are stored,
    /// whatever is declared. `compare` does so where two columns of one brand are declared differently.
    pub as_stored: bool,
    /// The form of [`NativeRows`](syncline_model::change::NativeRows) that its sources can give and its sinks can take.
    pub native: Option<&'static str>,
    /// A table that a unit creates goes when the unit is taken back. Without it (MariaDB) an empty table remains, and the
    /// lane's next run knows it for its own.
    pub transactional_ddl: bool,
    /// As a sink it takes units of two lanes at the same time, as long as they write to different tables. Else one waits
    /// for the other's end, and a load is one long unit.
    pub side_by_side: bool,
}

/// One database, drive, broker or set of files.
#[async_trait]
pub trait Connector: Send + Sync + fmt::Debug {
    /// What it can do. Constant.
    fn capabilities(&self) -> Capabilities;

    /// Reaches it, logs in, looks at rights and settings; changes nothing.
    async fn check(&self) -> Result<CheckReport>;

    /// The tables that `wanted` selects, by name, and what was selected but is no table that can be copied.
    async fn describe(&self, wanted: &Selection) -> Result<Description>;

    /// What [`Connector::open_sink`] with this spec would run, and every reason why it would refuse; changes nothing.
    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan>;

    /// Opens a source that continues after `at`, or from the start.
    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>>;

    /// Opens a sink and takes its lane over: the epoch is raised, whoever held the lane is fenced.
    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>>;

    /// The changes that lanes have set aside here, by lane and in their order; none where nothing was ever set aside.
    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>>;

    /// What finds changes here by triggers; absent where only snapshots are given.
    fn capture(&self) -> Option<&dyn Capture>;
}

/// What is installed in a database so that its changes are found (I16): triggers, and the tables that they write to.
///
/// `install` brings the tables that are named into the state that the plan shows, from whatever state they are in, and
/// leaves others alone; with nothing to do its plan is empty. Each call is all or nothing where the database can.
#[async_trait]
pub trait Capture: Send + Sync {
    /// What `install` would run for these tables, and what stands against it; changes nothing.
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan>;

    /// Runs it, unless something stands against it; gives what was run.
    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan>;

    /// What `uninstall` would run; changes nothing.
    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>>;

    /// Removes a lane, towards all its sinks, and what only it needed; without a lane, all that was ever installed.
    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>>;

    /// The random id of this database, drawn when something was first installed; absent before.
    async fn node(&self) -> Result<Option<String>>;

    /// The lanes that read here, and what waits for each.
    async fn backlog(&self) -> Result<Vec<Backlog>>;

    /// What is retained for these lanes; cheaper than to count what waits.
    async fn retained(&self) -> Result<Retained>;

    /// Opens the database as a member of a sync group.
    async fn open_member(&self) -> Result<Box<dyn Member>>;
}

/// Something that is read.
#[async_trait]
pub trait Source: Send {
    /// The next batch.
    async fn read(&mut self, budget: Budget) -> Result<Read>;

    /// Everything up to here is durable at the sink; the source may forget it.
    async fn confirm(&mut self, upto: &Position) -> Result<()>;
}

/// Something that is written, in units.
#[async_trait]
pub trait Sink: Send {
    /// The lease that opening it took: its epoch, and the position that the sink itself remembers.
    fn lease(&self) -> &Lease;

    /// Opens a unit.
    async fn begin(&mut self, epoch: Epoch) -> Result<()>;

    /// Applies a batch within the open unit.
    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport>;

    /// Within the open unit: takes another lane's row away, if it still has that epoch; else the unit is fenced. What that
    /// lane has created and not finished is this one's from then on.
    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()>;

    /// Makes the unit and its position durable together.
    async fn commit(&mut self, upto: &Position) -> Result<()>;

    /// Writes down at once what keeps the lane from getting on, or that nothing does; takes the open unit back. For people:
    /// whoever cannot be reached is not told.
    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()>;

    /// Every table is loaded: builds what waits for all of them. Of a one-time copy this is the end: it gives the lane back
    /// and removes what only the running lane needed.
    async fn finish(&mut self) -> Result<FinishReport>;
}

/// A table whose changes are to be found.
#[derive(Debug, Clone)]
pub struct CaptureTable {
    /// Its name, and the key by which its rows are told apart. All its columns are captured, whatever is read.
    pub schema: Arc<TableSchema>,
    /// Whether every update must keep the whole row as it was: a filter looks at it. Else large columns that an update
    /// does not change are left out.
    pub whole: bool,
}

/// What installing would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InstallPlan {
    /// Statements in order; none if all is in place.
    pub statements: Vec<String>,
    /// Reasons to refuse, each with what to do.
    pub obstacles: Vec<String>,
    /// What is worth knowing and stops nothing.
    pub notices: Vec<String>,
}

/// How much one `read` may bring, and how long it may wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// A batch is full when it has this many bytes; one row may pass it.
    pub bytes_max: usize,
    /// Longest wait for a first change.
    pub wait_max: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes_max: 2 << 20, wait_max: Duration::from_secs(1) }
    }
}

/// What a `read` brought.
#[derive(Debug)]
pub enum Read {
    /// A batch.
    Batch(ChangeBatch),
    /// Nothing for now.
    Idle,
    /// These tables are for the side lane to load; the source follows the others meanwhile. Said once, between two units and
    /// before `Loaded`, only where [`Follow::side`] names such a lane.
    Apart(Apart),
    /// Every table is loaded; what follows are changes. Said once, between two units, by a source that follows.
    Loaded,
    /// Nothing ever again: a snapshot is complete, or all is read that was committed when the source was opened.
    End,
}

/// Tables that are loaded beside the lane that follows the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Apart {
    /// All of them.
    pub tables: BTreeSet<TableName>,
    /// Those that are emptied first: the sink holds rows of them that may be old.
    pub again: BTreeSet<TableName>,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ReadSpec {
    /// The tables in the order of reading, each with the columns wanted. Batches carry these very schemas.
    pub tables: Vec<Arc<TableSchema>>,
    /// In which order a snapshot reads rows.
    pub order: ReadOrder,
    /// Those of `tables` whose rows may come in the brand's own form.
    pub native: BTreeSet<TableName>,
    /// What comes after the snapshot; absent: nothing.
    pub follow: Option<Follow>,
}

/// How a source goes on with the changes that were made after its snapshot.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The tables as capture must find them, in the order of those that are read.
    pub tables: Vec<CaptureTable>,
    /// For each of these tables a number that changes when its rules do: what was loaded by other rules is loaded again.
    pub rules: Vec<u64>,
    /// The lane for which the source keeps changes until it confirms them.
    pub lane: LaneId,
    /// The lane that loads tables beside this one, once all were loaded; absent: this one does it, and the others wait.
    pub side: Option<LaneId>,
    /// Whether the source ends when everything is read that was committed when it was opened; else it never does.
    pub ends: bool,
}

/// In which order a snapshot reads rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOrder {
    /// As is fastest.
    Fastest,
    /// By key.
    Key,
}

/// What to write.
#[derive(Debug, Clone)]
pub struct WriteSpec {
    /// The lane whose position and epoch the sink keeps.
    pub lane: LaneId,
    /// Who runs it, for whoever is fenced: host and process.
    pub owner: String,
    /// The tables as they arrive, names already the sink's.
    pub tables: Vec<Arc<TableSchema>>,
    /// Whether the lane's trace is removed when the source ends (a one-time copy), or kept.
    pub once: bool,
    /// Forget how far the lane got and start over.
    pub restart: bool,
    /// Whether columns that the sink's tables lack are added when it is opened; else they are misfits. They are empty for the
    /// rows that are there: whoever asks for it loads these tables again.
    pub add_columns: bool,
}

/// What a side lane's id ends in.
const SIDE: &str = "+load";

/// A job towards one sink: hash of source, sink and job name, as hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LaneId(pub String);

impl LaneId {
    /// What a source calls the lane towards one sink of several: each has its own place there.
    #[must_use]
    pub fn towards(&self, sink: &str) -> Self {
        Self(format!("{}-{sink}", self.0))
    }

    /// The lane that loads tables beside this one. No name of a job or sink has such an end.
    #[must_use]
    pub fn side(&self) -> Self {
        Self(format!("{}{SIDE}", self.0))
    }

    /// Whether it is a side lane.
    #[must_use]
    pub fn is_side(&self) -> bool {
        self.0.ends_with(SIDE)
    }

    /// Whether it is that lane, that lane towards one of its sinks, or a side lane of these.
    #[must_use]
    pub fn is_of(&self, lane: &Self) -> bool {
        self.0.strip_prefix(&lane.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || rest == SIDE)
    }
}

/// The right to run a lane.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The fencing epoch; every later call names it.
    pub epoch: Epoch,
    /// How far this lane got before, by the sink's own account.
    pub position: Option<Position>,
    /// What keeps the lane from getting on, as the sink has it now.
    pub trouble: Option<Trouble>,
}

/// What opening a sink would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WritePlan {
    /// Stable name of this very database, without secrets.
    pub identity: String,
    /// Statements in order.
    pub statements: Vec<String>,
    /// Reasons to refuse; empty means that rows can move.
    pub misfits: Vec<Misfit>,
    /// What is worth knowing and stops nothing.
    pub notices: Vec<String>,
    /// The tables whose columns are of the very types that the source's are, so that rows may come in the brand's form.
    #[serde(skip)]
    pub native: Vec<TableName>,
    /// The columns that tables of the sink are given; their statements are among `statements`.
    #[serde(skip)]
    pub added: Vec<Added>,
}

/// A column that a table of the sink is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The sink's table.
    pub table: TableName,
    /// The column.
    pub column: Arc<str>,
    /// What adds it.
    pub statement: String,
}

impl WritePlan {
    /// Notes a column that opening the sink adds, and what has to be created before it.
    pub fn adds(&mut self, table: &TableName, column: &Arc<str>, statement: String) {
        self.notices.push(format!("{table}: column {column} is added at the sink, and the table is loaded again"));
        self.statements.push(statement.clone());
        self.added.push(Added { table: table.clone(), column: column.clone(), statement });
    }
}

/// Why a table's rows cannot go into the sink unaltered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// The sink's table.
    pub table: String,
    /// The reason.
    pub reason: String,
}

/// What [`Connector::describe`] found.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// Stable name of this very database, without secrets; lanes are named after it.
    pub identity: String,
    /// The tables.
    pub tables: Vec<TableSchema>,
    /// Rows per table, roughly, where that costs nothing; only progress display uses it.
    pub rows_estimates: HashMap<TableName, u64>,
    /// Every table there is, wanted or not, so that a misspelled name is noticed.
    pub names: Vec<TableName>,
    /// What was selected and is not a table that can be copied, with the reason.
    pub skipped: Vec<(TableName, String)>,
}

/// What [`Connector::check`] found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CheckReport {
    /// Brand and version, for example `SQLite 3.50`.
    pub product: String,
    /// What was looked at.
    pub findings: Vec<Finding>,
    /// The lanes that keep their position here.
    pub lanes: Vec<LaneState>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Stable code, for example `sqlite.journal_mode`.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do, if anything.
    pub advice: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, with a limit.
    Warning,
    /// Does not work.
    Error,
}

/// What a sink remembers of a lane.
#[derive(Debug, Clone, Serialize)]
pub struct LaneState {
    /// The lane.
    pub lane: LaneId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Who took it last.
    pub owner: String,
    /// How far it got.
    pub position: Option<Position>,
    /// When it was last taken or last committed, UTC.
    pub changed_at: String,
    /// Seconds since then, by the sink's own clock.
    pub age_s: f64,
    /// Changes and loaded rows that it has committed in all.
    #[serde(rename = "changes_total")]
    pub changes: u64,
    /// What keeps it from getting on; absent if nothing does.
    pub trouble: Option<Trouble>,
}

/// Which parked changes are asked for.
#[derive(Debug, Clone, Default)]
pub struct ParkedQuery {
    /// Only those of this lane.
    pub lane: Option<LaneId>,
    /// Only those whose `_ord` is not below this.
    pub from: u64,
    /// At most so many.
    pub rows_max: Option<u32>,
    /// Whether the changes themselves are wanted too; without them a row is small.
    pub contents: bool,
}

/// A change that was set aside, as the sink keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The lane that set it aside.
    pub lane: LaneId,
    /// Its `_ord`; with the lane its identity.
    pub ord: u64,
    /// The sink's table.
    pub table: String,
    /// The row's key, as JSON.
    pub key: String,
    /// What the change does, as a letter.
    pub op: String,
    /// Which rows it holds back, as JSON.
    pub holds: String,
    /// Why it was refused; absent if it waits behind another one.
    pub reason: Option<String>,
    /// When, UTC.
    pub parked_at: String,
    /// The change, as JSON, if it was asked for.
    pub contents: Option<String>,
}

/// What one `write` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Changes applied.
    pub rows: u64,
    /// Deletes of rows that were not there: the outcome is right, the sink had drifted.
    pub deletes_missing: u64,
}

/// What remained to be said when the source ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FinishReport {
    /// Rows per table that the sink holds now, where it was not empty before.
    pub rows_held: Vec<(String, u64)>,
    /// What is worth knowing and stops nothing.
    pub notices: Vec<String>,
}
