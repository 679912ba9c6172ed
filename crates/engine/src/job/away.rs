//! Sinks that could not be reached when their job began: each has its lane as soon as it is back, and holds none of the
//! others until then (F68).

use std::sync::Arc;

use syncline_model::error::Retry;
use syncline_model::{Error, ErrorKind, Result};
use tokio::sync::watch;

use super::lane::{BACKOFF_FIRST, BACKOFF_MAX, Shared, run_lane};
use super::prepare::{PreparedLane, prepare, same_database};
use super::report::LaneProgress;
use super::steps::Steps;
use super::{Endpoint, Job, Until};
use crate::connector::FinishReport;

/// A sink of which nothing could be learned, and why.
#[derive(Debug)]
pub struct Away {
    /// The sink.
    pub to: Endpoint,
    /// An error that may pass.
    pub error: Error,
}

/// Runs the lane of a sink from when it is back. `there` are the job's other sinks, for it may prove to be one of them.
///
/// # Errors
/// Why the sink is away, if nobody waits for it: the job ends by itself, or it was asked to.
pub(super) async fn run(
    job: Job,
    mut away: Away,
    there: Vec<(String, String)>,
    progress: &LaneProgress,
    mut stop: watch::Receiver<bool>,
) -> Result<FinishReport> {
    let mut wait = BACKOFF_FIRST;
    while job.follow == Some(Until::Stopped) {
        tracing::warn!(sink = &*away.to.name, error = %away.error, wait_ms = wait.as_millis(), "a sink is waited for");
        progress.waiting(&away.error);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        wait = (wait * 2).min(BACKOFF_MAX);
        match back(&job, &away.to, &there, progress).await {
            Ok((shared, lane)) => return run_lane(&shared, lane, progress, stop).await,
            Err(e) if e.retry() == Retry::Never => return Err(e),
            Err(e) => away.error = e,
        }
    }
    Err(away.error)
}

/// What its lane needs, as it is now.
async fn back(
    job: &Job,
    to: &Endpoint,
    there: &[(String, String)],
    progress: &LaneProgress,
) -> Result<(Arc<Shared>, PreparedLane)> {
    let job = Job { to: vec![to.clone()], ..job.clone() };
    let mut prepared = prepare(&job).await?;
    prepared.refuse_misfits()?;
    progress.prepared_again(&prepared);
    let steps = Steps::new(&prepared.mappings, job.mode);
    let lane = prepared.lanes.pop().ok_or_else(|| Error::new(ErrorKind::Bug, "a lane was not prepared"))?;
    match there.iter().find(|(_, identity)| *identity == lane.plan.identity) {
        Some((name, _)) => Err(same_database(name, &to.name)),
        None => Ok((Arc::new((job, steps)), lane)),
    }
}
