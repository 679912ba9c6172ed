//! A limit on bytes per second, so that a copy leaves room for the application.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::pattern::Selection;
use syncline_model::{Position, Result};
use tokio::time::Instant;

use crate::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, Parked, ParkedQuery, Read, ReadSpec, Sink,
    Source, WritePlan, WriteSpec,
};

/// A connector whose sources are read no faster than so many bytes a second.
#[derive(Debug)]
pub struct Limit {
    inner: Arc<dyn Connector>,
    bytes_per_s_max: u64,
}

impl Limit {
    /// Wraps `inner`; zero counts as one byte a second.
    #[must_use]
    pub fn new(inner: Arc<dyn Connector>, bytes_per_s_max: u64) -> Self {
        Self { inner, bytes_per_s_max: bytes_per_s_max.max(1) }
    }
}

#[async_trait]
impl Connector for Limit {
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
        let inner = self.inner.open_source(at, spec).await?;
        Ok(Box::new(LimitSource { inner, bytes_per_s_max: self.bytes_per_s_max, free_at: Instant::now() }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        self.inner.open_sink(spec).await
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        self.inner.parked(query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        self.inner.capture()
    }
}

struct LimitSource {
    inner: Box<dyn Source>,
    bytes_per_s_max: u64,
    /// When the bytes read so far are paid for.
    free_at: Instant,
}

#[async_trait]
impl Source for LimitSource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        // The wait counts against the budget's own, so that `read` never takes longer than it promised.
        let now = Instant::now();
        if self.free_at > now + budget.wait_max {
            tokio::time::sleep(budget.wait_max).await;
            return Ok(Read::Idle);
        }
        tokio::time::sleep_until(self.free_at).await;
        let read = self.inner.read(budget).await?;
        if let Read::Batch(batch) = &read {
            let cost = Duration::from_secs_f64(batch.bytes() as f64 / self.bytes_per_s_max as f64);
            self.free_at = self.free_at.max(now) + cost;
        }
        Ok(read)
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        self.inner.confirm(upto).await
    }
}
