//! How nodes exchange what they know: the receiver asks and shows its vector, the sender answers with all that is newer
//! and not of the receiver's making, in the order in which it learned it.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_model::merge::{Unit, Vector};
use syncline_model::origin::Origin;

use crate::history::World;
use crate::node::{Gate, Node, Session};
use crate::setup::{ITEMS, Topology};
use crate::wrong::Wrong;

/// Something on its way.
#[derive(Debug, Clone)]
pub struct Message {
    /// Sending node.
    pub from: usize,
    /// Receiving node.
    pub to: usize,
    /// Who sends: a node that was expelled and came back is another one.
    pub origin: Origin,
    /// Raised by each expulsion; nodes with another one have another idea of who the members are and do not talk.
    pub roster: u64,
    /// What the sender has seen, and what it knows of others.
    pub vector: Vector,
    pub members: BTreeMap<Origin, Vector>,
    /// The exchange that it belongs to.
    pub session: u64,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub enum Content {
    Ask,
    /// A piece of an answer, numbered from 0, with what must be there before its first. A question that is delivered
    /// twice has two answers, which are not cut alike.
    Piece {
        answer: u64,
        index: usize,
        after: Vector,
        units: Vec<Arc<Unit>>,
    },
}

impl Node {
    /// Asks another node for what is new.
    pub fn ask(&mut self, world: &mut World, to: usize) -> Message {
        let session = world.next_session();
        self.sessions.insert(to, Session { id: session, answer: None, next: 0, gate: self.gate(world) });
        self.message(world, to, session, Content::Ask)
    }

    fn message(&self, world: &World, to: usize, session: u64, content: Content) -> Message {
        Message {
            from: self.at,
            to,
            origin: self.origin,
            roster: world.roster,
            vector: self.vector.clone(),
            members: self.members.clone(),
            session,
            content,
        }
    }

    /// Notes what a message says about who has seen what.
    pub fn learn(&mut self, world: &World, message: &Message) {
        if world.is(Wrong::JoinsUnknown) && !self.members.contains_key(&message.origin) {
            self.members.insert(message.origin, Vector::default());
        }
        let told = message.members.iter().chain([(&message.origin, &message.vector)]);
        for (origin, vector) in told {
            if let Some(known) = self.members.get_mut(origin) {
                known.join(vector);
            }
        }
    }

    /// Whether a message may be listened to.
    pub fn listens(&self, world: &World, message: &Message) -> bool {
        let known = self.members.contains_key(&message.origin) || world.is(Wrong::JoinsUnknown);
        self.member && known && message.roster == world.roster
    }

    /// The answer to a question, in pieces; at least one, so that what this node has seen is told.
    pub fn answer(&self, world: &mut World, asked: &Message) -> Vec<Message> {
        let own_only = world.is(Wrong::NoForwarding)
            || (world.is(Wrong::NoForwardingInMesh) && world.setup.topology == Topology::Mesh);
        let due = self.log.iter().filter(|unit| {
            unit.origin != asked.origin
                && asked.vector.of(unit.origin).number < unit.last()
                && (!own_only || unit.origin == self.origin)
        });
        let mut due: Vec<Arc<Unit>> = due.cloned().collect();
        if world.is(Wrong::OriginByOrigin) {
            due.sort_by_key(|unit| (unit.origin, unit.first()));
        }
        self.cut(world, asked, &mut due);
        world.counts.sent += due.len() as u64;
        let size = if world.setup.storm { 1 } else { 1 + world.chance.index(4) };
        let mut pieces: Vec<Vec<Arc<Unit>>> = due.chunks(size).map(<[_]>::to_vec).collect();
        if pieces.is_empty() {
            pieces.push(Vec::new());
        }
        let answer = world.next_session();
        let mut after = asked.vector.clone();
        let mut messages = Vec::with_capacity(pieces.len());
        for (index, units) in pieces.into_iter().enumerate() {
            let before = after.clone();
            for unit in &units {
                // What a node sends has no gaps; where one of its mutants makes some, the receiver is to notice.
                let _ = after.advance(unit.origin, unit.first(), unit.last(), unit.newest());
            }
            let content = Content::Piece { answer, index, after: before, units };
            messages.push(self.message(world, asked.from, asked.session, content));
        }
        messages
    }

    /// Where units are cut, or tables left out, on purpose.
    fn cut(&self, world: &World, asked: &Message, due: &mut Vec<Arc<Unit>>) {
        if world.is(Wrong::UnitsCut) {
            let halves = due.drain(..).flat_map(|unit| {
                let (first, last) = unit.changes.split_at(unit.changes.len() / 2);
                let half = |changes: &[_]| Arc::new(Unit { origin: unit.origin, changes: changes.to_vec() });
                [half(first), half(last)]
            });
            *due = halves.collect::<Vec<_>>().into_iter().filter(|unit| !unit.changes.is_empty()).collect();
        }
        if world.is(Wrong::PathLeavesTablesOut) && (self.at + asked.from) % 3 == 1 {
            for unit in due {
                let mut fewer = Unit::clone(unit);
                for change in &mut fewer.changes {
                    change.edits.retain(|edit| edit.table != ITEMS);
                }
                *unit = Arc::new(fewer);
            }
        }
    }

    /// The gate for a piece, if it is the next one of an exchange that this node waits for and nothing before it is
    /// missing.
    pub fn expects(&mut self, world: &mut World, message: &Message) -> Option<Gate> {
        let Content::Piece { answer, index, after, .. } = &message.content else { return None };
        if world.is(Wrong::PiecesInAnyOrder) || world.is(Wrong::VectorPastGap) {
            return Some(self.gate(world));
        }
        let session = self.sessions.get(&message.from).filter(|session| session.id == message.session);
        // What was held may be missing: it was in an earlier piece, and this gate knows of it.
        let in_place = |session: &Session| match session.answer {
            None => *index == 0 && self.vector.covers_all(after),
            Some(expected) => expected == *answer && session.next == *index,
        };
        let expected = session.filter(|session| in_place(session)).map(|session| session.gate.clone());
        world.counts.refused += u64::from(expected.is_none());
        expected
    }

    /// Notes that a piece was taken in.
    pub fn took(&mut self, message: &Message, gate: Gate) {
        let Content::Piece { answer, .. } = &message.content else { return };
        if let Some(session) = self.sessions.get_mut(&message.from) {
            session.answer = Some(*answer);
            session.next += 1;
            session.gate = gate;
        }
    }
}
