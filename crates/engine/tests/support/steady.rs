//! A decorator whose sources never answer that there is nothing for now.
//!
//! While time is paused every wait is over at once, so a source with a thread of its own would be asked a thousand
//! times for each batch. Here the asking is one call, and the n-th call is the same in every run.

use std::sync::Arc;

use async_trait::async_trait;
use syncline::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, Parked, ParkedQuery, Read, ReadSpec, Sink,
    Source, WritePlan, WriteSpec,
};
use syncline_model::pattern::Selection;
use syncline_model::{Position, Result};

/// Waits within `read`.
#[derive(Debug)]
pub struct Steady(pub Arc<dyn Connector>);

#[async_trait]
impl Connector for Steady {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn check(&self) -> Result<CheckReport> {
        self.0.check().await
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        self.0.describe(wanted).await
    }

    async fn plan(&self, spec: &WriteSpec) -> Result<WritePlan> {
        self.0.plan(spec).await
    }

    async fn open_source(&self, at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        Ok(Box::new(SteadySource(self.0.open_source(at, spec).await?)))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        self.0.open_sink(spec).await
    }

    async fn parked(&self, query: &ParkedQuery) -> Result<Vec<Parked>> {
        self.0.parked(query).await
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}

struct SteadySource(Box<dyn Source>);

#[async_trait]
impl Source for SteadySource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        loop {
            match self.0.read(budget).await? {
                Read::Idle => {}
                other => return Ok(other),
            }
        }
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        self.0.confirm(upto).await
    }
}
