//! One history: from a seed to a verdict.

mod counts;
mod membership;

use std::collections::BTreeSet;

use syncline_model::merge::Vector;
use syncline_model::origin::Origin;

use crate::chance::Chance;
use crate::exchange::{Content, Message};
use crate::judge::{self, Broken, broken};
use crate::node::Node;
use crate::setup::Setup;
use crate::truth::Truth;
use crate::wrong::Wrong;

pub use counts::Counts;

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Decides everything that is left open.
    pub seed: u64,
    /// Number of nodes, 2 to 7; left to the seed if absent.
    pub nodes: Option<usize>,
    /// The rule that is broken, if one is.
    pub wrong: Option<Wrong>,
}

/// What a history came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The promise that it broke, if it broke one.
    pub broken: Option<Broken>,
    /// Hash over everything that happened: the same for the same history.
    pub trace: u64,
    /// How often what happened.
    pub counts: Counts,
}

/// FNV-1a over what happened.
#[derive(Debug)]
pub struct Trace(u64);

impl Trace {
    pub fn note(&mut self, words: &[u64]) {
        for word in words {
            for byte in word.to_le_bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
}

/// Everything around the nodes.
#[derive(Debug)]
pub struct World {
    pub setup: Setup,
    pub wrong: Option<Wrong>,
    pub chance: Chance,
    /// True time, ms.
    pub now_ms: u64,
    pub roster: u64,
    pub truth: Truth,
    pub trace: Trace,
    pub counts: Counts,
    sessions: u64,
    origins: u64,
}

impl World {
    pub fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    pub fn next_session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    /// A random id that no other node has.
    pub fn next_origin(&mut self) -> Origin {
        self.origins += 1;
        // Not by rising order, so that ties are not always won by who came last.
        Origin(self.chance.next() << 8 | self.origins)
    }
}

struct Run {
    world: World,
    nodes: Vec<Node>,
    messages: Vec<Message>,
    /// Links that are down, lower node first.
    cut: BTreeSet<(usize, usize)>,
}

/// Runs one history.
#[must_use]
pub fn run(history: History) -> Outcome {
    let mut run = Run::new(history);
    let broken = run.all().err();
    Outcome { broken, trace: run.world.trace.0, counts: run.world.counts }
}

/// One change of one node in a full mesh that works, until all is quiet.
#[cfg(test)]
pub fn mesh(nodes: usize) -> Result<Counts, Broken> {
    let mut run = Run::new(History { seed: 0, nodes: Some(nodes), wrong: None });
    run.world.setup.topology = crate::setup::Topology::Mesh;
    run.heal()?;
    let maker = run.nodes.first_mut();
    if let Some(node) = maker {
        while !node.user(&mut run.world) {}
    }
    run.settle()?;
    Ok(run.world.counts)
}

impl Run {
    fn new(history: History) -> Self {
        // Neighbouring seeds are to have nothing in common.
        let mut chance = Chance::new(Chance::new(history.seed).next());
        let setup = Setup::new(&mut chance, history.nodes);
        let mut world = World {
            setup,
            wrong: history.wrong,
            chance,
            now_ms: 1_700_000_000_000,
            roster: 0,
            truth: Truth::default(),
            trace: Trace(0xcbf2_9ce4_8422_2325),
            counts: Counts::default(),
            sessions: 0,
            origins: 0,
        };
        let mut nodes = Vec::new();
        for at in 0..world.setup.nodes {
            let origin = world.next_origin();
            let mut node = Node::new(at, origin, &world);
            // The first two are always there from the beginning.
            node.member = at < 2 || !world.chance.percent(15);
            nodes.push(node);
        }
        let members: Vec<Origin> = nodes.iter().filter(|node| node.member).map(|node| node.origin).collect();
        for node in nodes.iter_mut().filter(|node| node.member) {
            let others = members.iter().filter(|origin| **origin != node.origin);
            node.members = others.map(|origin| (*origin, Vector::default())).collect();
        }
        Self { world, nodes, messages: Vec::new(), cut: BTreeSet::new() }
    }

    fn all(&mut self) -> Result<(), Broken> {
        for _ in 0..self.world.setup.steps {
            self.step()?;
        }
        self.heal()?;
        self.settle()?;
        judge::quiet(&self.world.setup, &self.world.truth, &self.nodes)
    }

    fn step(&mut self) -> Result<(), Broken> {
        if self.world.chance.percent(60) {
            let leap = if self.world.setup.storm { 250 } else { 40 };
            self.world.now_ms += self.world.chance.below(leap);
        }
        let node = self.world.chance.index(self.nodes.len());
        let churn = if self.world.setup.churn { 12 } else { 0 };
        match self.world.chance.below(100 + churn) {
            0..=34 => self.at(node, |node, world| {
                node.user(world);
                Ok(())
            }),
            35..=44 => {
                let racing = self.racing();
                self.at(node, |node, world| node.fold(world, racing))
            }
            45..=64 => self.ask(node),
            65..=90 => {
                for _ in 0..=self.world.chance.below(4) {
                    self.deliver()?;
                }
                Ok(())
            }
            91..=92 => self.cut_or_mend(node),
            93..=94 => self.jump(node),
            95 => self.at(node, |node, world| {
                node.crash(world);
                Ok(())
            }),
            96..=97 | 100..=104 => self.at(node, Node::release),
            98 | 105..=107 => self.expel(node),
            _ => self.join(node),
        }
    }

    /// Does something at a node; nothing if it has not joined yet. One that was expelled goes on for itself.
    fn at(&mut self, node: usize, act: impl FnOnce(&mut Node, &mut World) -> Result<(), Broken>) -> Result<(), Broken> {
        match self.nodes.get_mut(node) {
            Some(node) if node.member || !node.members.is_empty() => act(node, &mut self.world),
            _ => Ok(()),
        }
    }

    fn racing(&mut self) -> u32 {
        if self.world.chance.percent(30) { 1 + u32::from(self.world.chance.percent(50)) } else { 0 }
    }

    fn ask(&mut self, node: usize) -> Result<(), Broken> {
        let Self { world, nodes, messages, .. } = self;
        let count = nodes.len();
        let one = world.chance.index(count);
        let all = world.chance.percent(30);
        let Some(asking) = nodes.get_mut(node).filter(|node| node.member) else { return Ok(()) };
        let topology = world.setup.topology;
        for to in (0..count).filter(|to| (all || *to == one) && topology.links(node, *to, count)) {
            messages.push(asking.ask(world, to));
        }
        Ok(())
    }

    /// Delivers some message: not always the oldest, perhaps twice, perhaps not at all.
    fn deliver(&mut self) -> Result<(), Broken> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let storm = self.world.setup.storm;
        let oldest = self.world.chance.percent(if storm { 20 } else { 70 });
        let at = if oldest { 0 } else { self.world.chance.index(self.messages.len()) };
        let twice = self.world.chance.percent(if storm { 20 } else { 5 });
        let lost = self.world.chance.percent(if storm { 10 } else { 5 });
        let message = if twice { self.messages.get(at).cloned() } else { Some(self.messages.remove(at)) };
        let Some(message) = message else { return Ok(()) };
        let link = (message.from.min(message.to), message.from.max(message.to));
        if lost || self.cut.contains(&link) {
            return Ok(());
        }
        let racing = self.racing();
        let crash = self.world.chance.percent(3);
        let answers = self.receive(&message, racing, crash)?;
        self.messages.extend(answers);
        Ok(())
    }

    /// What a node does with a message; says what it answers.
    fn receive(&mut self, message: &Message, racing: u32, crash: bool) -> Result<Vec<Message>, Broken> {
        let Self { world, nodes, .. } = self;
        let Some(node) = nodes.get_mut(message.to) else { return Ok(Vec::new()) };
        if !node.listens(world, message) {
            return Ok(Vec::new());
        }
        match &message.content {
            Content::Ask => {
                node.learn(world, message);
                // What was written until then is to go along.
                node.fold(world, racing)?;
                Ok(node.answer(world, message))
            }
            Content::Piece { units, .. } => {
                // What it shows is true whenever it comes; what it brings is only good in its place.
                node.learn(world, message);
                let Some(mut gate) = node.expects(world, message) else { return Ok(Vec::new()) };
                if crash {
                    // Nothing of the import was committed. Users who wrote meanwhile have, and need no help of ours.
                    if world.is(Wrong::VectorBeforeRows) {
                        node.keep_vector_only(units);
                    }
                    node.crash(world);
                    return Ok(Vec::new());
                }
                node.import(world, &mut gate, units, racing)?;
                node.took(message, gate);
                Ok(Vec::new())
            }
        }
    }

    fn cut_or_mend(&mut self, node: usize) -> Result<(), Broken> {
        let other = self.world.chance.index(self.nodes.len());
        let link = (node.min(other), node.max(other));
        if !self.cut.remove(&link) && node != other {
            self.cut.insert(link);
        }
        Ok(())
    }

    fn jump(&mut self, node: usize) -> Result<(), Broken> {
        let far = self.world.chance.percent(15);
        let reach = if far { 3_600_000 } else { 400 };
        let skew =
            i64::try_from(self.world.chance.below(2 * reach + 1)).unwrap_or(0) - i64::try_from(reach).unwrap_or(0);
        if let Some(node) = self.nodes.get_mut(node) {
            node.skew_ms = skew;
        }
        Ok(())
    }

    /// Everything works again, everybody is there, and time has passed.
    fn heal(&mut self) -> Result<(), Broken> {
        self.cut.clear();
        self.messages.clear();
        for at in 0..self.nodes.len() {
            self.at(at, |node, world| node.fold(world, 0))?;
        }
        self.nodes.iter_mut().for_each(|node| node.skew_ms = 0);
        let newest = self.nodes.iter().map(|node| node.clock.last().millis().max(node.wall_ms(&self.world))).max();
        self.world.now_ms = self.world.now_ms.max(newest.unwrap_or(0)) + 1000;
        while let Some(absent) = self.nodes.iter().position(|node| !node.member) {
            let before = self.world.counts.joined;
            for at in absent..self.nodes.len() {
                self.join(at)?;
            }
            if before == self.world.counts.joined {
                return broken("P1 every change arrives everywhere", format!("node {absent} cannot join"));
            }
        }
        Ok(())
    }

    /// Exchanges until all is quiet, and then once more: nothing may be sent or written any more (P7).
    fn settle(&mut self) -> Result<(), Broken> {
        // A hop a round at least, to the far end and what is known of it back.
        let rounds = 2 * self.nodes.len() + 4;
        for _ in 0..rounds {
            let before = (self.world.counts.sent, self.world.counts.writes);
            self.round()?;
            if before == (self.world.counts.sent, self.world.counts.writes) {
                return Ok(());
            }
        }
        broken("P7 no echo: after quiet there is no traffic", format!("still something after {rounds} rounds"))
    }

    fn round(&mut self) -> Result<(), Broken> {
        let (count, topology) = (self.nodes.len(), self.world.setup.topology);
        for node in 0..count {
            for other in (0..count).filter(|other| topology.links(node, *other, count)) {
                self.contact(node, other)?;
            }
        }
        for node in &mut self.nodes {
            node.release(&mut self.world)?;
        }
        Ok(())
    }

    /// A whole exchange: one node asks another and takes in what it is told.
    fn contact(&mut self, node: usize, other: usize) -> Result<(), Broken> {
        let Some(asking) = self.nodes.get_mut(node) else { return Ok(()) };
        let question = asking.ask(&mut self.world, other);
        for piece in self.receive(&question, 0, false)? {
            self.receive(&piece, 0, false)?;
        }
        Ok(())
    }
}
