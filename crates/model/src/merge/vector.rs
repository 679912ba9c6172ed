//! What a node has seen of each origin.

use crate::error::{Error, ErrorKind, Result};
use crate::merge::rank::Rank;
use crate::origin::Origin;
use crate::stamp::Stamp;

/// How far one origin was seen: number and stamp of its last change. Both rise together, so either tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Number of the last change seen; 0 before the first.
    pub number: u64,
    /// Its stamp.
    pub stamp: Stamp,
}

/// How far each origin was seen. What is not named was not seen at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vector(Vec<(Origin, Seen)>);

impl Vector {
    /// How far that origin was seen.
    #[must_use]
    pub fn of(&self, origin: Origin) -> Seen {
        self.place(origin).ok().and_then(|at| self.0.get(at)).map_or_else(Seen::default, |(_, seen)| *seen)
    }

    /// Whether the change of that rank was seen.
    #[must_use]
    pub fn covers(&self, rank: Rank) -> bool {
        self.of(rank.origin).stamp >= rank.stamp
    }

    /// Whether everything that `other` has seen was seen here too.
    #[must_use]
    pub fn covers_all(&self, other: &Self) -> bool {
        other.0.iter().all(|(origin, seen)| self.of(*origin).number >= seen.number)
    }

    /// Notes changes of an origin from number `first` to `last`, the newest stamped `stamp`.
    ///
    /// # Errors
    /// [`ErrorKind::PositionLost`] if numbers are missing between what was seen and `first`: a vector that passed a gap
    /// would never ask for it again (I10).
    pub fn advance(&mut self, origin: Origin, first: u64, last: u64, stamp: Stamp) -> Result<()> {
        let seen = self.of(origin);
        if first > seen.number.saturating_add(1) {
            return Err(Error::new(ErrorKind::PositionLost, "changes of an origin are missing before what arrived")
                .at("origin", origin.to_string())
                .at("seen", seen.number.to_string())
                .at("arrived", first.to_string()));
        }
        if last > seen.number {
            self.set(origin, Seen { number: last, stamp });
        }
        Ok(())
    }

    /// Takes in what `other` has seen. Only for what is known of a third node: one's own vector rises by
    /// [`advance`](Self::advance), or with a whole state ([`State::join`](super::State::join)).
    pub fn join(&mut self, other: &Self) {
        for (origin, seen) in &other.0 {
            if seen.number > self.of(*origin).number {
                self.set(*origin, *seen);
            }
        }
    }

    /// What all of them have seen; nothing if there are none.
    #[must_use]
    pub fn meet<'a>(mut vectors: impl Iterator<Item = &'a Self>) -> Self {
        let mut meet = vectors.next().cloned().unwrap_or_default();
        for vector in vectors {
            for (origin, seen) in &mut meet.0 {
                let other = vector.of(*origin);
                if other.number < seen.number {
                    *seen = other;
                }
            }
        }
        meet
    }

    /// What is causally stable at a node that has seen `own`: each change of it was seen by all `members`, and whatever
    /// this node has not seen yet was made after its maker had seen it. Nothing where that is not certain.
    ///
    /// That all members have seen a delete is not enough to forget it: one may have made an older change of the row
    /// before, and that change may still be on its way here (F99). So this node must also have seen all that a member
    /// had seen, its own changes included, when it showed its vector.
    #[must_use]
    pub fn stable<'a>(own: &Self, members: impl Iterator<Item = &'a Self> + Clone) -> Self {
        if members.clone().all(|member| own.covers_all(member)) { Self::meet(members) } else { Self::default() }
    }

    /// The origins with what was seen of them.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, Seen)> + '_ {
        self.0.iter().copied()
    }

    fn place(&self, origin: Origin) -> std::result::Result<usize, usize> {
        self.0.binary_search_by_key(&origin, |(of, _)| *of)
    }

    fn set(&mut self, origin: Origin, seen: Seen) {
        match self.place(origin) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = seen;
                }
            }
            Err(at) => self.0.insert(at, (origin, seen)),
        }
    }
}
