//! How often things happened in a history.

/// How often things happened, to see that they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Units made of users' transactions.
    pub units: u64,
    /// Units taken in by other nodes.
    pub deliveries: u64,
    /// Units sent.
    pub sent: u64,
    /// Units that arrived once more.
    pub known: u64,
    /// Rows written by imports and folds.
    pub writes: u64,
    /// Losses that were noticed.
    pub conflicts: u64,
    /// Values of parked rows that somebody inserted over.
    pub hidden: u64,
    /// Rows that were parked.
    pub parked: u64,
    /// Rows that returned, or were deleted while parked.
    pub returned: u64,
    /// Rows that lost what they claimed to an earlier claim.
    pub evicted: u64,
    /// Parked rows that got what they claim.
    pub admitted: u64,
    /// Visible rows that were parked for want of a parent.
    pub orphaned: u64,
    /// Rows that returned with their parent.
    pub reunited: u64,
    /// Parked rows whose reason became another.
    pub reasons: u64,
    /// Rows parked for another unique index than their table's first.
    pub second: u64,
    /// Rows that came or went with their parent and with its parent.
    pub chains: u64,
    /// Rows that returned and refer to themselves, by way of others that returned with them.
    pub circles: u64,
    /// Times that a transaction asked for rows.
    pub asked: u64,
    /// Rows that it was answered with.
    pub read: u64,
    /// Imports that began again, because what they wrote met what somebody wrote.
    pub collided: u64,
    /// Rows that a change revived.
    pub revived: u64,
    /// Tombstones released.
    pub released: u64,
    /// Units held for their stamps.
    pub held: u64,
    /// Deliveries refused for a gap in an origin's numbers.
    pub gaps: u64,
    /// Pieces refused as not the next ones.
    pub refused: u64,
    /// Users' transactions that got in between.
    pub raced: u64,
    /// Imports that began again, because somebody wrote what they came to touch.
    pub repeated: u64,
    /// Crashes.
    pub crashes: u64,
    /// Nodes that joined late or again.
    pub joined: u64,
    /// Nodes that were expelled.
    pub expelled: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            units: self.units + other.units,
            deliveries: self.deliveries + other.deliveries,
            sent: self.sent + other.sent,
            known: self.known + other.known,
            writes: self.writes + other.writes,
            conflicts: self.conflicts + other.conflicts,
            hidden: self.hidden + other.hidden,
            parked: self.parked + other.parked,
            returned: self.returned + other.returned,
            evicted: self.evicted + other.evicted,
            admitted: self.admitted + other.admitted,
            orphaned: self.orphaned + other.orphaned,
            reunited: self.reunited + other.reunited,
            reasons: self.reasons + other.reasons,
            second: self.second + other.second,
            chains: self.chains + other.chains,
            circles: self.circles + other.circles,
            asked: self.asked + other.asked,
            read: self.read + other.read,
            collided: self.collided + other.collided,
            revived: self.revived + other.revived,
            released: self.released + other.released,
            held: self.held + other.held,
            gaps: self.gaps + other.gaps,
            refused: self.refused + other.refused,
            raced: self.raced + other.raced,
            repeated: self.repeated + other.repeated,
            crashes: self.crashes + other.crashes,
            joined: self.joined + other.joined,
            expelled: self.expelled + other.expelled,
        }
    }

    /// With their names.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("units", self.units),
            ("deliveries", self.deliveries),
            ("sent", self.sent),
            ("known", self.known),
            ("writes", self.writes),
            ("conflicts", self.conflicts),
            ("hidden", self.hidden),
            ("parked", self.parked),
            ("returned", self.returned),
            ("evicted", self.evicted),
            ("admitted", self.admitted),
            ("orphaned", self.orphaned),
            ("reunited", self.reunited),
            ("reasons", self.reasons),
            ("second", self.second),
            ("chains", self.chains),
            ("circles", self.circles),
            ("asked", self.asked),
            ("read", self.read),
            ("collided", self.collided),
            ("revived", self.revived),
            ("released", self.released),
            ("held", self.held),
            ("gaps", self.gaps),
            ("refused", self.refused),
            ("raced", self.raced),
            ("repeated", self.repeated),
            ("crashes", self.crashes),
            ("joined", self.joined),
            ("expelled", self.expelled),
        ]
    }
}
