//! A lane: one source and one sink, opened, run, and opened again after errors that may pass.

use std::sync::Arc;
use std::time::Duration;

use syncline_model::error::Retry;
use syncline_model::{Error, ErrorKind, Result};

use super::prepare::PreparedLane;
use super::report::{JobReport, LaneProgress, LaneReport, Progress};
use super::run::run;
use super::step::{Step, reached};
use super::steps::Steps;
use super::{Job, Prepared};
use crate::connector::FinishReport;

/// How often a lane is opened again without having committed anything in between.
const REOPENINGS_MAX: u32 = 6;

/// First wait before opening again; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);

/// Runs every lane of a job side by side: one that fails or is slow never holds the others (F68).
pub async fn run_lanes(job: &Job, prepared: Prepared, progress: &Progress) -> JobReport {
    let steps = Steps::new(&prepared.mappings, job.mode);
    let shared = Arc::new((job.clone(), prepared.read, steps));
    let mut running = Vec::new();
    for (lane, shown) in prepared.lanes.into_iter().zip(progress.lanes()) {
        let (shared, watched) = (shared.clone(), shown.clone());
        running.push((shown, tokio::spawn(async move { run_lane(&shared, lane, &watched).await })));
    }
    let mut report = JobReport { notices: prepared.notices, lanes: Vec::new() };
    for (progress, lane) in running {
        let outcome =
            lane.await.unwrap_or_else(|e| Err(Error::new(ErrorKind::Bug, "a lane ended by a panic").caused_by(e)));
        report.lanes.push(LaneReport::new(&progress, outcome));
    }
    report
}

type Shared = (Job, crate::connector::ReadSpec, Steps);

async fn run_lane(shared: &Shared, mut lane: PreparedLane, progress: &LaneProgress) -> Result<FinishReport> {
    let mut failed_in_a_row = 0;
    loop {
        let committed = progress.units_committed();
        let error = match attempt(shared, &lane, progress).await {
            Ok(finished) => {
                progress.finished();
                return Ok(finished);
            }
            Err(e) => e,
        };
        if progress.units_committed() > committed {
            failed_in_a_row = 0;
        }
        failed_in_a_row += 1;
        if error.retry() == Retry::Never || failed_in_a_row > REOPENINGS_MAX {
            return Err(error);
        }
        let wait = BACKOFF_FIRST * 2u32.pow(failed_in_a_row - 1);
        tracing::warn!(error = %error, wait_ms = wait.as_millis(), "lane opens again");
        progress.waiting(&error);
        tokio::time::sleep(wait).await;
        // A restart was asked for once, not at every opening.
        lane.spec.restart = false;
    }
}

async fn attempt(shared: &Shared, lane: &PreparedLane, progress: &LaneProgress) -> Result<FinishReport> {
    let (job, read, steps) = shared;
    // The sink comes first: its own position decides where the source starts (I2).
    let mut sink = lane.to.connector.open_sink(&lane.spec).await?;
    reached(Step::LaneTaken);
    let position = sink.lease().position.clone();
    progress.opened(position.as_ref(), &read.tables);
    let mut source = job.from.connector.open_source(position, read).await?;
    reached(Step::SourceOpened);
    run(&mut *source, &mut *sink, steps, job.budget, progress).await
}
