//! The one order of all changes.

use std::fmt;

use crate::origin::Origin;
use crate::stamp::Stamp;

/// A change's place in the one order of all changes of a sync group: by stamp, then by origin (F102).
///
/// An origin gives no stamp twice, so two changes of one rank exist only where a node was cloned. Even then all nodes
/// agree: [`Register`](super::Register) goes on to compare the values themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// When, by the maker's hybrid logical clock.
    pub stamp: Stamp,
    /// Who.
    pub origin: Origin,
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.stamp, self.origin)
    }
}
