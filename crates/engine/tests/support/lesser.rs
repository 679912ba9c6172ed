//! A connector that declares less than it can.

use std::sync::Arc;

use async_trait::async_trait;
use syncline::connector::{
    Capabilities, Capture, CheckReport, Connector, Description, Parked, ParkedQuery, ReadSpec, Sink, Source, WritePlan,
    WriteSpec,
};
use syncline_model::pattern::Selection;
use syncline_model::{Position, Result};

/// Declares what it is told. What it does not declare nobody may ask of it.
#[derive(Debug)]
pub struct Lesser {
    pub inner: Arc<dyn Connector>,
    pub declared: Capabilities,
}

#[async_trait]
impl Connector for Lesser {
    fn capabilities(&self) -> Capabilities {
        self.declared
    }

    async fn check(&self) -> Result<CheckReport> {
        self.inner.check().await
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        self.inner.describe(wanted).await
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        assert!(self.declared.sink, "asked to plan, and is no sink");
        self.inner.plan(spec).await
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        assert!(self.declared.snapshot, "asked for rows, and is no source");
        self.inner.open_source(at, spec).await
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        assert!(self.declared.sink, "asked for a sink, and is none");
        self.inner.open_sink(spec).await
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        self.inner.parked(query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}
