//! Telling rows that differ from rows that are on their way: what differs is looked at again.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use syncline_model::Cell;

/// Most keys that are remembered for one table (I13); with more, the table is taken to differ as it is.
const KEYS_MAX: usize = 1 << 20;

/// The keys of a table that differed each time it was looked at.
#[derive(Debug, Default)]
pub struct Moving {
    /// Hashes, so that a key costs eight bytes. Two keys with one hash can only let a row that moved count as different.
    before: Option<HashSet<u64>>,
    now: HashSet<u64>,
    overflown: bool,
}

impl Moving {
    /// Whether a difference under that key counts: it does if it was there each time before.
    pub fn counts<'c>(&mut self, key: impl Iterator<Item = Cell<'c>>) -> bool {
        if self.overflown {
            return true;
        }
        // By text, because one key may come in the types of either side.
        let (mut hasher, mut text) = (DefaultHasher::new(), String::new());
        for cell in key {
            text.clear();
            cell.format(&mut text);
            text.hash(&mut hasher);
        }
        let key = hasher.finish();
        if self.before.as_ref().is_some_and(|before| !before.contains(&key)) {
            return false;
        }
        self.now.insert(key);
        self.overflown = self.now.len() > KEYS_MAX;
        true
    }

    /// The table is about to be looked at once more; false if that would tell nothing new.
    pub fn again(&mut self) -> bool {
        self.before = Some(std::mem::take(&mut self.now));
        !self.overflown
    }
}

#[cfg(test)]
mod tests;
