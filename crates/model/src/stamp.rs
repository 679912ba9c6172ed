//! Hybrid logical clock: physical milliseconds that never go back, then a counter.
//!
//! Source: Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots in Globally Distributed
//! Databases" (2014). The wall clock is an argument: this crate has none.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Time of a change: 48 bits of milliseconds since 1970 UTC, then a 16-bit counter. Ordered as one number.
///
/// Ties between nodes are broken by (origin, hash) where stamps are compared, not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Stamp(u64);

impl Stamp {
    /// Before everything; what a row without a clock has.
    pub const ZERO: Self = Self(0);
    /// Last representable millisecond (year 10889).
    pub const MILLIS_MAX: u64 = (1 << 48) - 1;

    /// The stamp of that millisecond and counter; milliseconds beyond 48 bits are cut to the maximum.
    #[must_use]
    pub const fn new(millis: u64, counter: u16) -> Self {
        let millis = if millis > Self::MILLIS_MAX { Self::MILLIS_MAX } else { millis };
        Self(millis << 16 | counter as u64)
    }

    /// Milliseconds since 1970 UTC.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// Order within the millisecond.
    #[must_use]
    pub const fn counter(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The stamp as one number, as it is stored.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The inverse of [`Stamp::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The next greater stamp; a full counter carries into the milliseconds.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}

/// A node's clock. Each stamp that it gives is greater than all that it gave or received before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    last: Stamp,
}

impl Clock {
    /// A clock that continues after `last`.
    #[must_use]
    pub const fn after(last: Stamp) -> Self {
        Self { last }
    }

    /// The newest stamp given or received.
    #[must_use]
    pub const fn last(&self) -> Stamp {
        self.last
    }

    /// Stamps a local change made at `now_ms` that replaces values stamped `replaces` (promise I8: it is greater).
    pub fn tick(&mut self, now_ms: u64, replaces: Stamp) -> Stamp {
        let floor = self.last.max(replaces).next();
        self.last = floor.max(Stamp::new(now_ms, 0));
        self.last
    }

    /// Takes a received stamp into account.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if it lies more than `skew_ms_max` after `now_ms`; the clock is then unchanged, so
    /// that one wrong clock cannot drag the others along (F101).
    pub fn receive(&mut self, stamp: Stamp, now_ms: u64, skew_ms_max: u64) -> Result<()> {
        if stamp.millis() > now_ms.saturating_add(skew_ms_max) {
            return Err(Error::new(ErrorKind::Value, "a stamp lies too far in the future")
                .at("ahead_ms", (stamp.millis() - now_ms).to_string())
                .hint("correct the clock of the node that made the change"));
        }
        self.last = self.last.max(stamp);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
