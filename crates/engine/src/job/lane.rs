//! A lane: one source and one sink, opened, run, and opened again after errors that may pass.

use std::sync::Arc;
use std::time::Duration;

use syncline_model::error::Retry;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Position, Result, TableName};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::park::Parking;
use super::prepare::PreparedLane;
use super::report::{JobReport, LaneProgress, LaneReport, Progress};
use super::run::run;
use super::step::{Step, reached};
use super::steps::Steps;
use super::{Job, Prepared, Until};
use crate::capture::follow::Place;
use crate::capture::{parked, snapshot};
use crate::connector::{FinishReport, ReadSpec};

/// How often a lane is opened again without having committed anything in between.
const REOPENINGS_MAX: u32 = 6;

/// First wait before opening again; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);

/// Longest wait before a lane that follows opens again: its sink may be away for hours (F68).
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// How long a lane that follows may take to end its unit when it is asked to stop.
const STOP_WAIT_MAX: Duration = Duration::from_secs(4);

/// Runs every lane of a job side by side, until all have ended or `stop` has: one that fails or is slow never holds
/// the others (F68). A stop lets lanes that follow end their units; what is still open after a while is taken back, and
/// of a one-time copy at once. It waits until that is done.
pub async fn run_lanes(
    job: &Job,
    prepared: Prepared,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> JobReport {
    let steps = Steps::new(&prepared.mappings, job.mode);
    let shared = Arc::new((job.clone(), steps));
    let shown = progress.lanes();
    let mut outcomes: Vec<Option<Result<FinishReport>>> = shown.iter().map(|_| None).collect();
    let mut notices = Vec::new();
    let mut running = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    for (i, (lane, shown)) in prepared.lanes.into_iter().zip(shown.iter().cloned()).enumerate() {
        notices.push(lane.plan.notices.clone());
        let shared = shared.clone();
        let stopped = stopped.clone();
        running.spawn(async move { (i, run_lane(&shared, lane, &shown, stopped).await) });
    }
    tokio::pin!(stop);
    let mut asked = false;
    let mut patience = None;
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok((i, outcome))) => if let Some(slot) = outcomes.get_mut(i) { *slot = Some(outcome) },
                // A panic; its lane keeps no outcome.
                Some(Err(_)) => {}
                None => break,
            },
            // A lane that ends before it hears of it has ended well.
            () = &mut stop, if !asked => {
                asked = true;
                let _ = stopping.send(true);
                match job.follow {
                    Some(_) => patience = Some(tokio::time::Instant::now() + STOP_WAIT_MAX),
                    None => running.abort_all(),
                }
            }
            () = tokio::time::sleep_until(patience.unwrap_or_else(tokio::time::Instant::now)), if patience.is_some() => {
                patience = None;
                running.abort_all();
            }
        }
    }
    let missing = || match asked {
        true => Error::new(ErrorKind::Interrupted, "stopped on request"),
        false => Error::new(ErrorKind::Bug, "a lane ended by a panic"),
    };
    let lanes = shown.iter().zip(outcomes).zip(notices).map(|((progress, outcome), notices)| {
        LaneReport::new(progress, notices, outcome.unwrap_or_else(|| Err(missing())))
    });
    JobReport { notices: prepared.notices, lanes: lanes.collect(), stopped: asked }
}

type Shared = (Job, Steps);

async fn run_lane(
    shared: &Shared,
    mut lane: PreparedLane,
    progress: &LaneProgress,
    mut stop: watch::Receiver<bool>,
) -> Result<FinishReport> {
    let mut failed_in_a_row = 0;
    let mut parking = Parking::new(lane.spec.lane.clone(), shared.0.parks, &lane.spec.tables);
    loop {
        let committed = progress.units_committed();
        let error = match attempt(shared, &mut lane, &mut parking, progress, &stop).await {
            Ok(finished) => {
                progress.finished();
                return Ok(finished);
            }
            Err(e) => e,
        };
        if progress.units_committed() > committed {
            failed_in_a_row = 0;
        }
        // The next attempt sets aside what this one was refused.
        if parking.learns(&error) {
            tracing::info!(error = %error, "lane opens again to set a change aside");
            continue;
        }
        failed_in_a_row += 1;
        let patient = shared.0.follow == Some(Until::Stopped);
        if error.retry() == Retry::Never || failed_in_a_row > REOPENINGS_MAX && !patient {
            return Err(error);
        }
        let wait = (BACKOFF_FIRST * 2u32.pow(failed_in_a_row.min(10) - 1)).min(BACKOFF_MAX);
        tracing::warn!(error = %error, wait_ms = wait.as_millis(), "lane opens again");
        progress.waiting(&error);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Nothing of it is open.
            _ = stop.wait_for(|stop| *stop), if shared.0.follow.is_some() => return Err(error),
        }
    }
}

/// What an earlier run finished must not have gone since: to skip it would report rows that nobody has (I10).
async fn still_there(lane: &PreparedLane, done: &[bool]) -> Result<()> {
    if !done.contains(&true) {
        return Ok(());
    }
    let there = lane.to.connector.describe(&Selection::default()).await?.names;
    // A database may fold names; here it only matters whether anything of that name is there.
    let has = |name: &TableName| there.iter().any(|t| t.to_string().eq_ignore_ascii_case(&name.to_string()));
    let done = lane.spec.tables.iter().zip(done).filter(|(_, done)| **done).map(|(t, _)| t);
    match { done }.find(|t| !has(&t.name)) {
        None => Ok(()),
        Some(table) => Err(snapshot::gone(&table.name).at("sink", &*lane.to.name)),
    }
}

/// Which of the tables were loaded before that position.
fn done(position: Option<&Position>, read: &ReadSpec) -> Result<Vec<bool>> {
    let Some(position) = position.filter(|_| read.follow.is_some()) else {
        let done = snapshot::remaining(position, &read.tables)?.0;
        return Ok((0..read.tables.len()).map(|i| i < done).collect());
    };
    let place = Place::parse(position)?;
    Ok(read.tables.iter().map(|t| place.tables.contains_key(&t.name.to_string())).collect())
}

async fn attempt(
    shared: &Shared,
    lane: &mut PreparedLane,
    parking: &mut Parking,
    progress: &LaneProgress,
    stop: &watch::Receiver<bool>,
) -> Result<FinishReport> {
    let (job, steps) = shared;
    // The sink comes first: its own position decides where the source starts (I2).
    let mut sink = lane.to.connector.open_sink(&lane.spec).await?;
    // A restart was asked for once, not at every opening; it has happened only now.
    lane.spec.restart = false;
    reached(Step::LaneTaken);
    let position = sink.lease().position.clone();
    let done = done(position.as_ref(), &lane.read)?;
    still_there(lane, &done).await?;
    // After the lane was taken: nobody else parks for it now.
    if job.follow.is_some() {
        parking.look(&*lane.to.connector).await?;
    }
    progress.opened(&done, parking.in_all());
    let mut source = job.from.connector.open_source(position, &lane.read).await?;
    reached(Step::SourceOpened);
    let mut finished = run(&mut *source, &mut *sink, (steps, parking), job.budget, progress, stop).await?;
    // Not one of the user's tables.
    finished.rows_held.retain(|(table, _)| table != parked::NAME);
    Ok(finished)
}
