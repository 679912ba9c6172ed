//! A source that gives exactly what a test wrote down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use syncline::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, Parked, ParkedQuery, Read, ReadSpec, Sink,
    Source, WritePlan, WriteSpec,
};
use syncline_model::pattern::Selection;
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result, TableSchema};

/// Gives its batches once, then the end.
#[derive(Debug)]
pub struct Script {
    tables: Vec<TableSchema>,
    batches: Arc<Mutex<VecDeque<ChangeBatch>>>,
}

impl Script {
    /// A connector over these tables.
    pub fn of(tables: &[&Arc<TableSchema>], batches: Vec<ChangeBatch>) -> Arc<dyn Connector> {
        let tables = tables.iter().map(|t| (***t).clone()).collect();
        Arc::new(Self { tables, batches: Arc::new(Mutex::new(batches.into())) })
    }
}

#[async_trait]
impl Connector for Script {
    fn capabilities(&self) -> Capabilities {
        Capabilities { snapshot: true, key_order: true, ..Capabilities::default() }
    }

    async fn check(&self) -> Result<CheckReport> {
        Ok(CheckReport::default())
    }

    async fn describe(&self, wanted: &Selection) -> Result<Description> {
        let tables = self.tables.iter().filter(|t| wanted.wants(&t.name, None)).cloned().collect();
        Ok(Description { identity: "script".into(), tables, ..Description::default() })
    }

    async fn plan(&self, _spec: &WriteSpec) -> Result<WritePlan> {
        Err(Error::new(ErrorKind::Unsupported, "a script takes no rows"))
    }

    async fn open_source(&self, _at: Option<Position>, _spec: &ReadSpec) -> Result<Box<dyn Source>> {
        Ok(Box::new(Reading(self.batches.clone())))
    }

    async fn open_sink(&self, _spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        Err(Error::new(ErrorKind::Unsupported, "a script takes no rows"))
    }

    async fn parked(&self, _query: &ParkedQuery) -> Result<Vec<Parked>> {
        Ok(Vec::new())
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}

struct Reading(Arc<Mutex<VecDeque<ChangeBatch>>>);

#[async_trait]
impl Source for Reading {
    async fn read(&mut self, _budget: Budget) -> Result<Read> {
        Ok(self.0.lock().unwrap().pop_front().map_or(Read::End, Read::Batch))
    }

    async fn confirm(&mut self, _upto: &Position) -> Result<()> {
        Ok(())
    }
}
