//! SQLite, in process.
//!
//! The source reads in one read transaction, so that all tables are of one moment. The sink writes a unit as one
//! transaction: DDL, rows, position and epoch. Triggers do not fire for what the sink writes: the rows already
//! hold what the source's triggers made of them.

mod apply;
mod capture;
mod catalog;
mod changes;
mod ddl;
mod member;
mod native;
mod parked;
mod sink;
mod source;
mod stage;
mod types;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Position, Result};

use crate::capture::follow::Follower;
use crate::capture::retained::Retained;
use crate::connector::{
    Backlog, Capabilities, Capture, CaptureTable, CheckReport, Connector, Description, Finding, InstallPlan, LaneId,
    Level, Parked, ParkedQuery, ReadSpec, Sink, Source, WritePlan, WriteSpec,
};
use crate::sync::member::Member;

/// The brand's name in schemas.
pub const BRAND: &str = "sqlite";

/// How long a statement waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One database file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
}

impl Sqlite {
    /// The database in that file, which need not exist yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Which file this is, by whatever name: drive, number and birth. A file that is put in its place is another one. Its
    /// absolute name where there is no file yet, or the system does not tell.
    fn identity(&self) -> String {
        #[cfg(unix)]
        if let Ok(file) = self.path.metadata() {
            use std::os::unix::fs::MetadataExt as _;
            let born = file.created().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            return format!("sqlite:{:x}-{:x}-{:x}", file.dev(), file.ino(), born.map_or(0, |b| b.as_nanos()));
        }
        let path = self.path.canonicalize().or_else(|_| {
            let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            folder.canonicalize().map(|folder| folder.join(self.path.file_name().unwrap_or_default()))
        });
        format!("sqlite:{}", path.unwrap_or_else(|_| self.path.clone()).display())
    }

    fn open(&self, access: Access) -> Result<Connection> {
        if access != Access::Create && !self.path.exists() {
            return Err(Error::new(ErrorKind::NotFound, "there is no such database file")
                .hint("check the path; only a sink is created when it is missing"));
        }
        if self.path.is_dir() {
            return Err(Error::new(ErrorKind::NotFound, "this is a folder, not a database file"));
        }
        let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags |= match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Access::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let opened = |flags| -> rusqlite::Result<Connection> {
            let conn = Connection::open_with_flags(&self.path, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            // Else a column that was renamed meanwhile would be read as a text that says its old name.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
            conn.set_prepared_statement_cache_capacity(256);
            // The first read tells whether this is a database at all.
            conn.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
            Ok(conn)
        };
        let conn = opened(flags).or_else(|e| {
            if access == Access::Read && is_left_by_a_crash(&e) {
                // Any program that opens the file takes the unfinished transaction back; a read-only one may not.
                let healing = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
                return opened(healing).and_then(|_| opened(flags));
            }
            Err(e)
        });
        let conn = conn.map_err(|e| failed(e, "cannot open the database"))?;
        // SQLite opens what it may not write as well as it can, and says so only at the first write.
        if access != Access::Read && conn.is_readonly(rusqlite::MAIN_DB).unwrap_or(false) {
            return Err(Error::new(ErrorKind::Denied, "the database can only be read")
                .hint("a sink needs the right to write its file and folder, on a drive that may be written"));
        }
        Ok(conn)
    }

    fn check_now(&self) -> Result<CheckReport> {
        let conn = self.open(Access::Read)?;
        let mut report = CheckReport {
            product: format!("SQLite {}", rusqlite::version()),
            lanes: sink::lanes(&conn)?,
            ..CheckReport::default()
        };
        let pragma = |name: &str| -> Result<String> {
            conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, rusqlite::types::Value>(0))
                .map(|v| match v {
                    rusqlite::types::Value::Integer(v) => v.to_string(),
                    rusqlite::types::Value::Text(v) => v,
                    _ => String::new(),
                })
                .map_err(|e| failed(e, "cannot read a setting"))
        };
        let journal = pragma("journal_mode")?;
        let wal = journal == "wal";
        report.findings.push(Finding {
            code: "sqlite.journal_mode",
            level: if wal { Level::Ok } else { Level::Warning },
            text: format!("journal mode {journal}"),
            advice: (!wal).then(|| {
                "writers wait while a copy reads this database; `PRAGMA journal_mode=WAL` lets them go on".into()
            }),
        });
        let encoding = pragma("encoding")?;
        let utf8 = encoding == "UTF-8";
        report.findings.push(Finding {
            code: "sqlite.encoding",
            level: if utf8 { Level::Ok } else { Level::Warning },
            text: format!("text is stored as {encoding}"),
            advice: (!utf8).then(|| "text that is not valid Unicode is read as SQLite converts it".into()),
        });
        let writable = self
            .open(Access::Write)
            .and_then(|conn| conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|e| failed(e, "cannot write")));
        report.findings.push(match writable {
            Ok(()) => {
                Finding { code: "sqlite.writable", level: Level::Ok, text: "can be written".into(), advice: None }
            }
            Err(e) => Finding {
                code: "sqlite.writable",
                level: Level::Warning,
                text: format!("cannot be a sink: {e}"),
                advice: Some(e.advice().to_owned()),
            },
        });
        Ok(report)
    }
}

