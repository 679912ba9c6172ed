//! What every sink's control table, `syncline_position`, means in the same way.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use syncline_model::{Error, ErrorKind, Result};

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
            .hint("`--restart` starts the copy over; the tables that it created stay, and must be dropped by hand")
    })
}

#[cfg(test)]
mod tests;
