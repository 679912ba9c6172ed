//! A decorator that writes down every effect, and makes chosen calls fail.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use syncline::capture::control::Trouble;
use syncline::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, FinishReport, LaneId, Lease, Parked,
    ParkedQuery, Read, ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result};

/// The effects of a run, in their order.
#[derive(Debug, Clone, Default)]
pub struct Effects(Arc<Mutex<Vec<String>>>);

impl Effects {
    fn note(&self, effect: String) {
        self.0.lock().unwrap().push(effect);
    }

    /// Takes the list, one effect a line.
    pub fn taken(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join("\n")
    }
}

/// Which calls fail for good, instead of happening.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    call: &'static str,
    from: usize,
    calls: Arc<AtomicUsize>,
}

impl Refusal {
    /// No call.
    pub fn none() -> Self {
        Self::default()
    }

    /// The n-th call of that name, counted from 1, and every later one.
    pub fn of(call: &'static str, from: usize) -> Self {
        Self { call, from, calls: Arc::default() }
    }

    /// Whether any call failed.
    pub fn struck(&self) -> bool {
        self.calls.load(Ordering::Relaxed) >= self.from.max(1)
    }
}

/// A connector whose effects are written down.
#[derive(Debug, Clone)]
pub struct Recorded {
    inner: Arc<dyn Connector>,
    notes: Notes,
}

#[derive(Debug, Clone)]
struct Notes {
    effects: Effects,
    refusal: Refusal,
}

impl Recorded {
    /// Wraps `inner`.
    pub fn wrap(inner: Arc<dyn Connector>, effects: &Effects, refusal: &Refusal) -> Arc<dyn Connector> {
        Arc::new(Self { inner, notes: Notes { effects: effects.clone(), refusal: refusal.clone() } })
    }
}

impl Notes {
    fn call(&self, name: &str, detail: impl fmt::Display) -> Result<()> {
        if self.refusal.call == name && self.refusal.calls.fetch_add(1, Ordering::Relaxed) + 1 >= self.refusal.from {
            self.effects.note(format!("{name} {detail}: refused"));
            return Err(Error::new(ErrorKind::Value, "refused on purpose").at("call", name));
        }
        self.effects.note(format!("{name} {detail}"));
        Ok(())
    }
}

#[async_trait]
impl Connector for Recorded {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<CheckReport> {
        self.inner.check().await
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        self.inner.describe(wanted).await
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        self.inner.plan(spec).await
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        let from = at.as_ref().map_or("the start".into(), |p| p.at.clone());
        self.notes.call("open_source", format!("from {from}"))?;
        let inner = self.inner.open_source(at, spec).await?;
        Ok(Box::new(RecordedSource { inner, notes: self.notes.clone() }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let inner = self.inner.open_sink(spec).await?;
        self.notes.call("open_sink", format!("epoch {}", inner.lease().epoch.0))?;
        Ok(Box::new(RecordedSink { inner, notes: self.notes.clone() }))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        self.inner.parked(query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}

struct RecordedSource {
    inner: Box<dyn Source>,
    notes: Notes,
}

#[async_trait]
impl Source for RecordedSource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        let read = self.inner.read(budget).await?;
        let what = match &read {
            Read::Batch(batch) => shown(batch),
            Read::Idle => "nothing yet".into(),
            Read::Apart(apart) => format!("{} apart", apart.tables.len()),
            Read::Loaded => "all is loaded".into(),
            Read::End => "the end".into(),
        };
        self.notes.call("read", what)?;
        Ok(read)
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        self.notes.call("confirm", &upto.at)?;
        self.inner.confirm(upto).await
    }
}

struct RecordedSink {
    inner: Box<dyn Sink>,
    notes: Notes,
}

#[async_trait]
impl Sink for RecordedSink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        self.notes.call("begin", format!("epoch {}", epoch.0))?;
        self.inner.begin(epoch).await
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        self.notes.call("write", shown(batch))?;
        self.inner.write(batch).await
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        self.notes.call("retire", &lane.0)?;
        self.inner.retire(lane, epoch).await
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        self.notes.call("commit", &upto.at)?;
        self.inner.commit(upto).await
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        self.notes.call("note", trouble.map_or("all is well", |t| &t.what))?;
        self.inner.note(trouble).await
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        self.notes.call("finish", "the lane")?;
        self.inner.finish().await
    }
}

/// `orders 3 rows, begins, ends`.
fn shown(batch: &ChangeBatch) -> String {
    let cells = batch.tables.iter().map(|t| format!("{} {} rows", t.schema().name, t.rows()));
    let native = batch.native.iter().map(|n| format!("{} {} rows undecoded", n.schema.name, n.rows));
    let tables: Vec<_> = cells.chain(native).collect();
    let begins = if batch.begins { ", begins" } else { "" };
    let ends = if batch.ends.is_some() { ", ends" } else { "" };
    format!("{}{begins}{ends}", tables.join(" and "))
}
