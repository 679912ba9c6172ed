//! Spans: the span tree is the data path. Names and counts only, never a cell or a secret (I15).
//!
//! Here an error also learns at which connection it happened: connectors do not know what they are called.

use std::sync::Arc;

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result};
use tracing::Instrument;

use crate::capture::control::Trouble;
use crate::capture::retained::Retained;
use crate::connector::{
    Backlog, Budget, Capabilities, Capture, CaptureTable, CheckReport, Connector, Description, FinishReport,
    InstallPlan, LaneId, Lease, Parked, ParkedQuery, Read, ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};
use crate::sync::member::Member;

/// A connector whose calls are spans.
#[derive(Debug)]
pub struct Trace {
    inner: Arc<dyn Connector>,
    name: Arc<str>,
}

impl Trace {
    /// Wraps `inner`; `name` is the connection's name.
    #[must_use]
    pub fn new(inner: Arc<dyn Connector>, name: &str) -> Self {
        Self { inner, name: name.into() }
    }
}

/// A call within its span; its error is noted there and returned with the connection's name.
macro_rules! span {
    ($name:literal, $connection:expr, $call:expr) => {{
        let span = tracing::debug_span!($name, connection = &*$connection);
        let outcome = $call.instrument(span.clone()).await;
        outcome.map_err(|error| {
            span.in_scope(|| tracing::debug!(error = %error, "failed"));
            error.at("connection", &*$connection)
        })
    }};
}

#[async_trait]
impl Connector for Trace {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<CheckReport> {
        span!("check", self.name, self.inner.check())
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        span!("describe", self.name, self.inner.describe(wanted))
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        span!("plan", self.name, self.inner.plan(spec))
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        let inner = span!("open_source", self.name, self.inner.open_source(at, spec))?;
        Ok(Box::new(TraceSource { inner, name: self.name.clone() }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let inner = span!("open_sink", self.name, self.inner.open_sink(spec))?;
        tracing::debug!(connection = &*self.name, epoch = inner.lease().epoch.0, "lane taken");
        Ok(Box::new(TraceSink { inner, name: self.name.clone() }))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        span!("parked", self.name, self.inner.parked(query))
    }

    fn capture(&self) -> Option<&dyn Capture> {
        self.inner.capture().map(|_| self as &dyn Capture)
    }
}

/// What is decorated, asked for only where [`Connector::capture`] said that it is there.
impl Trace {
    fn captures(&self) -> Result<&dyn Capture> {
        self.inner.capture().ok_or_else(|| Error::new(ErrorKind::Bug, "this connector captures nothing"))
    }
}

#[async_trait]
impl Capture for Trace {
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        span!("install_plan", self.name, self.captures()?.install_plan(tables))
    }

    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        span!("install", self.name, self.captures()?.install(tables))
    }

    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        span!("uninstall_plan", self.name, self.captures()?.uninstall_plan(lane))
    }

    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        span!("uninstall", self.name, self.captures()?.uninstall(lane))
    }

    async fn node(&self) -> Result<Option<String>> {
        span!("node", self.name, self.captures()?.node())
    }

    async fn open_member(&self) -> Result<Box<dyn Member>> {
        span!("open_member", self.name, self.captures()?.open_member())
    }

    async fn backlog(&self) -> Result<Vec<Backlog>> {
        span!("backlog", self.name, self.captures()?.backlog())
    }

    async fn retained(&self) -> Result<Retained> {
        span!("retained", self.name, self.captures()?.retained())
    }
}

struct TraceSource {
    inner: Box<dyn Source>,
    name: Arc<str>,
}

#[async_trait]
impl Source for TraceSource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        let read = span!("read", self.name, self.inner.read(budget))?;
        if let Read::Batch(batch) = &read {
            tracing::debug!(connection = &*self.name, rows = batch.rows(), bytes = batch.bytes(), "batch read");
        }
        Ok(read)
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        span!("confirm", self.name, self.inner.confirm(upto))
    }
}

struct TraceSink {
    inner: Box<dyn Sink>,
    name: Arc<str>,
}

#[async_trait]
impl Sink for TraceSink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        span!("begin", self.name, self.inner.begin(epoch))
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        let report = span!("write", self.name, self.inner.write(batch))?;
        tracing::debug!(connection = &*self.name, rows = report.rows, "batch written");
        Ok(report)
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        span!("retire", self.name, self.inner.retire(lane, epoch))
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        span!("commit", self.name, self.inner.commit(upto))
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        span!("note", self.name, self.inner.note(trouble))
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        span!("finish", self.name, self.inner.finish())
    }
}
