//! How far a lane that follows got: the position that its sink keeps.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use syncline_model::{Error, ErrorKind, Position, Result, TableName};

/// Layout of a position that follows.
pub const LAYOUT: &str = "follow/1";

/// A cut of what was captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Counts up; what it counts is the brand's own.
    pub number: u64,
    /// Drawn at random with the tick. A database that was put back to yesterday has other ticks of the same numbers (F91).
    pub token: String,
}

/// What one table's changes are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The number of its change table. Never used twice: a table whose capture was installed anew has another one, and
    /// must be loaded again, because nobody knows what happened between.
    pub log: u64,
    /// Its rows were read as of this tick; changes up to it are in them.
    pub at: u64,
    /// [`Follow::rules`] by which it was loaded.
    pub rules: u64,
}

impl Loaded {
    /// No change table has this number.
    const AGAIN: Self = Self { log: 0, at: 0, rules: 0 };

    fn is_again(&self) -> bool {
        *self == Self::AGAIN
    }
}

/// How far a lane got, as its position says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// [`Captured::incarnation`].
    pub capture: String,
    /// All changes up to here are at the sink.
    pub tick: Tick,
    /// The tables that are loaded, by name. Of each, all changes up to its own tick are at the sink too. And those that were
    /// once loaded: whoever loads them again empties them first.
    pub tables: BTreeMap<String, Loaded>,
    /// All tables of the job were loaded once. From then on a load goes on beside what is followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl Place {
    /// Reads a position.
    ///
    /// # Errors
    /// [`ErrorKind::PositionLost`] if it was written by something else.
    pub fn parse(position: &Position) -> Result<Self> {
        let lost = || {
            Error::new(ErrorKind::PositionLost, "the sink's position was written by another kind of source")
                .at("layout", position.layout.clone())
                .hint("`syncline resync JOB` forgets it and loads all tables again")
        };
        if position.layout != LAYOUT {
            return Err(lost());
        }
        serde_json::from_str(&position.at).map_err(|_| lost())
    }

    /// The position of a lane that knows nothing of the source any more, and whose tables are loaded again.
    #[must_use]
    pub fn forgotten(tables: impl IntoIterator<Item = TableName>) -> Self {
        let tables = tables.into_iter().map(|name| (name.to_string(), Loaded::AGAIN)).collect();
        Self { capture: String::new(), tick: Tick { number: 0, token: String::new() }, tables, whole: false }
    }

    /// The position of a lane that begins, where these tables were at the sink before.
    pub(super) fn beginning(capture: String, tick: Tick, known: &BTreeSet<String>) -> Self {
        let tables = known.iter().map(|name| (name.clone(), Loaded::AGAIN)).collect();
        Self { capture, tick, tables, whole: false }
    }

    /// How many tables are loaded.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.tables.values().filter(|l| !l.is_again()).count()
    }

    /// Whether that table is loaded.
    #[must_use]
    pub fn has(&self, table: &TableName) -> bool {
        self.tables.get(&table.to_string()).is_some_and(|l| !l.is_again())
    }

    /// The same place, with this table to be loaded again.
    pub fn forget(&mut self, table: &TableName) {
        self.tables.insert(table.to_string(), Loaded::AGAIN);
    }

    /// The same place, with all other tables to be loaded again, should they come back.
    pub(super) fn forget_all_but(&mut self, asked: &BTreeSet<String>) {
        for (_, loaded) in self.tables.iter_mut().filter(|(name, _)| !asked.contains(*name)) {
            *loaded = Loaded::AGAIN;
        }
    }

    /// The same place, with all tables of another one to be loaded again.
    pub fn forget_those_of(&mut self, other: &Self) {
        self.tables.extend(other.tables.keys().map(|name| (name.clone(), Loaded::AGAIN)));
    }

    /// The same place, with all that a side lane has: every table goes on where it is, each after its own tick. Where the
    /// side lane read what is no longer captured, its tables are loaded again.
    pub fn adopt(&mut self, side: &Self) {
        for loaded in self.tables.values_mut().filter(|l| !l.is_again()) {
            loaded.at = loaded.at.max(self.tick.number);
        }
        let of_old = side.capture != self.capture;
        for (name, loaded) in &side.tables {
            let at = loaded.at.max(side.tick.number);
            let again = of_old || loaded.is_again();
            self.tables.insert(name.clone(), if again { Loaded::AGAIN } else { Loaded { at, ..*loaded } });
        }
        if !of_old && side.tick.number < self.tick.number {
            self.tick = side.tick.clone();
        }
    }

    /// As it is stored.
    ///
    /// # Errors
    /// Never in practice; [`ErrorKind::Bug`].
    pub fn position(&self) -> Result<Position> {
        let at = serde_json::to_string(self)
            .map_err(|e| Error::new(ErrorKind::Bug, "a position cannot be written").caused_by(e))?;
        Ok(Position::new(LAYOUT, at))
    }
}

#[cfg(test)]
mod tests;
