//! A decorator that lets a test look after every call of a sink.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use syncline::capture::control::Trouble;
use syncline::connector::{
    Capabilities, Capture, CheckReport, Connector, Description, FinishReport, LaneId, Lease, Parked, ParkedQuery,
    ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Position, Result};

/// What is done after every call.
type Look = Arc<dyn Fn() + Send + Sync>;

/// A connector whose sinks are watched.
pub struct Watched {
    pub inner: Arc<dyn Connector>,
    pub look: Look,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl Connector for Watched {
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
        self.inner.open_source(at, spec).await
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let opened = self.inner.open_sink(spec).await;
        (self.look)();
        Ok(Box::new(WatchedSink { inner: opened?, look: self.look.clone() }))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        self.inner.parked(query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}

struct WatchedSink {
    inner: Box<dyn Sink>,
    look: Look,
}

#[async_trait]
impl Sink for WatchedSink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        let outcome = self.inner.begin(epoch).await;
        (self.look)();
        outcome
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        let outcome = self.inner.write(batch).await;
        (self.look)();
        outcome
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        let outcome = self.inner.retire(lane, epoch).await;
        (self.look)();
        outcome
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        let outcome = self.inner.commit(upto).await;
        (self.look)();
        outcome
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        let outcome = self.inner.note(trouble).await;
        (self.look)();
        outcome
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        let outcome = self.inner.finish().await;
        (self.look)();
        outcome
    }
}
