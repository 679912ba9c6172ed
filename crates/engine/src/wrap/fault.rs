//! Faults on purpose, for tests and drills: the n-th call fails, or calls fail by a seeded draw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result};

use crate::capture::control::Trouble;
use crate::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, FinishReport, LaneId, Lease, Parked,
    ParkedQuery, Read, ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens.
    Refused,
    /// It happens, and the answer is lost (F03).
    AnswerLost,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// The n-th call, counted from 1, over everything that this plan decorates.
    Nth(u64),
    /// Each call with this chance in 1,000, drawn from a seed: the same seed gives the same faults.
    Chance {
        /// Per mille.
        per_mille: u64,
        /// Printed by whoever draws it.
        seed: u64,
    },
}

/// A plan of faults, shared by all connectors that it decorates.
#[derive(Debug)]
pub struct Faults {
    fault: Fault,
    when: When,
    spared: &'static [&'static str],
    calls: AtomicU64,
    struck: AtomicU64,
}

impl Faults {
    /// A plan that has not struck yet.
    #[must_use]
    pub fn new(fault: Fault, when: When) -> Arc<Self> {
        Self::sparing(fault, when, &[])
    }

    /// The same, but calls of these names never fail and are not counted.
    #[must_use]
    pub fn sparing(fault: Fault, when: When, spared: &'static [&'static str]) -> Arc<Self> {
        Arc::new(Self { fault, when, spared, calls: AtomicU64::new(0), struck: AtomicU64::new(0) })
    }

    /// How often it struck.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }

    /// Whether the call that begins now fails, and how.
    fn next(&self, name: &str) -> Option<Fault> {
        if self.spared.contains(&name) {
            return None;
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let strikes = match self.when {
            When::Nth(n) => call == n,
            When::Chance { per_mille, seed } => mixed(seed ^ call) % 1000 < per_mille,
        };
        strikes.then(|| {
            self.struck.fetch_add(1, Ordering::Relaxed);
            self.fault
        })
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): every bit of the result depends on every bit of the number.
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn fault(what: &'static str) -> Error {
    Error::new(ErrorKind::Unreachable, "a fault on purpose").at("call", what)
}

/// A call that the plan may make fail.
macro_rules! struck {
    ($faults:expr, $name:literal, $call:expr) => {
        match $faults.next($name) {
            Some(Fault::Refused) => Err(fault($name)),
            Some(Fault::AnswerLost) => $call.await.and_then(|_| Err(fault($name))),
            None => $call.await,
        }
    };
}

/// A connector that fails by plan.
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn Connector>,
    faults: Arc<Faults>,
}

impl Faulty {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Connector>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl Connector for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<CheckReport> {
        struck!(self.faults, "check", self.inner.check())
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        struck!(self.faults, "describe", self.inner.describe(wanted))
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        struck!(self.faults, "plan", self.inner.plan(spec))
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        let inner = struck!(self.faults, "open_source", self.inner.open_source(at, spec))?;
        Ok(Box::new(FaultySource { inner, faults: self.faults.clone(), kept: None }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let inner = struck!(self.faults, "open_sink", self.inner.open_sink(spec))?;
        Ok(Box::new(FaultySink { inner, faults: self.faults.clone() }))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        struck!(self.faults, "parked", self.inner.parked(query))
    }

    fn capture(&self) -> Option<&dyn Capture> {
        self.inner.capture()
    }
}

struct FaultySource {
    inner: Box<dyn Source>,
    faults: Arc<Faults>,
    /// What was read and then withheld: by the contract a failed `read` consumes nothing.
    kept: Option<Read>,
}

#[async_trait]
impl Source for FaultySource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        match self.faults.next("read") {
            Some(Fault::Refused) => return Err(fault("read")),
            Some(Fault::AnswerLost) => {
                if self.kept.is_none() {
                    self.kept = Some(self.inner.read(budget).await?);
                }
                return Err(fault("read"));
            }
            None => {}
        }
        match self.kept.take() {
            Some(read) => Ok(read),
            None => self.inner.read(budget).await,
        }
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        struck!(self.faults, "confirm", self.inner.confirm(upto))
    }
}

struct FaultySink {
    inner: Box<dyn Sink>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Sink for FaultySink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        struck!(self.faults, "begin", self.inner.begin(epoch))
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        struck!(self.faults, "write", self.inner.write(batch))
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        struck!(self.faults, "retire", self.inner.retire(lane, epoch))
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        struck!(self.faults, "commit", self.inner.commit(upto))
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        struck!(self.faults, "note", self.inner.note(trouble))
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        struck!(self.faults, "finish", self.inner.finish())
    }
}
