//! How far a source was read.

use serde::{Deserialize, Serialize};

/// How far a source was read: versioned text that only the connector which made it understands.
///
/// The engine stores it and hands it back; it never parses or compares it. Whoever resumes says which
/// layout it expects with [`Position::layout`], so a newer layout is refused instead of misread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Who made it and in which layout, for example `sqlite.snapshot/1`.
    pub layout: String,
    /// The connector's own text. No secret and no cell value goes in here (I15).
    pub at: String,
}

impl Position {
    /// A position of the given layout.
    #[must_use]
    pub fn new(layout: &str, at: impl Into<String>) -> Self {
        Self { layout: layout.to_owned(), at: at.into() }
    }
}

/// The fencing counter of a lane: taking a lane over is `epoch + 1`, and every commit says "where epoch is mine".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of whoever takes over from `self`.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
