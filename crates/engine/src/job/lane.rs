//! A lane: one source and one sink, opened, run, and opened again after errors that may pass.

use std::sync::Arc;
use std::time::Duration;

use syncline_model::error::Retry;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Position, Result, TableName};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::anew::Looks;
use super::park::Parking;
use super::prepare::{PreparedLane, RESYNCS};
use super::report::{JobReport, LaneProgress, LaneReport, Progress};
use super::run::run;
use super::side::{Begins, Side};
use super::step::{Step, reached};
use super::steps::Steps;
use super::widen::widen;
use super::{Job, Prepared, Until, away};
use crate::capture::control::Trouble;
use crate::capture::follow::Place;
use crate::capture::{parked, snapshot};
use crate::connector::{Apart, FinishReport, ReadSpec, Sink};

/// How often a lane is opened again without having committed anything in between.
const REOPENINGS_MAX: u32 = 6;

/// First wait before opening again; doubled each time.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);

/// Longest wait before a lane that follows opens again: its sink may be away for hours (F68).
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// How long a lane waits that `resync` has taken over.
const RESYNC_WAIT: Duration = Duration::from_secs(1);

/// How long a sink may take to note what is wrong with its lane.
const NOTE_WAIT_MAX: Duration = Duration::from_secs(2);

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
    let sink = |lane: &PreparedLane| (lane.to.name.clone(), lane.plan.identity.clone());
    let there: Vec<_> = prepared.lanes.iter().map(sink).collect();
    let mut places = shown.iter().cloned().enumerate();
    for (lane, (i, shown)) in prepared.lanes.into_iter().zip(places.by_ref()) {
        notices.push(lane.plan.notices.clone());
        let (shared, stopped) = (shared.clone(), stopped.clone());
        running.spawn(async move { (i, run_lane(&shared, lane, &shown, stopped).await) });
    }
    for (away, (i, shown)) in prepared.away.into_iter().zip(places) {
        notices.push(Vec::new());
        let (job, there, stopped) = (job.clone(), there.clone(), stopped.clone());
        running.spawn(async move { (i, away::run(job, away, there, &shown, stopped).await) });
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

/// What all lanes of a job have in common.
pub(super) type Shared = (Job, Steps);

pub(super) async fn run_lane(
    shared: &Arc<Shared>,
    mut lane: PreparedLane,
    progress: &LaneProgress,
    mut stop: watch::Receiver<bool>,
) -> Result<FinishReport> {
    let mut shared = shared.clone();
    let (mut tries, mut looks) = (Tries::default(), Looks::default());
    let mut parking = Parking::new(lane.spec.lane.clone(), shared.0.parks, &lane.spec.tables);
    let mut side = Side::new(&shared, &lane, progress, &stop);
    loop {
        let (mut failed, ended) = match run_once(&shared, &mut lane, &mut parking, progress, &mut side, &mut stop).await
        {
            Ok(Once::Done(finished)) => {
                progress.finished();
                return Ok(side.told(finished));
            }
            Ok(Once::Again) => continue,
            Ok(Once::Failed(error)) => (Failed::from(error), true),
            Err(failed) => (failed, false),
        };
        match looks.look(&failed.error, &shared, &lane, progress).await {
            Ok(Some(seen)) => {
                (shared, lane) = (seen.shared, seen.lane);
                parking = Parking::new(lane.spec.lane.clone(), shared.0.parks, &lane.spec.tables);
                side = side.anew(&shared, &lane);
                continue;
            }
            Ok(None) if ended => return Err(failed.error),
            Ok(None) => {}
            Err(error) => failed.error = error,
        }
        if failed.error.kind() == ErrorKind::Fenced && is_resynced(&lane).await {
            tracing::info!("lane opens again to load tables again");
            side.forget();
            // Whoever says `resync` must have its say first.
            tokio::time::sleep(RESYNC_WAIT).await;
        } else {
            tries.again(failed, &shared.0, &mut parking, progress, &mut stop).await?;
        }
    }
}

/// How one opening of a lane has ended.
enum Once {
    /// The source has ended, or somebody has asked for the end.
    Done(FinishReport),
    /// The lane is to be opened again, with what its side lane has loaded.
    Again,
    /// The side lane has failed and will not try again.
    Failed(Error),
}

/// Opens the lane and runs it, and beside it the side lane that it asks for, which may outlive it.
async fn run_once(
    shared: &Shared,
    lane: &mut PreparedLane,
    parking: &mut Parking,
    progress: &LaneProgress,
    side: &mut Side,
    stop: &mut watch::Receiver<bool>,
) -> Result<Once, Failed> {
    widen(lane).await?;
    let (end, ends) = watch::channel(false);
    let (apart, mut asked) = watch::channel(Apart::default());
    let ended = {
        let own = attempt(shared, lane, parking, progress, None, (&ends, &apart));
        tokio::pin!(own);
        loop {
            tokio::select! {
                ended = &mut own => break ended?,
                Ok(()) = asked.changed() => side.begin(asked.borrow_and_update().clone()),
                () = side.ended() => { end.send_replace(true); }
                Ok(_) = stop.wait_for(|stop| *stop), if !*end.borrow() => { end.send_replace(true); }
            }
        }
    };
    let stopped = *stop.borrow();
    // A source that ends may have said all of it in one breath.
    if asked.has_changed().unwrap_or(false) && !stopped {
        side.begin(asked.borrow_and_update().clone());
    }
    if side.is_running() {
        side.ended().await;
    }
    match side.outcome.take() {
        Some(Err(e)) if e.kind() != ErrorKind::Fenced => Ok(Once::Failed(e)),
        // What it has loaded is adopted at the next start.
        Some(_) if *stop.borrow() => Ok(Once::Done(ended.finished)),
        Some(outcome) => {
            side.join(ended, outcome.is_ok()).await?;
            Ok(Once::Again)
        }
        None => Ok(Once::Done(ended.finished)),
    }
}

/// Whether it is `resync` that has taken the lane over; then whoever ran it goes on.
async fn is_resynced(lane: &PreparedLane) -> bool {
    for _ in 0..REOPENINGS_MAX {
        match lane.to.connector.check().await {
            Ok(report) => {
                return report.lanes.iter().any(|l| l.lane == lane.spec.lane && l.owner.starts_with(RESYNCS));
            }
            Err(e) if e.retry() == Retry::Never => return false,
            // An error that passes says nothing of who has the lane.
            Err(_) => tokio::time::sleep(BACKOFF_FIRST).await,
        }
    }
    false
}

/// How often a lane has failed.
#[derive(Default)]
pub(super) struct Tries {
    failed_in_a_row: u32,
    committed: u64,
}

impl Tries {
    /// Waits until the lane should be opened again after this error, or gives it back. Either is said at the sink.
    pub(super) async fn again(
        &mut self,
        Failed { error, sink }: Failed,
        job: &Job,
        parking: &mut Parking,
        progress: &LaneProgress,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<()> {
        let committed = progress.units_committed();
        if committed > std::mem::replace(&mut self.committed, committed) {
            self.failed_in_a_row = 0;
        }
        // The next attempt sets aside what this one was refused.
        if parking.learns(&error) {
            tracing::info!(error = %error, "lane opens again to set a change aside");
            return Ok(());
        }
        self.failed_in_a_row += 1;
        let patient = job.follow == Some(Until::Stopped);
        let stops = error.retry() == Retry::Never || self.failed_in_a_row > REOPENINGS_MAX && !patient;
        if let Some(sink) = sink.filter(|_| job.follow.is_some()) {
            note(sink, &error, stops).await;
        }
        if stops {
            return Err(error);
        }
        let wait = (BACKOFF_FIRST * 2u32.pow(self.failed_in_a_row.min(10) - 1)).min(BACKOFF_MAX);
        tracing::warn!(error = %error, wait_ms = wait.as_millis(), "lane opens again");
        progress.waiting(&error);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            // Nothing of it is open.
            _ = stop.wait_for(|stop| *stop), if job.follow.is_some() => Err(error),
        }
    }
}

/// Says at the sink, by the lane's own lease, what keeps it from getting on; once, and again only when that changes. A
/// one-time copy has nobody who would look there. A sink that does not take it is asked by `status` itself.
async fn note(mut sink: Box<dyn Sink>, error: &Error, stops: bool) {
    let known = sink.lease().trouble.clone();
    let trouble = Trouble::of(error, stops, known.as_ref());
    if error.kind() == ErrorKind::Fenced || known.as_ref() == Some(&trouble) {
        return;
    }
    match tokio::time::timeout(NOTE_WAIT_MAX, sink.note(Some(&trouble))).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::debug!(error = %e, "what is wrong was not noted at the sink"),
        Err(_) => tracing::debug!("what is wrong was not noted at the sink in time"),
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
        Some(table) => Err(snapshot::gone(&table.name, lane.read.follow.is_some()).at("sink", &*lane.to.name)),
    }
}

