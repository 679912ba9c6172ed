//! What a source retains for its lanes, and when that is too much: a lane that never comes back makes the change tables grow
//! for as long as it is known.

use serde::Serialize;

use crate::config::AlarmLimits;
use crate::connector::LaneId;

/// A lane that is behind by less retains nothing to speak of, however large the change tables are: what is removed leaves
/// room in them that is used again.
const BEHIND_S: f64 = 60.0;

/// What waits at a source for one lane.
#[derive(Debug, Clone, Serialize)]
pub struct Backlog {
    /// The lane.
    pub lane: LaneId,
    /// Changes that it has not confirmed, of all captured tables.
    pub changes: u64,
    /// Seconds since the oldest of them was made; absent if there is none.
    pub age_s: Option<f64>,
}

/// What a source retains because not every lane has confirmed it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Retained {
    /// Room that the change tables take with their indexes, also for what was removed and is not used again yet.
    pub bytes: u64,
    /// Whether the database only estimates that.
    pub estimated: bool,
    /// The lanes that read here.
    pub lanes: Vec<RetainedFor>,
}

/// One lane's part in what is retained.
#[derive(Debug, Clone, Serialize)]
pub struct RetainedFor {
    /// The lane.
    pub lane: LaneId,
    /// Seconds since the oldest change was made that it has not confirmed; absent if there is none.
    pub age_s: Option<f64>,
}

impl Retained {
    /// The lane with the oldest change that is not confirmed, and how old that is.
    #[must_use]
    pub fn slowest(&self) -> Option<(&LaneId, f64)> {
        let waiting = self.lanes.iter().filter_map(|of| Some((&of.lane, of.age_s?)));
        waiting.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The alarm, if it is too much.
    #[must_use]
    pub fn alarm(&self, limits: AlarmLimits) -> Option<Alarm> {
        let (lane, age_s) = self.slowest()?;
        let by_age = age_s > limits.age.as_secs_f64();
        let by_size = self.bytes > limits.size_bytes && age_s > BEHIND_S;
        (by_age || by_size).then(|| Alarm { lane: lane.clone(), age_s, bytes: self.bytes, by_age, by_size })
    }
}

/// A source retains too much.
#[derive(Debug, Clone, Serialize)]
pub struct Alarm {
    /// The lane for which it does.
    pub lane: LaneId,
    /// Seconds since the oldest change was made that this lane has not confirmed.
    pub age_s: f64,
    /// Room that the change tables take.
    pub bytes: u64,
    /// Whether the change is too old.
    pub by_age: bool,
    /// Whether the tables are too large.
    pub by_size: bool,
}

impl Alarm {
    /// Whether it says what another one said, but for how much it has become.
    #[must_use]
    pub fn is_still(&self, before: &Self) -> bool {
        (&self.lane, self.by_age, self.by_size) == (&before.lane, before.by_age, before.by_size)
    }
}

#[cfg(test)]
mod tests;