#[async_trait]
impl Connector for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            snapshot: true,
            key_order: true,
            sink: true,
            as_stored: true,
            native: Some(native::FORM),
            transactional_ddl: true,
            side_by_side: false,
        }
    }

    async fn check(&self) -> Result<CheckReport> {
        in_place(|| self.check_now())
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        in_place(|| {
            let found = catalog::describe(&self.open(Access::Read)?, wanted)?;
            Ok(Description { identity: self.identity(), ..found })
        })
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        in_place(|| {
            let identity = self.identity();
            if !self.path.exists() {
                let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                if !folder.is_dir() {
                    return Err(Error::new(ErrorKind::NotFound, "the folder of this database does not exist")
                        .hint("create the folder, or name another file"));
                }
                return Ok(WritePlan { identity, ..ddl::plan(None, spec)? });
            }
            let conn = self.open(Access::Write)?;
            // Asks for the right to write now, before anything is read.
            conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|e| failed(e, "cannot write to the database"))?;
            // Seen as of one moment, though others may be creating tables.
            conn.execute_batch("BEGIN").map_err(|e| failed(e, "cannot read the database"))?;
            Ok(WritePlan { identity, ..ddl::plan(Some(&conn), spec)? })
        })
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        if let Some(follow) = &spec.follow {
            let captured = in_place(|| changes::Changes::open(self, follow))?;
            return Ok(Box::new(Follower::open(captured, at, spec.clone(), follow).await?));
        }
        let opened = in_place(|| source::snapshot(self.open(Access::Read)?, at, spec.clone()))?;
        Ok(Box::new(opened))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let opened = in_place(|| sink::Writer::open(self.open(Access::Create)?, spec.clone()))?;
        Ok(Box::new(opened))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        in_place(|| parked::parked(&self.open(Access::Read)?, query))
    }

    fn capture(&self) -> Option<&dyn Capture> {
        Some(self)
    }
}

#[async_trait]
impl Capture for Sqlite {
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        in_place(|| capture::plan(&self.open(Access::Read)?, tables))
    }

    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        in_place(|| capture::install(&self.open(Access::Write)?, tables))
    }

    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        in_place(|| capture::removal(&self.open(Access::Read)?, lane))
    }

    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        in_place(|| capture::remove(&self.open(Access::Write)?, lane))
    }

    async fn node(&self) -> Result<Option<String>> {
        in_place(|| capture::incarnation(&self.open(Access::Read)?))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>> {
        in_place(|| capture::backlog(&self.open(Access::Read)?))
    }

    async fn retained(&self) -> Result<Retained> {
        in_place(|| capture::retained(&self.open(Access::Read)?))
    }

    async fn open_member(&self) -> Result<Box<dyn Member>> {
        let opened = in_place(|| member::SqliteMember::open(self))?;
        Ok(Box::new(opened))
    }
}

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Create,
}

/// Runs a call that blocks. The runtime's other tasks move to another thread meanwhile; handing the call itself to
/// another thread would cost a unit of one row twenty times more than the unit (`cargo xtask bench unit`).
fn in_place<T>(f: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|h| h.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(f),
        _ => f(),
    }
}

/// Whether the file cannot be read because a writer died and its journal lies beside the file.
fn is_left_by_a_crash(e: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_READONLY_RECOVERY, SQLITE_READONLY_ROLLBACK};
    e.sqlite_error().is_some_and(|e| matches!(e.extended_code, SQLITE_READONLY_RECOVERY | SQLITE_READONLY_ROLLBACK))
}

/// An identifier, quoted; quotes inside are doubled (F79).
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// SQLite's error as ours. Its messages name columns and statements, never bound values (I15).
fn failed(e: rusqlite::Error, what: &str) -> Error {
    use ErrorCode as C;
    let kind = match e.sqlite_error_code() {
        Some(C::DatabaseBusy | C::DatabaseLocked | C::FileLockingProtocolFailed) => ErrorKind::Busy,
        Some(C::ReadOnly | C::PermissionDenied | C::AuthorizationForStatementDenied | C::CannotOpen) => {
            ErrorKind::Denied
        }
        Some(C::DiskFull | C::OutOfMemory) => ErrorKind::Full,
        Some(C::DatabaseCorrupt | C::NotADatabase) => ErrorKind::Corrupt,
        Some(C::ConstraintViolation) => ErrorKind::Constraint,
        Some(C::TypeMismatch | C::TooBig) => ErrorKind::Value,
        Some(C::OperationInterrupted) => ErrorKind::Interrupted,
        Some(C::SystemIoFailure) => ErrorKind::Unreachable,
        // A statement that no longer fits the schema: a table or column was changed meanwhile.
        Some(C::Unknown | C::SchemaChanged) => ErrorKind::Schema,
        None if matches!(e, rusqlite::Error::SqlInputError { .. }) => ErrorKind::Schema,
        _ => ErrorKind::Bug,
    };
    // Its own cause would say the same again with a number.
    let cannot_open = e.sqlite_error_code() == Some(C::CannotOpen);
    let error = Error::new(kind, what).caused_by(e.to_string());
    match kind {
        ErrorKind::Denied if cannot_open => error.hint("the folder must exist, and both must be yours to write"),
        ErrorKind::Unreachable => error.hint("the drive reports an error; the system's log says more"),
        ErrorKind::Busy => error.hint("another program holds a lock on this database; close it or wait"),
        ErrorKind::Corrupt => {
            error.hint("check the file: is it an SQLite database? `sqlite3 FILE 'PRAGMA integrity_check'`")
        }
        _ => error,
    }
}
