//! A decorator that writes down every effect, and makes a chosen call fail.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use syncline::connector::{
    Budget, Capabilities, CheckReport, Connector, Description, FinishReport, Lease, Read, ReadSpec, Sink, Source,
    WritePlan, WriteReport, WriteSpec,
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

/// A connector whose effects are written down.
#[derive(Debug)]
pub struct Recorded {
    pub inner: Arc<dyn Connector>,
    pub effects: Effects,
    /// The call that fails for good, instead of happening.
    pub refused: Option<&'static str>,
}

impl Recorded {
    fn call(&self, name: &str, detail: impl fmt::Display) -> Result<()> {
        outcome(&self.effects, self.refused, name, detail)
    }
}

fn outcome(effects: &Effects, refused: Option<&str>, name: &str, detail: impl fmt::Display) -> Result<()> {
    if refused == Some(name) {
        effects.note(format!("{name} {detail}: refused"));
        return Err(Error::new(ErrorKind::Value, "refused on purpose").at("call", name));
    }
    effects.note(format!("{name} {detail}"));
    Ok(())
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
        self.call("open_source", format!("from {from}"))?;
        let inner = self.inner.open_source(at, spec).await?;
        Ok(Box::new(RecordedSource { inner, effects: self.effects.clone(), refused: self.refused }))
    }

    async fn open_sink(&self, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let inner = self.inner.open_sink(spec).await?;
        self.call("open_sink", format!("epoch {}", inner.lease().epoch.0))?;
        Ok(Box::new(RecordedSink { inner, effects: self.effects.clone(), refused: self.refused }))
    }
}

struct RecordedSource {
    inner: Box<dyn Source>,
    effects: Effects,
    refused: Option<&'static str>,
}

#[async_trait]
impl Source for RecordedSource {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        let read = self.inner.read(budget).await?;
        let what = match &read {
            Read::Batch(batch) => shown(batch),
            Read::Idle => "nothing yet".into(),
            Read::End => "the end".into(),
        };
        outcome(&self.effects, self.refused, "read", what)?;
        Ok(read)
    }

    async fn confirm(&mut self, upto: &Position) -> Result<()> {
        outcome(&self.effects, self.refused, "confirm", &upto.at)?;
        self.inner.confirm(upto).await
    }
}

struct RecordedSink {
    inner: Box<dyn Sink>,
    effects: Effects,
    refused: Option<&'static str>,
}

#[async_trait]
impl Sink for RecordedSink {
    fn lease(&self) -> &Lease {
        self.inner.lease()
    }

    async fn begin(&mut self, epoch: Epoch) -> Result<()> {
        outcome(&self.effects, self.refused, "begin", format!("epoch {}", epoch.0))?;
        self.inner.begin(epoch).await
    }

    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        outcome(&self.effects, self.refused, "write", shown(batch))?;
        self.inner.write(batch).await
    }

    async fn commit(&mut self, upto: &Position) -> Result<()> {
        outcome(&self.effects, self.refused, "commit", &upto.at)?;
        self.inner.commit(upto).await
    }

    async fn finish(&mut self) -> Result<FinishReport> {
        outcome(&self.effects, self.refused, "finish", "the lane")?;
        self.inner.finish().await
    }
}

/// `orders 3 rows, begins, ends`.
fn shown(batch: &ChangeBatch) -> String {
    let tables: Vec<_> = batch.tables.iter().map(|t| format!("{} {} rows", t.schema().name, t.rows())).collect();
    let begins = if batch.begins { ", begins" } else { "" };
    let ends = if batch.ends.is_some() { ", ends" } else { "" };
    format!("{}{begins}{ends}", tables.join(" and "))
}
