//! Where a node does wrong what a [`Wrong`] says; with none of them these do nothing of their own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_model::CellBuf;
use syncline_model::Result;
use syncline_model::change::ChangeBuf;
use syncline_model::merge::{
    Cells, Change, Deletes, Edit, Fate, Folded, Group, Intake, Rank, Reason, RowLoss, RowState, State, Unit, Verdict,
    Write, fold, view,
};
use syncline_model::origin::Origin;
use syncline_model::stamp::{Clock, Stamp};

use super::reader::Fates;
use super::{Locks, Node, inner};
use crate::database::{Captured, key, key_number, number};
use crate::history::World;
use crate::judge::Broken;
use crate::setup::{BADGE, ITEMS, OWNER, OWNERS};
use crate::wrong::Wrong;

impl Node {
    /// The fold of the model, or one whose result was tampered with before the state took it in.
    pub(super) fn fold_or_spoil(&mut self, world: &World, captured: &Captured) -> Result<Folded> {
        let last = self.vector.of(self.origin).number;
        let group = &world.setup.group;
        let spoils = [Wrong::WallClock, Wrong::NoBase, Wrong::OneBaseForAll].into_iter().any(|wrong| world.is(wrong));
        if !spoils {
            return fold(&mut self.state, group, self.origin, last, &mut self.clock, &captured.changes);
        }
        let mut folded = fold(&mut self.state.clone(), group, self.origin, last, &mut self.clock, &captured.changes)?;
        let wall_ms = self.wall_ms(world);
        for (at, change) in folded.unit.iter_mut().flat_map(|unit| &mut unit.changes).enumerate() {
            if world.is(Wrong::WallClock) {
                change.stamp = Stamp::new(wall_ms, u16::try_from(at).unwrap_or(0));
            }
            for edit in &mut change.edits {
                let newest = edit.writes.iter().filter_map(|write| write.base).max();
                let base = |write: &Write| match world.wrong {
                    Some(Wrong::NoBase) => None,
                    Some(Wrong::OneBaseForAll) => newest,
                    _ => write.base,
                };
                edit.writes = edit.writes.iter().map(|write| Write { base: base(write), ..write.clone() }).collect();
            }
        }
        for change in folded.unit.iter().flat_map(|unit| &unit.changes) {
            self.state.apply(group, self.origin, change)?;
        }
        Ok(folded)
    }

    pub(super) fn judge_past_gap(&mut self, intake: &mut Intake, unit: &Unit) -> Result<Verdict> {
        let seen = self.vector.of(unit.origin);
        if unit.first() > seen.number + 1 {
            self.vector.advance(unit.origin, seen.number + 1, unit.first() - 1, seen.stamp)?;
        }
        intake.judge(&mut self.vector, &mut self.clock, unit)
    }

    pub(super) fn spoil_ties(&mut self, world: &World, rank: Rank, edits: &[Edit]) -> std::result::Result<(), Broken> {
        if !world.is(Wrong::TieByArrival) {
            return Ok(());
        }
        for edit in edits {
            let Some(mut row) = self.state.row(edit.table, &edit.key).cloned() else { continue };
            for register in row.registers.iter_mut().flatten() {
                if register.rank.stamp == rank.stamp {
                    register.rank.origin = Origin(0);
                }
            }
            self.state.put(edit.table, edit.key.clone(), row).map_err(inner)?;
        }
        Ok(())
    }

