//! The named steps of sync: what traces show, and where tests stop the process to kill it.

use crate::job::step::reached_name;

/// A moment between two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A member's changes are captured.
    Captured,
    /// A member has its id.
    Introduced,
    /// A member knows the others.
    Listed,
    /// A member has asserted rows.
    Asserted,
    /// A member says that first contact is over.
    Formed,
    /// The rows that a delivery brings are locked.
    Locked,
    /// What follows is worked out; nothing is written.
    Merged,
    /// The application's tables are written; nothing is durable.
    Shown,
    /// All of it is durable.
    Committed,
    /// What all have seen is forgotten.
    Tidied,
}

impl Step {
    /// Every step, in the order of a group's first run.
    pub const ALL: [Self; 10] = [
        Self::Captured,
        Self::Introduced,
        Self::Listed,
        Self::Asserted,
        Self::Formed,
        Self::Locked,
        Self::Merged,
        Self::Shown,
        Self::Committed,
        Self::Tidied,
    ];

    /// Its name in traces and in `SYNCLINE_PAUSE_AT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Captured => "sync_captured",
            Self::Introduced => "sync_introduced",
            Self::Listed => "sync_listed",
            Self::Asserted => "sync_asserted",
            Self::Formed => "sync_formed",
            Self::Locked => "sync_locked",
            Self::Merged => "sync_merged",
            Self::Shown => "sync_shown",
            Self::Committed => "sync_committed",
            Self::Tidied => "sync_tidied",
        }
    }
}

/// Says that a step was reached.
pub fn reached(step: Step) {
    reached_name(step.name());
}
