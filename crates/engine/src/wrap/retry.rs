//! Trying again, for calls after whose failure nothing has happened.
//!
//! By the contract these are all but `write`, `retire`, `commit` and `finish`; after those the lane itself opens again
//! ([`crate::job::lane`]), because only the sink's own position tells what happened.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::error::Retry as Again;
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Epoch, Error, ErrorKind, Position, Result};

use crate::capture::control::Trouble;
use crate::capture::retained::Retained;
use crate::connector::{
    Backlog, Budget, Capabilities, Capture, CaptureTable, CheckReport, Connector, Description, FinishReport,
    InstallPlan, LaneId, Lease, Parked, ParkedQuery, Read, ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};
use crate::sync::member::Member;

/// How often and how patiently.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Calls in all, the first included.
    pub calls_max: u32,
    /// First wait; doubled each time.
    pub wait_first: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { calls_max: 4, wait_first: Duration::from_millis(100) }
    }
}

/// A connector whose passing errors are waited out.
#[derive(Debug)]
pub struct Retry {
    inner: Arc<dyn Connector>,
    patience: Patience,
}

impl Retry {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Connector>, patience: Patience) -> Self {
        Self { inner, patience }
    }
}

/// Repeats a call while its error says that this can help.
macro_rules! again {
    ($patience:expr, $call:expr) => {{
        let patience: Patience = $patience;
        let mut calls = 1;
        loop {
            match $call.await {
                Err(e) if e.retry() == Again::Soon && calls < patience.calls_max => {
                    let wait = patience.wait_first * 2u32.pow(calls - 1);
                    tracing::debug!(error = %e, wait_ms = wait.as_millis(), "trying again");
                    tokio::time::sleep(wait).await;
                    calls += 1;
                }
                other => break other,
            }
        }
    }};
}

#[async_trait]
impl Connector for Retry {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn check(&self) -> Result<CheckReport> {
        again!(self.patience, self.inner.check())
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        again!(self.patience, self.inner.describe(wanted))
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        again!(self.patience, self.inner.plan(spec))
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        let inner = again!(self.patience, self.inner.open_source(at.clone(), spec))?;
        Ok(Box::new(RetrySource { inner, patience: self.patience }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let inner = again!(self.patience, self.inner.open_sink(spec))?;
        Ok(Box::new(RetrySink { inner, patience: self.patience }))
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        again!(self.patience, self.inner.parked(query))
    }

    fn capture(&self) -> Option<&dyn Capture> {
        self.inner.capture().map(|_| self as &dyn Capture)
    }
}

/// What is decorated, asked for only where [`Connector::capture`] said that it is there.
impl Retry {
    fn captures(&self) -> Result<&dyn Capture> {
        self.inner.capture().ok_or_else(|| Error::new(ErrorKind::Bug, "this connector captures nothing"))
    }
}

#[async_trait]
impl Capture for Retry {
    async fn install_plan(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        again!(self.patience, self.captures()?.install_plan(tables))
    }

    async fn install(&self, tables: &[CaptureTable]) -> Result<InstallPlan> {
        again!(self.patience, self.captures()?.install(tables))
    }

    async fn uninstall_plan(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        again!(self.patience, self.captures()?.uninstall_plan(lane))
    }

    async fn uninstall(&self, lane: Option<&LaneId>) -> Result<Vec<String>> {
        again!(self.patience, self.captures()?.uninstall(lane))
    }

    async fn node(&self) -> Result<Option<String>> {
        again!(self.patience, self.captures()?.node())
    }

    async fn open_member(&self) -> Result<Box<dyn Member>> {
        again!(self.patience, self.captures()?.open_member())
    }

    async fn backlog(&self) -> Result<Vec<Backlog>> {
        again!(self.patience, self.captures()?.backlog())
    }

    async fn retained(&self) -> Result<Retained> {
        again!(self.patience, self.captures()?.retained())
    }
}

struct RetrySource {
    inner: Box<dyn Source>,
    patience: Patience,
}

#[async_trait]
impl Source for RetrySource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        again!(self.patience, self.inner.read(budget))
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        again!(self.patience, self.inner.confirm(upto))
    }
}

struct RetrySink {
    inner: Box<dyn Sink>,
    patience: Patience,
}

#[async_trait]
impl Sink for RetrySink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        again!(self.patience, self.inner.begin(epoch))
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        self.inner.write(batch).await
    }

    async fn retire(&mut self, lane: &LaneId, epoch: Epoch) -> Result<()> {
        self.inner.retire(lane, epoch).await
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        self.inner.commit(upto).await
    }

    async fn note(&mut self, trouble: Option<&Trouble>) -> Result<()> {
        // Whoever did not hear of it hears of the next error.
        self.inner.note(trouble).await
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        self.inner.finish().await
    }
}
