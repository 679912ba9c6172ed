//! What every sink's control table, `syncline_position`, means in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use syncline_model::{Cell, Error, ErrorKind, Result};

/// What a process learns whose lane another one has taken over.
#[must_use]
pub fn fenced() -> Error {
    Error::new(ErrorKind::Fenced, "another process has taken this lane over; nothing of this unit was written")
}

/// The first epoch of a lane: the time in µs. An epoch is never used twice, though a finished copy takes its row away,
/// because time outruns any counting up. Else who slept since would take a later copy's lease for its own (F09).
#[must_use]
pub fn first_epoch() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX)
}

/// The tables that the lane created, from the column `created`.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if it is no such list: to take it for an empty one would leave these tables without their
/// indexes and references.
pub fn created<T: DeserializeOwned + Ord>(written: Option<&str>) -> Result<BTreeSet<T>> {
    let Some(written) = written else { return Ok(BTreeSet::new()) };
    serde_json::from_str(written).map_err(|_| {
        Error::new(ErrorKind::Corrupt, "syncline_position.created is no list of tables")
            .hint("drop the tables that the lane created, and delete its row there; the next run starts over")
    })
}

/// Why a lane does not get on, by its own account: the column `trouble`, as one JSON document. It holds what the error
/// says and nothing else, so no value of a row and no secret (I15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    /// The error's kind, for programs.
    pub kind: String,
    /// What failed, without place and cause.
    pub what: String,
    /// Where.
    pub at: BTreeMap<String, String>,
    /// All of it in one text.
    pub text: String,
    /// What to do next.
    pub advice: String,
    /// Since when the lane has not got on, UTC: an error that follows another one does not begin anew.
    pub since: String,
    /// Whether the lane has ended by it; else it tries again.
    pub stopped: bool,
}

impl Default for Trouble {
    fn default() -> Self {
        Self::of(&Error::new(ErrorKind::Corrupt, "syncline_position.trouble cannot be read"), false, None)
    }
}

impl Trouble {
    /// What an error means for a lane that was in this trouble before, if in any.
    #[must_use]
    pub fn of(error: &Error, stopped: bool, before: Option<&Self>) -> Self {
        Self {
            kind: error.kind().policy().name.to_owned(),
            what: error.what().to_owned(),
            at: error.places().iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            text: error.to_string(),
            advice: error.advice().to_owned(),
            since: before.map_or_else(now, |before| before.since.clone()),
            stopped,
        }
    }

    /// As it is written down.
    ///
    /// # Errors
    /// Never in practice; [`ErrorKind::Bug`].
    pub fn written(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|e| Error::new(ErrorKind::Bug, "a lane's trouble cannot be written").caused_by(e))
    }

    /// What is written there. What cannot be read is trouble all the same.
    #[must_use]
    pub fn read(written: Option<&str>) -> Option<Self> {
        written.map(|text| serde_json::from_str(text).unwrap_or_default())
    }
}

/// The moment in UTC, to the microsecond.
#[must_use]
pub fn now() -> String {
    let us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut text = String::new();
    Cell::TimestampTz(i64::try_from(us).unwrap_or(i64::MAX)).format(&mut text);
    text.replace("+00:00", "Z").replace(' ', "T")
}

#[cfg(test)]
mod tests;
