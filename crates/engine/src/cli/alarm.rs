//! What a source retains for its lanes, told by `run`, `check` and `status`; and the alarm when it is too much.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use syncline_model::Result;

use super::Context;
use super::output::grouped;
use super::status::lasted;
use crate::capture::retained::{Alarm, Retained};
use crate::config::{AlarmLimits, Capture, JobSpec, Plan};
use crate::connector::{Finding, LaneId, Level};
use crate::job::Endpoint;
use crate::telemetry::Watched;

/// How often the sources are looked at while jobs follow them; and for how many times as long as a look takes there is none, since
/// pages or rows have to be counted: a job that is idle costs less than a hundredth of a core.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const RESTS: u32 = 100;

/// How long jobs that are done may wait for a look.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// The sources of the jobs that run and follow, each once.
#[derive(Clone)]
pub struct Sources {
    sources: Vec<(Endpoint, AlarmLimits)>,
    watched: Watched,
    /// The alarm of each, as it was told last.
    raised: Arc<Mutex<Vec<Option<Alarm>>>>,
}

impl Sources {
    /// Those of these jobs.
    pub fn of(context: &Context, plan: &Plan, specs: &[&JobSpec]) -> Result<Self> {
        let mut sources: Vec<(Endpoint, AlarmLimits)> = Vec::new();
        for spec in specs.iter().filter(|spec| spec.capture == Capture::Trigger) {
            let endpoint = context.endpoint(Some(plan), &spec.from)?;
            if !sources.iter().any(|(known, _)| known.name == endpoint.name) {
                sources.push((endpoint, plan.alarm_of(&spec.from)));
            }
        }
        let raised = Arc::new(Mutex::new(vec![None; sources.len()]));
        Ok(Self { sources, watched: context.watched.clone(), raised })
    }

    /// Looks again and again while the jobs run.
    pub async fn beside<T>(&self, jobs: impl Future<Output = T>) -> T {
        let sources = self.clone();
        let looks = tokio::spawn(async move {
            let mut rest = LOOK_EVERY;
            loop {
                tokio::time::sleep(rest).await;
                let began = Instant::now();
                sources.look().await;
                rest = LOOK_EVERY.max(began.elapsed() * RESTS);
            }
        });
        let ended = jobs.await;
        looks.abort();
        ended
    }

    /// Looks once when the jobs are done, unless somebody has asked for the end; nobody waits long for it.
    pub async fn at_the_end(&self, stopped: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = stopped => {}
            () = self.look() => {}
            () = tokio::time::sleep(LOOK_MAX) => tracing::debug!("what is retained was not looked at in time"),
        }
    }

    /// Looks once, and warns where that says anything new. No source waits for another.
    async fn look(&self) {
        join_all((0..self.sources.len()).map(|i| self.look_at(i))).await;
    }

    async fn look_at(&self, i: usize) {
        let Some((source, limits)) = self.sources.get(i) else { return };
        // Whether the source answers at all its lanes say.
        let Some(Ok(retained)) = retained(source).await else { return };
        let alarm = retained.alarm(*limits);
        self.watched.retains(&source.name, &retained, alarm.is_some());
        let before = self.replaced(i, alarm.clone());
        match (&before, &alarm) {
            (Some(before), Some(alarm)) if alarm.is_still(before) => {}
            (_, Some(alarm)) => tracing::warn!("{}; {}", told(&source.name, alarm), advice(alarm)),
            (Some(before), None) => {
                tracing::warn!("{} no longer retains too much for lane {}", source.name, before.lane.0);
            }
            (None, None) => {}
        }
    }

    fn replaced(&self, source: usize, alarm: Option<Alarm>) -> Option<Alarm> {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.get_mut(source).and_then(|known| std::mem::replace(known, alarm))
    }

    /// The alarms as they were told last, for programs.
    pub fn document(&self) -> Vec<Value> {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let named = self.sources.iter().zip(raised);
        named.filter_map(|((source, _), alarm)| Some(fields(&source.name, &alarm?))).collect()
    }
}

/// What this database retains; nothing if it cannot be a source.
pub async fn retained(source: &Endpoint) -> Option<Result<Retained>> {
    let retained = source.connector.capture()?.retained().await;
    if let Err(e) = &retained {
        tracing::debug!(source = source.name, error = %e, "cannot look at what is retained");
    }
    Some(retained)
}

/// What `check` finds of it, where anything is captured.
pub async fn finding(source: &Endpoint, limits: AlarmLimits) -> Option<Finding> {
    let found = |level, text, advice| Some(Finding { code: "capture.retained", level, text, advice });
    let retained = match retained(source).await? {
        Ok(retained) => retained,
        Err(e) => return found(Level::Warning, e.to_string(), Some(e.advice().to_string())),
    };
    match retained.alarm(limits) {
        Some(alarm) => found(Level::Warning, told(&source.name, &alarm), Some(advice(&alarm))),
        None if retained.lanes.is_empty() => None,
        None => {
            let about = if retained.estimated { "about " } else { "" };
            found(Level::Ok, format!("its change tables take {about}{}", size(retained.bytes)), None)
        }
    }
}

/// An alarm in words.
pub fn told(source: &str, alarm: &Alarm) -> String {
    let Alarm { lane, age_s, bytes, .. } = alarm;
    format!("{source} retains {} of changes for lane {}, the oldest {} old", size(*bytes), lane.0, lasted(*age_s))
}

/// What to do about it.
pub fn advice(alarm: &Alarm) -> String {
    let job = job_of(&alarm.lane).unwrap_or("JOB");
    format!(
        "`syncline status` shows what keeps the lane; `syncline resync {job}` loads its tables again instead of carrying all of \
         it; if it never comes back, `syncline uninstall {job}` lets its changes go"
    )
}

/// An alarm for programs.
pub fn fields(source: &str, alarm: &Alarm) -> Value {
    json!({ "source": source, "alarm": alarm, "text": told(source, alarm), "advice": advice(alarm) })
}

/// The job that a lane's name begins with: before its hash.
fn job_of(lane: &LaneId) -> Option<&str> {
    let is_hash = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut dashes = lane.0.match_indices('-').map(|(at, _)| at);
    dashes.find(|at| lane.0.get(at + 1..at + 17).is_some_and(is_hash)).and_then(|at| lane.0.get(..at))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", grouped(bytes >> 20)),
        _ => format!("{} GiB", grouped(bytes >> 30)),
    }
}

#[cfg(test)]
mod tests;
