//! Showing what the state says: what a transaction writes, and that it is neither more nor less than the view says.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::merge::{Fate, Group, Reason, Ripple, RowKey, State, ripple, view};

use super::reader::{Fates, Reader, touched, wanted};
use super::{Locks, Node, Users, inner};
use crate::database::{Row, key_number, number, values};
use crate::history::World;
use crate::judge::{self, Broken, broken};
use crate::setup::{ITEMS, OWNERS, TABLES};
use crate::wrong::Wrong;

/// Rows to be written, by table and key; absent are those to be removed.
type Writes = Vec<(usize, i64, Option<Row>)>;
/// What follows from what a transaction touched.
type Ripples = BTreeMap<RowKey, Ripple>;

const PROMISE: &str = "V(S) what is worked out from a transaction's rows is what all rows say";

impl Node {
    /// Shows what follows from the touched rows, as part of a transaction. Says whether it may be committed: if not, what
    /// users have written meanwhile has to be folded first.
    pub(super) fn show_within(
        &mut self,
        world: &mut World,
        locks: &mut Locks,
        users: &mut Users,
    ) -> Result<bool, Broken> {
        if self.touched.is_empty() {
            return Ok(true);
        }
        users.committed = false;
        let ripples = self.ripples(world, locks, users)?;
        let (fates, writes) = self.due_writes(world, &ripples);
        let spoiled = world.is(Wrong::FoldBeforeLock) || world.is(Wrong::LocksOnlyWhatItBrings);
        if !spoiled {
            locks.extend(writes.iter().map(|(table, id, _)| (*table, *id)));
            if users.committed && !world.is(Wrong::UnfoldedRead) {
                return Ok(false);
            }
        }
        let raced = !world.is(Wrong::FoldBeforeLock) && users.race(world, &mut self.database, locks);
        let spare = (raced && !spoiled).then(|| self.database.clone());
        let written = !writes.is_empty();
        self.write(world, writes);
        if written && !self.database.is_sound() {
            // A constraint of the database refuses what meets what somebody wrote in the last moment.
            if let Some(database) = spare {
                self.database = database;
                world.counts.collided += 1;
                return Ok(false);
            }
            let what = format!("node {} shows {:?}", self.at, self.database);
            return broken("V(S) constraints hold in every image", what);
        }
        count(world, &ripples);
        self.fates = fates;
        self.touched.clear();
        self.judge_shown(world)?;
        Ok(true)
    }

    /// Shows what the state says: what a node does that has just joined.
    pub fn show(&mut self, world: &mut World) -> Result<(), Broken> {
        let mut users = self.users(world, 0);
        self.show_within(world, &mut Locks::new(), &mut users).map(|_| ())
    }

    /// Takes in all that another node knows.
    pub fn take_all(&mut self, group: &Group, state: &State) -> Result<(), Broken> {
        for table in 0..TABLES.len() {
            state.rows(table).for_each(|(key, _)| self.touch(table, key));
        }
        self.state.join(group, state).map_err(inner)
    }

    /// Nobody sees that tombstones were released.
    pub(super) fn released(&mut self, world: &mut World, before: &State) -> Result<(), Broken> {
        for table in 0..TABLES.len() {
            for (key, row) in before.rows(table).filter(|(key, row)| self.state.row(table, key) != Some(row)) {
                world.counts.released += u64::from(self.state.row(table, key).is_none());
                self.touched.insert((table, key.clone()), Some(row.clone()));
            }
        }
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut users = self.users(world, 0);
        let ripples = self.ripples(world, &mut Locks::new(), &mut users)?;
        self.touched.clear();
        if let Some((at, ripple)) = ripples.first_key_value() {
            return broken(PROMISE, format!("a release made {ripple:?} of {at:?}"));
        }
        self.judge_shown(world)
    }

    fn ripples(&mut self, world: &mut World, locks: &mut Locks, users: &mut Users) -> Result<Ripples, Broken> {
        let touched = touched(world, &self.touched, &self.fates, &self.state);
        let group = world.setup.group.clone();
        let Self { state, fates, database, .. } = self;
        let mut reader = Reader { world, state, fates, database, locks, users, waiting_asked: false };
        let mut ripples = ripple(&group, &mut reader, &touched).map_err(inner)?;
        if world.is(Wrong::ReasonsNotUpdated) {
            let parked = |fate| matches!(fate, Some(Fate::Parked(_)));
            ripples.retain(|_, ripple| !(parked(ripple.was) && parked(ripple.fate)));
        }
        Ok(ripples)
    }

    /// What is to be written so that the tables show what the state says, and all fates after that. Of the touched rows
    /// each is compared: users have written some of them.
    fn due_writes(&self, world: &World, ripples: &Ripples) -> (Fates, Writes) {
        let group = &world.setup.group;
        let mut fates = self.fates.clone();
        let mut rows: BTreeSet<RowKey> = self.touched.keys().cloned().collect();
        for (at, ripple) in ripples {
            if let Some(fates) = fates.get_mut(at.0) {
                match ripple.fate {
                    Some(fate) => fates.insert(at.1.clone(), fate),
                    None => fates.remove(&at.1),
                };
            }
            rows.insert(at.clone());
        }
        if world.is(Wrong::UniqueByArrival) {
            fates = self.view_by_arrival(group);
            rows.extend(
                (OWNERS..=ITEMS).flat_map(|table| self.state.rows(table).map(move |(key, _)| (table, key.clone()))),
            );
        }
        let writes = rows.into_iter().filter_map(|(table, key)| {
            let fate = fates.get(table).and_then(|fates| fates.get(&key)).copied();
            let (id, wanted) = (key_number(&key), wanted(group, &self.state, table, &key, fate));
            (self.database.table(table).get(&id) != wanted.as_ref()).then_some((table, id, wanted))
        });
        let writes = writes.collect();
        (fates, writes)
    }

