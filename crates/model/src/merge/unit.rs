//! Changes as they travel in a sync group.

use super::rank::Rank;
use super::row::Cells;
use crate::origin::Origin;
use crate::stamp::Stamp;

/// What is applied as one: one transaction of one origin (I3). It travels unaltered through every hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The node where it was first made.
    pub origin: Origin,
    /// Its changes, by rising number and stamp; never empty.
    pub changes: Vec<Change>,
}

impl Unit {
    /// Number of its first change.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.changes.first().map_or(0, |change| change.number)
    }

    /// Number of its last change.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.changes.last().map_or(0, |change| change.number)
    }

    /// Its newest stamp.
    #[must_use]
    pub fn newest(&self) -> Stamp {
        self.changes.last().map_or(Stamp::ZERO, |change| change.stamp)
    }
}

/// One numbered and stamped change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The origin's own gapless count, from 1.
    pub number: u64,
    /// When, by the origin's clock; greater than that of its every earlier change.
    pub stamp: Stamp,
    /// What it does to rows: one edit, or two where a row changed its key (a delete and an insert with one stamp).
    pub edits: Vec<Edit>,
}

/// What a change does to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Position of the table in the group.
    pub table: usize,
    /// The row.
    pub key: Cells,
    /// Insert, update or delete.
    pub deed: Deed,
    /// By register: all of them for an insert, those that changed for an update. For a delete all, without values: what
    /// its maker saw.
    pub writes: Vec<Write>,
}

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A new row.
    Insert,
    /// Other values.
    Update,
    /// The row is gone.
    Delete,
}

/// One register's share of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The register.
    pub register: usize,
    /// Its new value; empty for a delete.
    pub value: Cells,
    /// The rank that it replaced at its maker; absent where the maker had nothing there. A stamp alone would not do: two
    /// origins can have equal ones, and then a lost value would be taken for one that was seen.
    pub base: Option<Rank>,
}
