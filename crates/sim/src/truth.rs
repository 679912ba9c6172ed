//! What really happened, as no node knows it: who made which change, and what was before that user's eyes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_model::merge::{Edit, Lost, Rank, RowLoss, Unit, Vector};
use syncline_model::origin::Origin;

use crate::database::key_number;

/// A place in a conflict list: table, row, register (none for a delete), and the change whose value was lost.
pub type Place = (usize, i64, Option<usize>, Rank);

/// A change as it was made.
#[derive(Debug)]
pub struct Made {
    pub edits: Vec<Edit>,
    saw: Arc<Vector>,
}

/// Everything that was made and everything that was recorded.
#[derive(Debug, Default)]
pub struct Truth {
    pub made: BTreeMap<Rank, Made>,
    /// Numbers at which a unit ends.
    ends: BTreeSet<(Origin, u64)>,
    /// Committed transactions of users.
    pub transactions: u64,
    /// Units that nodes made of what they captured.
    pub units: u64,
    /// All conflict rows that any node ever wrote.
    pub recorded: BTreeSet<Place>,
}

impl Truth {
    /// Notes a new unit and what its user saw.
    pub fn fold(&mut self, unit: &Unit, saw: &Vector) {
        let saw = Arc::new(saw.clone());
        self.units += 1;
        self.ends.insert((unit.origin, unit.last()));
        for change in &unit.changes {
            let rank = Rank { stamp: change.stamp, origin: unit.origin };
            self.made.insert(rank, Made { edits: change.edits.clone(), saw: saw.clone() });
        }
    }

    /// Whether the maker of `change` had `other` in the database when writing it. Of its own changes it had the earlier.
    pub fn saw(&self, change: Rank, other: Rank) -> bool {
        if change.origin == other.origin {
            return change.stamp > other.stamp;
        }
        self.made.get(&change).is_some_and(|made| made.saw.covers(other))
    }

    /// Whether the numbers of that vector all end units.
    pub fn is_whole(&self, vector: &Vector) -> bool {
        vector.iter().all(|(origin, seen)| seen.number == 0 || self.ends.contains(&(origin, seen.number)))
    }

    /// Notes what a node wrote down as lost.
    pub fn record(&mut self, losses: &[RowLoss]) {
        self.recorded.extend(losses.iter().map(place));
    }
}

/// Where a loss stands in a conflict list.
pub fn place(loss: &RowLoss) -> Place {
    let register = match &loss.loss.lost {
        Lost::Value { register, .. } => Some(*register),
        Lost::Delete => None,
    };
    (loss.table, key_number(&loss.key), register, loss.loss.rank)
}
