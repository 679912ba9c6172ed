//! What of a delivery may be taken in.

use std::collections::BTreeSet;

use super::unit::Unit;
use super::vector::Vector;
use crate::error::Result;
use crate::origin::Origin;
use crate::stamp::Clock;

/// What becomes of a unit that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be applied; vector and clock have taken it in.
    New,
    /// It was applied before (I5).
    Known,
    /// Its stamp lies too far in the future, or it follows one that does.
    Held,
}

/// The gate of one delivery: each unit at most once, none past a gap, none from too far in the future.
///
/// A delivery is judged by one moment, also where several transactions take it in. Else a unit could be held, and one
/// that rests on it be let in a little later.
#[derive(Debug, Clone)]
pub struct Intake {
    now_ms: u64,
    skew_ms_max: u64,
    held: BTreeSet<Origin>,
}

impl Intake {
    /// A gate for a delivery that was asked for at `now_ms` (ms since 1970 UTC) that lets stamps be `skew_ms_max` ahead.
    #[must_use]
    pub fn new(now_ms: u64, skew_ms_max: u64) -> Self {
        Self { now_ms, skew_ms_max, held: BTreeSet::new() }
    }

    /// Judges the next unit of a delivery; one that is new is noted in `vector` and `clock`, in the same transaction in
    /// which the caller applies it.
    ///
    /// A held unit holds its whole origin, for its later changes rest on it (F101). Others go on: whatever was made
    /// after somebody had taken it in has a greater stamp and is held by that.
    ///
    /// # Errors
    /// As [`Vector::advance`]; nothing was noted then.
    pub fn judge(&mut self, vector: &mut Vector, clock: &mut Clock, unit: &Unit) -> Result<Verdict> {
        if vector.of(unit.origin).number >= unit.last() {
            return Ok(Verdict::Known);
        }
        if self.held.contains(&unit.origin) {
            return Ok(Verdict::Held);
        }
        let mut received = *clock;
        if received.receive(unit.newest(), self.now_ms, self.skew_ms_max).is_err() {
            self.held.insert(unit.origin);
            return Ok(Verdict::Held);
        }
        vector.advance(unit.origin, unit.first(), unit.last(), unit.newest())?;
        *clock = received;
        Ok(Verdict::New)
    }

    /// The origins that were held.
    pub fn held(&self) -> impl Iterator<Item = Origin> + '_ {
        self.held.iter().copied()
    }
}