/// Which of the tables were loaded before that position.
fn done(position: Option<&Position>, read: &ReadSpec) -> Result<Vec<bool>> {
    let Some(position) = position.filter(|_| read.follow.is_some()) else {
        let done = snapshot::remaining(position, &read.tables)?.0;
        return Ok((0..read.tables.len()).map(|i| i < done).collect());
    };
    let place = Place::parse(position)?;
    Ok(read.tables.iter().map(|t| place.has(&t.name)).collect())
}

/// How an attempt has ended that went well.
pub(super) struct Ended {
    pub finished: FinishReport,
    /// Still open, with the lane's lease.
    pub sink: Box<dyn Sink>,
    /// What the sink has committed last.
    pub position: Option<Position>,
}

/// How an attempt has ended by an error.
pub(super) struct Failed {
    pub error: Error,
    /// Still open, if it was opened, with the lane's lease.
    sink: Option<Box<dyn Sink>>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, sink: None }
    }
}

/// Opens both ends and runs until the source ends, or until `stop` says so; `apart` is told what a side lane should load. A
/// side lane begins where `begins` says.
pub(super) async fn attempt(
    shared: &Shared,
    lane: &mut PreparedLane,
    parking: &mut Parking,
    progress: &LaneProgress,
    begins: Option<&Begins>,
    signals: (&watch::Receiver<bool>, &watch::Sender<Apart>),
) -> Result<Ended, Failed> {
    // The sink comes first: its own position decides where the source starts (I2).
    let mut sink = lane.to.connector.open_sink(&lane.spec).await?;
    // A restart was asked for once, not at every opening; it has happened only now.
    lane.spec.restart = false;
    reached(Step::LaneTaken);
    match carry(shared, lane, &mut *sink, parking, progress, begins, signals).await {
        Ok((finished, position)) => Ok(Ended { finished, sink, position }),
        Err(error) => Err(Failed { error, sink: Some(sink) }),
    }
}

/// The attempt itself, once the lane is taken; gives what was committed last, too.
async fn carry(
    (job, steps): &Shared,
    lane: &PreparedLane,
    sink: &mut dyn Sink,
    parking: &mut Parking,
    progress: &LaneProgress,
    begins: Option<&Begins>,
    signals: (&watch::Receiver<bool>, &watch::Sender<Apart>),
) -> Result<(FinishReport, Option<Position>)> {
    let mut position = sink.lease().position.clone();
    if let Some(begins) = begins {
        position = Some(begins.after(position.as_ref())?);
    }
    let done = done(position.as_ref(), &lane.read)?;
    still_there(lane, &done).await?;
    // After the lane was taken: nobody else parks for it now.
    if job.follow.is_some() {
        parking.look(&*lane.to.connector).await?;
    }
    progress.opened(&done, parking.in_all());
    let mut source = job.from.connector.open_source(position.clone(), &lane.read).await?;
    reached(Step::SourceOpened);
    let (mut finished, committed) = run(&mut *source, sink, (steps, parking), job.budget, progress, signals).await?;
    // Not one of the user's tables.
    finished.rows_held.retain(|(table, _)| table != parked::NAME);
    Ok((finished, committed.or(position)))
}