    /// Writes rows without capturing them.
    fn write(&mut self, world: &mut World, writes: Writes) {
        let wall_ms = self.wall_ms(world);
        world.counts.writes += writes.len() as u64;
        let cascades = world.is(Wrong::Cascades);
        for (table, id, row) in writes {
            let children = if cascades && table == OWNERS && row.is_none() { self.items_of(id) } else { Vec::new() };
            if world.is(Wrong::NoEchoMark) {
                self.database.write_captured(table, id, row, &self.vector, wall_ms);
            } else {
                self.database.write(table, id, row);
            }
            for item in children {
                self.database.write_captured(ITEMS, item, None, &self.vector, wall_ms);
            }
        }
    }

    /// What is shown and parked is the view of all rows, and the tables hold it, but for what users have written since.
    fn judge_shown(&self, world: &World) -> Result<(), Broken> {
        let group = &world.setup.group;
        // The view itself is judged now and then, by another way; what it says is compared each time.
        if world.counts.deliveries.is_multiple_of(4) {
            judge::fates(group, &self.state, &self.fates)?;
        }
        let view = view(group, &self.state);
        if view != self.fates {
            return broken(PROMISE, format!("node {} shows {:?} and the view is {view:?}", self.at, self.fates));
        }
        let unfolded = self.database.unfolded();
        for (table, fates) in view.iter().enumerate() {
            let rows = self.database.table(table);
            let mut visible = 0;
            for (key, fate) in fates.iter().filter(|(_, fate)| **fate == Fate::Visible) {
                let (id, wanted) = (key_number(key), wanted(group, &self.state, table, key, Some(*fate)));
                visible += usize::from(!unfolded.contains(&(table, id)));
                if rows.get(&id) != wanted.as_ref() && !unfolded.contains(&(table, id)) {
                    let what = format!("node {} has {:?} in table {table}, not {wanted:?}", self.at, rows.get(&id));
                    return broken(PROMISE, what);
                }
            }
            if rows.keys().filter(|id| !unfolded.contains(&(table, **id))).count() != visible {
                return broken(PROMISE, format!("node {} has rows in table {table} that nobody should see", self.at));
            }
        }
        Ok(())
    }
}

fn count(world: &mut World, ripples: &Ripples) {
    let admitted = |fate| matches!(fate, Some(Fate::Visible | Fate::Parked(Reason::Reference(_))));
    let parked = |fate| matches!(fate, Some(Fate::Parked(_)));
    let counts = &mut world.counts;
    for ripple in ripples.values() {
        let (was, is) = (ripple.was, ripple.fate);
        let clash = match is {
            Some(Fate::Parked(Reason::Unique(unique))) => Some(unique),
            _ => None,
        };
        counts.parked += u64::from(!parked(was) && parked(is));
        counts.returned += u64::from(parked(was) && !parked(is));
        counts.evicted += u64::from(admitted(was) && clash.is_some());
        counts.admitted += u64::from(parked(was) && !admitted(was) && admitted(is));
        counts.orphaned += u64::from(was == Some(Fate::Visible) && parked(is) && admitted(is));
        counts.reunited += u64::from(parked(was) && admitted(was) && is == Some(Fate::Visible));
        counts.reasons += u64::from(parked(was) && parked(is));
        counts.second += u64::from(was != is && clash.is_some_and(|unique| unique > 0));
    }
    let (chains, circles) = links(&world.setup.group, ripples);
    world.counts.chains += chains;
    world.counts.circles += circles;
}

/// Among the rows that came or went: how many did so with parent and parent's parent, and how many came in a circle.
fn links(group: &Group, ripples: &Ripples) -> (u64, u64) {
    let visible = |fate| fate == Some(Fate::Visible);
    let moved = || ripples.iter().filter(|(_, ripple)| visible(ripple.was) != visible(ripple.fate));
    if moved().nth(1).is_none() {
        return (0, 0);
    }
    let cells = moved().filter_map(|(at, ripple)| {
        let cells = group.table(at.0)?.cells(&at.1, ripple.row.as_ref()?)?;
        Some((at.0, cells.iter().map(number).collect::<Row>(), visible(ripple.fate)))
    });
    let moved: Vec<(usize, Row, bool)> = cells.collect();
    let parents = moved.iter().map(|(table, row, _)| {
        let refers = |to: usize, parent: &[Option<i64>]| {
            let mut references = TABLES.get(*table).into_iter().flat_map(|table| table.references);
            references.any(|reference| {
                let wanted = values(row, reference.columns);
                reference.to == to && wanted.is_some() && wanted == values(parent, reference.to_columns)
            })
        };
        let all = moved.iter().enumerate();
        all.filter(|(_, (to, parent, _))| refers(*to, parent)).map(|(at, _)| at).collect::<BTreeSet<usize>>()
    });
    let parents: Vec<BTreeSet<usize>> = parents.collect();
    let of = |row: usize| parents.get(row).into_iter().flatten().copied().filter(move |parent| *parent != row);
    let (mut chains, mut circles) = (0, 0);
    for (row, (_, _, came)) in moved.iter().enumerate() {
        chains += u64::from(of(row).flat_map(of).any(|grand| grand != row));
        let mut reached: BTreeSet<usize> = of(row).collect();
        loop {
            let next: BTreeSet<usize> = reached.iter().copied().flat_map(of).chain(reached.iter().copied()).collect();
            if next == reached {
                break;
            }
            reached = next;
        }
        circles += u64::from(*came && reached.contains(&row));
    }
    (chains, circles)
}
