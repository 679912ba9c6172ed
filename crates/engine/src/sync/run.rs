//! Keeping a group in step: each member folds what its users did, each pair that is linked exchanges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use syncline_model::error::Retry;
use syncline_model::{Error, Result};

use super::draft::Done;
use super::exchange::{ahead, deliver};
use super::form::{self, Spec};
use super::node::Node;

/// How long a member that failed is left alone: the first time, and at most.
const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// How often what all have seen is written down while a group follows.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// A group whose members are open, as far as they can be reached.
pub struct Running {
    spec: Spec,
    nodes: BTreeMap<usize, Node>,
    away: BTreeMap<usize, Away>,
    /// By pair, how far the first one's log is known to be at the second one.
    cursors: BTreeMap<(usize, usize), u64>,
    /// What was done in all, by member.
    pub done: BTreeMap<usize, Done>,
    tidied: Instant,
}

/// A member that cannot be reached.
struct Away {
    error: Error,
    again: Instant,
    wait: Duration,
}

impl Running {
    /// Opens the members, and makes the group if there is none.
    ///
    /// # Errors
    /// As [`form::look`] and [`form::Looked::form`].
    pub async fn open(spec: Spec) -> Result<Self> {
        let mut looked = form::look(spec.clone()).await?;
        let gone = std::mem::take(&mut looked.away);
        let nodes: BTreeMap<usize, Node> = looked.form().await?.into_iter().collect();
        let mut running = Self {
            spec,
            nodes,
            away: BTreeMap::new(),
            cursors: BTreeMap::new(),
            done: BTreeMap::new(),
            tidied: Instant::now(),
        };
        for (place, error) in gone {
            running.leave(place, error);
        }
        Ok(running)
    }

    /// Goes on until nothing moves any more. A member that fails does not hold the others.
    ///
    /// # Errors
    /// What keeps more than one member from getting on, and will not pass.
    pub async fn settle(&mut self) -> Result<()> {
        while self.round().await? {}
        self.tidy().await
    }

