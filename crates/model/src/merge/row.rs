//! One row as a sync group knows it, and what happens when two versions of it meet.

use std::sync::Arc;

use super::rank::Rank;
use super::rules::Deletes;
use super::unit::{Deed, Edit};
use crate::cell::CellBuf;

/// Several cells: a key, or the value of a register.
pub type Cells = Arc<[CellBuf]>;

/// A value with its rank. The greater one wins; the value itself is the last tie-break, so that even two changes of
/// one rank (a cloned node) end alike everywhere. It takes the place of a hash, which would have to be stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register {
    /// Which change wrote it.
    pub rank: Rank,
    /// Its cells, in the order of the register's columns.
    pub value: Cells,
}

/// A row: a join-semilattice, because each part is a maximum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowState {
    /// The newest insert.
    pub inserted: Option<Rank>,
    /// The newest delete.
    pub deleted: Option<Rank>,
    /// The newest value of each register; absent where none is known.
    pub registers: Box<[Option<Register>]>,
}

/// Something that a person wrote and that another change displaced without having seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What was lost.
    pub lost: Lost,
    /// The change that wrote it.
    pub rank: Rank,
    /// The change that won.
    pub by: Rank,
}

/// What was lost in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// A register's value.
    Value {
        /// The register.
        register: usize,
        /// Its cells.
        value: Cells,
    },
    /// A delete: the row stays.
    Delete,
}

impl RowState {
    /// A row of which nothing is known.
    #[must_use]
    pub fn unknown(registers: usize) -> Self {
        Self { inserted: None, deleted: None, registers: vec![None; registers].into() }
    }

    /// The newest rank that speaks for the row.
    #[must_use]
    pub fn newest(&self) -> Option<Rank> {
        let registers = self.registers.iter().flatten().map(|register| register.rank);
        registers.max().max(self.inserted)
    }

    /// Whether a delete holds.
    ///
    /// *Newest*: a delete is an operation like any other, so any newer one of the row revives it. *Wins*: only a new
    /// insert does.
    #[must_use]
    pub fn is_dead(&self, deletes: Deletes) -> bool {
        let speaks = match deletes {
            Deletes::Newest => self.newest(),
            Deletes::Win => self.inserted,
        };
        self.deleted.is_some() && self.deleted >= speaks
    }

    /// Whether a value of every column is known. An update that arrives before its insert waits here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        if self.registers.is_empty() { self.inserted.is_some() } else { self.registers.iter().all(Option::is_some) }
    }

    /// Whether there is a row, as far as deletes are concerned.
    #[must_use]
    pub fn is_live(&self, deletes: Deletes) -> bool {
        self.is_complete() && !self.is_dead(deletes)
    }

    /// Takes in what another state of the same row knows: commutative, associative, idempotent.
    pub fn join(&mut self, other: &Self, deletes: Deletes) {
        self.inserted = self.inserted.max(other.inserted);
        self.deleted = self.deleted.max(other.deleted);
        for (own, other) in self.registers.iter_mut().zip(&other.registers) {
            if other > own {
                own.clone_from(other);
            }
        }
        self.erase(deletes);
    }

    /// Takes in one edit and says what was lost by it.
    ///
    /// The state afterwards is a [`join`](Self::join); what is lost decides nothing. A conflict exists only where this
    /// node's rank differs from the edit's base and from its own: an ordinary later update is none. That is exact if
    /// everything that the edit's maker knew has arrived here before (the order in which a node passes on what it
    /// learned grants it). Then a rank that is not the base cannot have been seen by the maker, who would have replaced
    /// it. Two equal values are no conflict either: nothing is lost.
    ///
    /// Of a row that is dead already no value is lost again; whoever deleted it has seen it, or has been told.
    pub fn apply(&mut self, edit: &Edit, rank: Rank, deletes: Deletes) -> Vec<Loss> {
        let was_live = self.is_live(deletes);
        let losses = match edit.deed {
            Deed::Delete => self.delete(edit, rank, was_live, deletes),
            Deed::Insert | Deed::Update => self.write(edit, rank, was_live, deletes),
        };
        self.erase(deletes);
        losses
    }

    fn delete(&mut self, edit: &Edit, rank: Rank, was_live: bool, deletes: Deletes) -> Vec<Loss> {
        self.deleted = self.deleted.max(Some(rank));
        if !was_live {
            return Vec::new();
        }
        if self.is_dead(deletes) {
            let seen = |index: usize| edit.writes.iter().find(|write| write.register == index)?.base;
            let registers = self.registers.iter().enumerate();
            let unseen = registers.filter_map(|(index, register)| {
                let register = register.as_ref().filter(|register| Some(register.rank) != seen(index))?;
                let lost = Lost::Value { register: index, value: register.value.clone() };
                Some(Loss { lost, rank: register.rank, by: rank })
            });
            return unseen.collect();
        }
        match self.newest() {
            // An update that its maker had not seen keeps the row. A newer insert is another row: nothing is lost.
            Some(by) if self.inserted < Some(rank) => vec![Loss { lost: Lost::Delete, rank, by }],
            _ => Vec::new(),
        }
    }

    fn write(&mut self, edit: &Edit, rank: Rank, was_live: bool, deletes: Deletes) -> Vec<Loss> {
        let mut losses = Vec::new();
        let was_dead = self.is_dead(deletes);
        for write in &edit.writes {
            let Some(slot) = self.registers.get_mut(write.register) else { continue };
            let new = Register { rank, value: write.value.clone() };
            let Some(old) = slot else {
                *slot = Some(new);
                continue;
            };
            let contested = old.rank != rank && Some(old.rank) != write.base && old.value != new.value;
            let new_wins = new > *old;
            if contested && (was_live || !new_wins) {
                let (loser, by) = if new_wins { (&*old, rank) } else { (&new, old.rank) };
                let lost = Lost::Value { register: write.register, value: loser.value.clone() };
                losses.push(Loss { lost, rank: loser.rank, by });
            }
            if new_wins {
                *old = new;
            }
        }
        if edit.deed == Deed::Insert {
            self.inserted = self.inserted.max(Some(rank));
        }
        match self.deleted {
            // Older than a delete that its maker had not seen: all of it is lost to that one.
            Some(by) if self.is_dead(deletes) => edit.writes.iter().map(|write| Loss::of(write, rank, by)).collect(),
            // It revives the row. An insert does not: the delete has removed what it meant.
            Some(deleted) if was_dead && edit.deed == Deed::Update => {
                losses.push(Loss { lost: Lost::Delete, rank: deleted, by: rank });
                losses
            }
            _ => losses,
        }
    }

    /// Where deletes win, values older than the delete can never be seen again (a new insert writes all of them), so
    /// they go at once: erasure is erasure. Otherwise the tombstone keeps the last image, which an update may revive.
    fn erase(&mut self, deletes: Deletes) {
        if deletes == Deletes::Win {
            for slot in &mut self.registers {
                if slot.as_ref().is_some_and(|register| Some(register.rank) <= self.deleted) {
                    *slot = None;
                }
            }
        }
    }
}

impl Loss {
    fn of(write: &super::unit::Write, rank: Rank, by: Rank) -> Self {
        Self { lost: Lost::Value { register: write.register, value: write.value.clone() }, rank, by }
    }
}