    pub(super) fn spoil_base<'a>(&self, world: &World, change: &'a Change) -> Cow<'a, Change> {
        if !world.is(Wrong::BaseWithoutOrigin) {
            return Cow::Borrowed(change);
        }
        let mut change = change.clone();
        for edit in &mut change.edits {
            let Some(row) = self.state.row(edit.table, &edit.key) else { continue };
            for write in &mut edit.writes {
                let there = row.registers.get(write.register).and_then(Option::as_ref).map(|register| register.rank);
                if there.map(|rank| rank.stamp) == write.base.map(|rank| rank.stamp) {
                    write.base = there;
                }
            }
        }
        Cow::Owned(change)
    }

    pub(super) fn spoil_state(&mut self, world: &World) -> std::result::Result<(), Broken> {
        let group = &world.setup.group;
        match world.wrong {
            Some(Wrong::NoTombstone) => {
                self.keep_rows(group, |_, _, row, deletes| (!row.is_dead(deletes)).then_some(row))
            }
            Some(Wrong::LastImageNotKept) => self.keep_rows(group, |_, _, mut row, deletes| {
                if row.is_dead(deletes) {
                    row.registers.iter_mut().for_each(|register| *register = None);
                }
                Some(row)
            }),
            Some(Wrong::ParkedForgotten) => {
                let fates = view(group, &self.state);
                self.keep_rows(group, |table, key, row, _| {
                    let fate = fates.get(table).and_then(|fates| fates.get(key));
                    (!matches!(fate, Some(Fate::Parked(_)))).then_some(row)
                })
            }
            _ => Ok(()),
        }
    }

    fn keep_rows(
        &mut self,
        group: &Group,
        kept: impl Fn(usize, &Cells, RowState, Deletes) -> Option<RowState>,
    ) -> std::result::Result<(), Broken> {
        let mut state = State::new(group);
        for (table, rules) in group.tables().iter().enumerate() {
            for (key, row) in self.state.rows(table) {
                let after = kept(table, key, row.clone(), rules.deletes());
                if after.as_ref() != Some(row) {
                    self.touched.entry((table, key.clone())).or_insert_with(|| Some(row.clone()));
                }
                if let Some(row) = after {
                    state.put(table, key.clone(), row).map_err(inner)?;
                }
            }
        }
        self.state = state;
        Ok(())
    }

    /// Whoever is in the table keeps the badge.
    pub(super) fn view_by_arrival(&self, group: &Group) -> Fates {
        let live = |table: usize| {
            let rules = group.table(table);
            let rows = self.state.rows(table).filter_map(move |(key, row)| {
                let rules = rules.filter(|rules| row.is_live(rules.deletes()))?;
                let column = if table == OWNERS { BADGE } else { OWNER };
                Some((key.clone(), rules.cells(key, row)?.get(column).and_then(number)))
            });
            rows.collect::<Vec<_>>()
        };
        let mut owners = live(OWNERS);
        owners.sort_by_key(|(key, _)| !self.database.table(OWNERS).contains_key(&key_number(key)));
        let mut taken = Vec::new();
        let mut fates = view(group, &self.state);
        fates.iter_mut().take(ITEMS + 1).for_each(BTreeMap::clear);
        for (key, badge) in owners {
            let free = badge.is_none_or(|badge| !taken.contains(&badge));
            taken.extend(badge);
            let fate = if free { Fate::Visible } else { Fate::Parked(Reason::Unique(0)) };
            fates.first_mut().map(|fates| fates.insert(key, fate));
        }
        for (item, owner) in live(ITEMS) {
            let parent = owner.map(|owner| fates.first().and_then(|fates| fates.get(&key(owner))).copied());
            let waits = parent.is_some_and(|fate| fate != Some(Fate::Visible));
            let fate = if waits { Fate::Parked(Reason::Reference(0)) } else { Fate::Visible };
            fates.get_mut(ITEMS).map(|fates| fates.insert(item, fate));
        }
        fates
    }

    pub(super) fn items_of(&self, owner: i64) -> Vec<i64> {
        let items = self.database.table(ITEMS).iter();
        items.filter(|(_, row)| row.get(OWNER).copied().flatten() == Some(owner)).map(|(id, _)| *id).collect()
    }

    /// What a crash leaves where the vector is made durable before the rows.
    pub fn keep_vector_only(&mut self, units: &[Arc<Unit>]) {
        for unit in units {
            let gap = self.vector.advance(unit.origin, unit.first(), unit.last(), unit.newest()).is_err();
            if gap {
                break;
            }
            self.applied.insert(unit.origin, unit.last());
        }
    }
}

/// The changes of rows that an import brings, and the others.
pub(super) fn split(captured: Captured, brought: &Locks) -> (Option<Captured>, Option<Captured>) {
    let brings = |(table, change): &(usize, ChangeBuf)| {
        let cells: [Option<&Option<CellBuf>>; 2] = [change.before.first(), change.after.first()];
        cells.into_iter().flatten().flatten().filter_map(number).any(|id| brought.contains(&(*table, id)))
    };
    let Captured { changes, saw, by_user } = captured;
    let (now, later): (Vec<_>, Vec<_>) = changes.into_iter().partition(brings);
    let part = |changes: Vec<_>| (!changes.is_empty()).then(|| Captured { changes, saw: saw.clone(), by_user });
    (part(now), part(later))
}

/// What is written down of what was lost.
pub(super) fn losses(world: &World, rank: Rank, losses: Vec<RowLoss>) -> Vec<RowLoss> {
    let kept = |loss: &RowLoss| match world.wrong {
        Some(Wrong::ConflictOnlyIfLate) => loss.loss.rank == rank,
        Some(Wrong::ConflictOnlyIfNewer) => loss.loss.rank != rank,
        _ => true,
    };
    losses.into_iter().filter(kept).collect()
}

/// A unit as it is passed on.
pub(super) fn forwarded(world: &World, clock: &mut Clock, unit: &Arc<Unit>) -> Arc<Unit> {
    if !world.is(Wrong::RestampedOnForward) {
        return unit.clone();
    }
    let mut restamped = Unit::clone(unit);
    for change in &mut restamped.changes {
        change.stamp = clock.tick(0, change.stamp);
    }
    Arc::new(restamped)
}