    /// Goes on until `stop` is ready.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn follow(&mut self, stop: impl Future<Output = ()>, mut tell: impl FnMut(&Self)) -> Result<()> {
        tokio::pin!(stop);
        loop {
            let moved = self.round().await?;
            tell(self);
            let quiet = !moved && self.tidied.elapsed() > TIDY_EVERY;
            if quiet {
                self.tidy().await?;
                self.tidied = Instant::now();
            }
            let pause = if moved { Duration::ZERO } else { super::member::LOOK_EVERY };
            tokio::select! {
                biased;
                () = &mut stop => return self.tidy().await,
                () = tokio::time::sleep(pause) => {}
            }
            self.come_back().await?;
        }
    }

    /// Each member folds, each pair exchanges; whether anything moved.
    async fn round(&mut self) -> Result<bool> {
        let mut moved = false;
        let places: Vec<usize> = self.nodes.keys().copied().collect();
        for place in places {
            let Some(node) = self.nodes.get_mut(&place) else { continue };
            let folded = node.fold().await;
            moved |= self.noted(place, folded)?;
        }
        for (a, b) in self.spec.links.clone() {
            moved |= self.pair(a, b).await?;
            moved |= self.pair(b, a).await?;
        }
        Ok(moved)
    }

    async fn pair(&mut self, from: usize, to: usize) -> Result<bool> {
        let Some(mut receiver) = self.nodes.remove(&to) else { return Ok(false) };
        let delivered = match self.nodes.get_mut(&from) {
            Some(sender) => {
                let cursor = self.cursors.entry((from, to)).or_default();
                Some(deliver(sender, &mut receiver, cursor).await)
            }
            None => None,
        };
        self.nodes.insert(to, receiver);
        let Some(delivered) = delivered else { return Ok(false) };
        // Which of the two it was the error says.
        let failed = match &delivered {
            Err(e) if self.is_named(e, from) => from,
            _ => to,
        };
        self.noted(failed, delivered)
    }

    fn is_named(&self, error: &Error, place: usize) -> bool {
        let name = self.spec.members.get(place).map(|endpoint| endpoint.name.as_str());
        error.places().iter().any(|(key, value)| *key == "member" && Some(value.as_str()) == name)
    }

    /// Notes what was done. A member that cannot get on is left alone for a while, if the others can go on without it; of
    /// what does not pass, between two, both must know.
    fn noted(&mut self, place: usize, outcome: Result<Done>) -> Result<bool> {
        match outcome {
            Ok(done) => {
                self.done.entry(place).or_default().add(done);
                Ok(done.folded + done.taken > 0)
            }
            Err(e) if e.retry() == Retry::Soon || self.nodes.len() > 2 => {
                self.leave(place, e);
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    fn leave(&mut self, place: usize, error: Error) {
        tracing::warn!(error = %error, "a member cannot be reached");
        self.nodes.remove(&place);
        let wait = self.away.get(&place).map_or(AWAY.0, |away| (away.wait * 2).min(AWAY.1));
        self.away.insert(place, Away { error, again: Instant::now() + wait, wait });
        self.cursors.retain(|(from, to), _| *from != place && *to != place);
    }

    /// Looks again at members that could not be reached.
    async fn come_back(&mut self) -> Result<()> {
        let due: BTreeSet<usize> =
            self.away.iter().filter(|(_, away)| away.again <= Instant::now()).map(|(place, _)| *place).collect();
        for place in due {
            let others: BTreeSet<usize> = self.nodes.keys().copied().chain([place]).collect();
            let mut spec = self.spec.clone();
            let kept = spec.members.into_iter().enumerate().filter(|(at, _)| others.contains(at));
            let (places, members): (Vec<usize>, Vec<_>) = kept.unzip();
            spec.members = members;
            let looked = match form::look(spec).await {
                Ok(looked) => looked,
                Err(e) => {
                    self.leave(place, e);
                    continue;
                }
            };
            if !looked.away.is_empty() {
                let error = looked.away.into_iter().next().map(|(_, e)| e);
                error.into_iter().for_each(|e| self.leave(place, e));
                continue;
            }
            for (at, node) in looked.form().await? {
                if places.get(at) == Some(&place) {
                    self.nodes.insert(place, node);
                    self.away.remove(&place);
                } else {
                    node.end().await;
                }
            }
        }
        Ok(())
    }

    async fn tidy(&mut self) -> Result<()> {
        let places: Vec<usize> = self.nodes.keys().copied().collect();
        for place in places {
            let Some(node) = self.nodes.get_mut(&place) else { continue };
            match node.tidy().await {
                Err(e) if e.retry() == Retry::Soon => self.leave(place, e),
                other => other?,
            }
        }
        Ok(())
    }

    /// Members that cannot be reached, and why.
    pub fn away(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.away.iter().filter_map(|(place, away)| Some((self.spec.members.get(*place)?.name.as_str(), &away.error)))
    }

    /// What each member did, and how many rows it does not show.
    ///
    /// # Errors
    /// What reading can lead to.
    pub async fn report(&mut self) -> Result<Vec<Account>> {
        let mut accounts = Vec::new();
        let done = self.done.clone();
        let vectors: BTreeMap<usize, _> =
            self.nodes.iter().map(|(place, node)| (*place, node.vector().clone())).collect();
        for (place, node) in &mut self.nodes {
            let lag = vectors.iter().filter(|(other, _)| *other != place);
            let lag = lag.map(|(_, theirs)| ahead(theirs, node.vector())).max().unwrap_or(0);
            accounts.push(Account {
                name: node.name.to_string(),
                done: done.get(place).copied().unwrap_or_default(),
                lag,
                parked: node.parked().await?,
            });
        }
        Ok(accounts)
    }
}

/// What one member did.
#[derive(Debug, Clone)]
pub struct Account {
    /// The member.
    pub name: String,
    /// What it did.
    pub done: Done,
    /// Changes that some other member has and it does not.
    pub lag: u64,
    /// Rows that it does not show, though they are alive.
    pub parked: u64,
}
