//! The configuration: from `syncline.yaml` and the command line's words to a checked [`Plan`].
//!
//! Three steps, one file each: `parse` reads the text into `raw` (what was written, word for word), `resolve` makes the
//! [`Plan`] of it (references filled in, names checked, defaults set). Only the plan enters the engine, so whatever is
//! in it needs no second look. A person corrects one mistake at a time: the first one found is reported, with file,
//! line, column and the nearest known word.
//!
//! Absent on purpose: settings per connector (none has any yet), secrets in any form that could be printed (I15).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use syncline_model::mapping::Rule;
use syncline_model::pattern::Pattern;
use syncline_model::{Error, ErrorKind, Result};

mod argument;
mod group;
mod parse;
mod place;
mod quantity;
mod raw;
mod raw_sync;
mod references;
mod resolve;
mod schema;
mod secret;
mod shown;
mod url;

pub use argument::name_or_url;
pub use quantity::{duration, size};
pub use schema::json_schema;
pub use secret::Secret;
pub(crate) use shown::shown;
pub use url::{ConnectionUrl, NetworkUrl, Scheme, UrlProblem};

/// The configuration file that is read when none is named.
pub const DEFAULT_FILE: &str = "syncline.yaml";

/// A checked configuration: every name it mentions exists, every reference is filled in.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The databases by name.
    pub connections: BTreeMap<String, ConnectionSpec>,
    /// The jobs by name.
    pub jobs: BTreeMap<String, JobSpec>,
    /// The sync groups by name.
    pub sync: BTreeMap<String, GroupSpec>,
}

/// Databases that are kept in step.
#[derive(Debug, Clone)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// Names of connections: two or more, each once.
    pub members: Vec<String>,
    /// Who talks to whom, by place in `members`; a way leads from each to each.
    pub links: Vec<(usize, usize)>,
    /// The place of the member whose rows are right where they differ at first contact.
    pub winner: Option<usize>,
    /// How tables are merged of which nothing else is said.
    pub whole: TableMerge,
    /// The tables in the order of the file; the most specific pattern wins. Empty: all tables.
    pub tables: Vec<(Pattern, TableMerge)>,
}

/// How a table is merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableMerge {
    /// Whether the newest row wins with all its columns; else of each column the newest value does.
    pub by_row: bool,
    /// Whether a delete wins over every update.
    pub deletes_win: bool,
    /// Lists of columns that share a stamp.
    pub together: Vec<Vec<String>>,
}

/// One database.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionSpec {
    /// Its name in the configuration; its URL where it has no name.
    pub name: String,
    /// Where it is.
    pub url: ConnectionUrl,
    /// The password, wherever it was written.
    pub password: Option<Secret>,
}

/// One job: tables of one database to one or several others.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// Its name.
    pub name: String,
    /// Name of the connection that is read; one of [`Plan::connections`].
    pub from: String,
    /// Names of the connections that are written: at least one, each once, none of them `from`.
    pub to: Vec<String>,
    /// How changes are noticed.
    pub capture: Capture,
    /// Whether `run` may install at the source what capture needs, without being asked.
    pub installs: bool,
    /// What happens when the sink refuses a change.
    pub on_error: OnError,
    /// What happens when columns of a table come or go at the source.
    pub schema: SchemaChange,
    /// When what the source retains for its lanes is too much.
    pub alarm: AlarmLimits,
    /// What happens to rows that the sink has already.
    pub mode: WriteMode,
    /// The tables in the order of the file; the most specific pattern wins. Empty: all tables.
    pub tables: Vec<(Pattern, Rule)>,
    /// Most bytes of one batch; one row may pass it.
    pub batch_bytes_max: usize,
}

/// What a source may retain for its lanes before somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmLimits {
    /// How old the oldest change may be that a lane has not confirmed.
    pub age: Duration,
    /// How large the change tables may be.
    pub size_bytes: u64,
}

impl Default for AlarmLimits {
    fn default() -> Self {
        Self { age: Duration::from_secs(86_400), size_bytes: 1 << 30 }
    }
}

impl AlarmLimits {
    /// The stricter of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { age: self.age.min(other.age), size_bytes: self.size_bytes.min(other.size_bytes) }
    }
}

impl Plan {
    /// When what this connection retains is too much: the strictest that a job which follows it says.
    #[must_use]
    pub fn alarm_of(&self, connection: &str) -> AlarmLimits {
        let followers = self.jobs.values().filter(|job| job.from == connection && job.capture == Capture::Trigger);
        followers.map(|job| job.alarm).reduce(AlarmLimits::and).unwrap_or_default()
    }
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// Everything, once.
    #[default]
    Snapshot,
    /// Everything once, then what triggers in the source record.
    Trigger,
}

/// What happens when the sink refuses a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The lane stops there.
    #[default]
    Stop,
    /// It is set aside, and the others go on.
    Park,
}

/// What happens when columns of a table come or go at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChange {
    /// The lane stops with the difference.
    #[default]
    Pause,
    /// The sink is given the columns that it lacks, and the table is loaded again.
    AddColumns,
}

/// What happens to rows that the sink has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// A row of the source is inserted, or replaces the sink's row with the same key. Other rows of the sink stay.
    #[default]
    Upsert,
    /// The sink's table is emptied first, in the same transaction: whoever reads it sees the old rows or the new.
    Truncate,
}

/// Reads and checks the configuration file at `path`, with this process's environment.
///
/// # Errors
/// [`ErrorKind::Config`] for whatever is wrong, at `file:line:column`; never with a secret in it.
pub fn load(path: &Path) -> Result<Plan> {
    let bytes = read(path)?;
    let raw = parse::parse(path, &bytes)?;
    resolve::resolve(raw, &references::Surroundings { file: path, variable: &|name| std::env::var_os(name) })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let error = |what: &str| Error::new(ErrorKind::Config, what).at("file", path.display().to_string());
    let mut bytes = Vec::new();
    let limit = u64::try_from(parse::FILE_BYTES_MAX).unwrap_or(u64::MAX);
    match std::fs::File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(error("there is no configuration file")
            .hint("`syncline init` writes one from your databases; `--config FILE` names another")),
        Err(e) => Err(error("the configuration file cannot be read").caused_by(e)),
        Ok(_) if bytes.len() > parse::FILE_BYTES_MAX => Err(error("the configuration file is larger than 1 MiB")),
        Ok(_) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests;
