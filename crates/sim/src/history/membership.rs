//! Nodes that join late, are expelled, and come back.

use syncline_model::merge::Vector;
use syncline_model::stamp::Clock;

use super::Run;
use crate::judge::Broken;
use crate::node::Node;
use crate::wrong::Wrong;

impl Run {
    /// A node that is not a member becomes one, if somebody whom it is linked with is there.
    ///
    /// First every member knows of it, so that nobody forgets what it has not seen; only then it takes all that its
    /// neighbour knows.
    pub fn join(&mut self, at: usize) -> Result<(), Broken> {
        let count = self.nodes.len();
        let links = |node: &&Node| node.member && self.world.setup.topology.links(at, node.at, count);
        let neighbours: Vec<usize> = self.nodes.iter().filter(links).map(|node| node.at).collect();
        let Some(neighbour) = neighbours.get(self.world.chance.index(neighbours.len())).copied() else { return Ok(()) };
        if self.nodes.get(at).is_none_or(|node| node.member) {
            return Ok(());
        }
        self.world.counts.joined += 1;
        if self.world.is(Wrong::ExpelledComesBack) && self.nodes.get(at).is_some_and(|node| !node.members.is_empty()) {
            self.come_back(at);
            return Ok(());
        }
        let origin = self.world.next_origin();
        let told = !self.world.is(Wrong::JoinsUnknown);
        for node in self.nodes.iter_mut().filter(|node| node.member && (told || node.at == neighbour)) {
            node.members.insert(origin, Vector::default());
        }
        let Some(host) = self.nodes.get(neighbour).cloned() else { return Ok(()) };
        let mut node = Node::new(at, origin, &self.world);
        let group = self.world.setup.group.clone();
        node.take_all(&group, &host.state)?;
        node.vector = host.vector.clone();
        node.clock = Clock::after(host.clock.last());
        node.clock_high = host.clock.last();
        node.applied = host.applied.clone();
        node.members = host.members.clone();
        node.members.remove(&origin);
        node.members.insert(host.origin, host.vector.clone());
        node.log = host.log;
        node.skew_ms = self.nodes.get(at).map_or(0, |node| node.skew_ms);
        // What its users wrote before, and did not send, is lost to the group; they are shown a list of it.
        let unfolded = self.nodes.get(at).map_or(0, |node| node.database.outbox.len() as u64);
        self.world.truth.transactions -= unfolded;
        node.show(&mut self.world)?;
        self.world.trace.note(&[3, at as u64, neighbour as u64, origin.0]);
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = node;
        }
        Ok(())
    }

    /// A node that was silent for too long is no member any more, and what it had made and not sent is not waited for.
    ///
    /// What is known of the others' vectors starts anew: one of them may have heard from it since, and that is still on
    /// its way to the rest. Nobody listens to what was sent before.
    pub fn expel(&mut self, at: usize) -> Result<(), Broken> {
        let members = self.nodes.iter().filter(|node| node.member).count();
        let chosen = self.nodes.get(at).filter(|node| node.member && at > 0);
        let Some(origin) = chosen.filter(|_| members > 2).map(|node| node.origin) else { return Ok(()) };
        self.world.counts.expelled += 1;
        if !self.world.is(Wrong::VectorsOutliveExpulsion) {
            self.world.roster += 1;
        }
        for node in &mut self.nodes {
            if node.at == at {
                node.member = false;
            } else if node.member {
                node.members.remove(&origin);
                if !self.world.is(Wrong::VectorsOutliveExpulsion) {
                    node.members.values_mut().for_each(|known| *known = Vector::default());
                }
            }
        }
        // What waited for the silent node alone can go now: that is why it is expelled.
        for node in self.nodes.iter_mut().filter(|node| node.member) {
            node.release(&mut self.world)?;
        }
        self.world.trace.note(&[4, at as u64, origin.0]);
        Ok(())
    }

    fn come_back(&mut self, at: usize) {
        let Some((origin, vector)) = self.nodes.get(at).map(|node| (node.origin, node.vector.clone())) else { return };
        for node in &mut self.nodes {
            if node.at == at {
                node.member = true;
            } else if node.member {
                node.members.insert(origin, vector.clone());
            }
        }
    }
}
