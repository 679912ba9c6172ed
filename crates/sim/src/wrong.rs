//! The rules of the model and of its storage, each broken on purpose.

use std::fmt;

/// A rule that is broken. Only the simulator knows these; the model has no switch for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// A delete leaves nothing behind.
    NoTombstone,
    /// A tombstone goes as soon as its own node has seen it.
    TombstoneReleasedEarly,
    /// A tombstone goes when all members' vectors have passed it, whatever this node has not seen of theirs.
    ReleasedByVectorsAlone,
    /// A tombstone keeps no image, so a row that is revived lacks columns.
    LastImageNotKept,
    /// A forwarding node gives a change a stamp of its own.
    RestampedOnForward,
    /// Of two equal stamps, the one that arrives last wins.
    TieByArrival,
    /// Stamps are wall-clock time.
    WallClock,
    /// A crash loses the clock.
    ClockInMemory,
    /// A stamp from far in the future is taken in, and drags the clock along.
    FutureTakenIn,
    /// A held change counts as seen.
    HeldCountsAsSeen,
    /// Of two claims to a unique value, the one that is in the table stays.
    UniqueByArrival,
    /// A row that is parked is forgotten.
    ParkedForgotten,
    /// A row inserted over a parked one replaces it without a word.
    ParkedOverwritten,
    /// When a row goes, the database deletes those that refer to it.
    Cascades,
    /// An import folds first and locks then.
    FoldBeforeLock,
    /// An import locks the rows that it brings, but not those that the constraints make it touch.
    LocksOnlyWhatItBrings,
    /// An import folds the changes of the rows that it brings, and leaves the rest of their transactions for later.
    FoldsOnlyWhatItBrings,
    /// An import does not look, when all is found, whether somebody committed meanwhile.
    UnfoldedRead,
    /// When a row comes or goes, those that refer to it are not looked for.
    ChildrenNotFollowed,
    /// What a row claimed and offered before a change is not looked at.
    OldValuesNotLookedAt,
    /// When a claim is given up, those that wait for it are not looked for.
    WaitingNotLookedFor,
    /// When a row stays hidden for want of a parent, hidden parents are not worked out with it.
    HiddenParentsLeftOut,
    /// A parked row keeps the reason for which it was parked first.
    ReasonsNotUpdated,
    /// When a row that was opened by a clash is admitted, its other values are not looked at.
    OnlyDirectClashes,
    /// What an import writes is captured as if a user had written it.
    NoEchoMark,
    /// The base of a change is not kept.
    NoBase,
    /// A base is a stamp, without its origin.
    BaseWithoutOrigin,
    /// A change has one base, the newest of those that its registers replaced.
    OneBaseForAll,
    /// A conflict is noticed only by the change that comes too late.
    ConflictOnlyIfLate,
    /// A conflict is noticed only by the change that displaces another.
    ConflictOnlyIfNewer,
    /// A vector passes a gap.
    VectorPastGap,
    /// The vector is made durable before the rows.
    VectorBeforeRows,
    /// The pieces of a delivery are taken in whatever order they come.
    PiecesInAnyOrder,
    /// A node sends what it has origin by origin, not in the order in which it learned it.
    OriginByOrigin,
    /// A node sends only its own changes.
    NoForwarding,
    /// In a full mesh, where each node hears of every change from its maker, nobody forwards.
    NoForwardingInMesh,
    /// A unit travels in two halves.
    UnitsCut,
    /// One way to a node carries fewer tables than the others, under the same vector.
    PathLeavesTablesOut,
    /// A node forgets a change for others as soon as one of them has it.
    LogPrunedEarly,
    /// A node joins before all members know of it.
    JoinsUnknown,
    /// A node that was expelled goes on as if nothing had happened.
    ExpelledComesBack,
    /// What was known of members' vectors stays known when one of them is expelled.
    VectorsOutliveExpulsion,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 42] = [
        Self::NoTombstone,
        Self::TombstoneReleasedEarly,
        Self::ReleasedByVectorsAlone,
        Self::LastImageNotKept,
        Self::RestampedOnForward,
        Self::TieByArrival,
        Self::WallClock,
        Self::ClockInMemory,
        Self::FutureTakenIn,
        Self::HeldCountsAsSeen,
        Self::UniqueByArrival,
        Self::ParkedForgotten,
        Self::ParkedOverwritten,
        Self::Cascades,
        Self::FoldBeforeLock,
        Self::LocksOnlyWhatItBrings,
        Self::FoldsOnlyWhatItBrings,
        Self::UnfoldedRead,
        Self::ChildrenNotFollowed,
        Self::OldValuesNotLookedAt,
        Self::WaitingNotLookedFor,
        Self::HiddenParentsLeftOut,
        Self::ReasonsNotUpdated,
        Self::OnlyDirectClashes,
        Self::NoEchoMark,
        Self::NoBase,
        Self::BaseWithoutOrigin,
        Self::OneBaseForAll,
        Self::ConflictOnlyIfLate,
        Self::ConflictOnlyIfNewer,
        Self::VectorPastGap,
        Self::VectorBeforeRows,
        Self::PiecesInAnyOrder,
        Self::OriginByOrigin,
        Self::NoForwarding,
        Self::NoForwardingInMesh,
        Self::UnitsCut,
        Self::PathLeavesTablesOut,
        Self::LogPrunedEarly,
        Self::JoinsUnknown,
        Self::ExpelledComesBack,
        Self::VectorsOutliveExpulsion,
    ];

    /// The one of that name, as it is printed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wrong| wrong.to_string() == name)
    }
}

/// Words with hyphens: `no-tombstone`.
impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in format!("{self:?}").char_indices() {
            if at > 0 && letter.is_ascii_uppercase() {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}
