//! `syncline status`: where each lane stands, by the account of its sink and of its source.
//!
//! Databases are asked side by side; one that cannot be reached hides nothing of the others. Where a lane may be moving it is
//! asked twice, for its rate.

mod document;
mod shown;
pub use shown::lasted;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::future::join_all;
use syncline_model::{Error, ErrorKind, Result};

use super::{Context, Outcome, alarm, run};
use crate::capture::control::Trouble;
use crate::capture::follow::Place;
use crate::capture::retained::{Alarm, Retained};
use crate::config::{AlarmLimits, Capture, JobSpec, Plan};
use crate::connector::{Backlog, LaneId, LaneState, ParkedQuery};
use crate::job::Endpoint;
use crate::job::prepare::followed_lane_id;

/// How long lanes are watched to see how fast they get on.
const WATCHED: Duration = Duration::from_secs(1);

/// A lane that has not committed for so long, and for which nothing waits, stands still; nobody waits for its rate.
const STILL_S: f64 = 60.0;

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Connections by name, URL or file; every connection of the configuration if none is named
    connections: Vec<String>,
}

/// A database that was asked.
struct Asked {
    endpoint: Endpoint,
    /// Whether it is shown by itself too, and not only as an end of a job.
    wanted: bool,
    answer: Result<Answer>,
}

/// What a database said.
#[derive(Default)]
struct Answer {
    /// False for a sink that is only configured.
    is_there: bool,
    /// The lanes that it keeps as a sink.
    lanes: Vec<LaneState>,
    /// What waits here, as a source.
    backlog: Vec<Backlog>,
    /// How many changes each lane has set aside here.
    parked: BTreeMap<LaneId, u64>,
    /// What is retained here for its lanes, and whether that is too much.
    retained: Option<Retained>,
    alarm: Option<Alarm>,
    /// Changes per second of the lanes that follow.
    rates: BTreeMap<LaneId, f64>,
    /// When it said so.
    at: Option<Instant>,
}

/// A job of the configuration.
struct JobView<'a> {
    spec: &'a JobSpec,
    source: Option<&'a Asked>,
    lanes: Vec<LaneView<'a>>,
}

/// A job's lane to one sink, or its side lane.
struct LaneView<'a> {
    sink: &'a Asked,
    /// Absent where nobody can tell it.
    lane: Option<LaneId>,
    /// The sink's row; absent before the first run, and after a snapshot that is done.
    state: Option<&'a LaneState>,
    /// What waits for it at the source, as far as that answers.
    waits: Option<&'a Backlog>,
    parked: u64,
}

/// Where a lane stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// The sink does not answer.
    Unreachable,
    /// The lane has ended by an error.
    Stopped,
    /// It tries again after an error.
    Trouble,
    /// There is no row of it.
    NotBegun,
    /// Not all tables are loaded yet.
    Loads,
    /// It carries changes.
    Follows,
    /// A one-time copy, or a job of snapshots, runs or was interrupted.
    UnderWay,
}

/// How far a lane that follows got.
fn place(state: &LaneState) -> Option<Place> {
    Place::parse(state.position.as_ref()?).ok()
}

impl LaneView<'_> {
    fn trouble(&self) -> Option<&Trouble> {
        self.state?.trouble.as_ref()
    }

    fn rate(&self) -> Option<f64> {
        self.sink.answer.as_ref().ok()?.rates.get(&self.state?.lane).copied()
    }

    /// How many tables a lane that follows has loaded.
    fn tables_loaded(&self) -> Option<u64> {
        self.state.and_then(place).map(|place| place.loaded() as u64)
    }

    fn stands(&self, follows: bool) -> Stands {
        let Some(state) = self.state else {
            return if self.sink.answer.is_err() { Stands::Unreachable } else { Stands::NotBegun };
        };
        match (&state.trouble, place(state)) {
            (Some(trouble), _) if trouble.stopped => Stands::Stopped,
            (Some(_), _) => Stands::Trouble,
            _ if !follows => Stands::UnderWay,
            (_, Some(place)) if place.whole => Stands::Follows,
            _ => Stands::Loads,
        }
    }
}

/// How many changes each lane has set aside here.
async fn parked_by_lane(endpoint: &Endpoint) -> Result<BTreeMap<LaneId, u64>> {
    let mut lanes = BTreeMap::new();
    let parked = match endpoint.connector.parked(&ParkedQuery::default()).await {
        // Who may not read it sees none, as with lanes.
        Err(e) if e.kind() == ErrorKind::Denied => Vec::new(),
        other => other?,
    };
    for change in parked {
        *lanes.entry(change.lane).or_default() += 1;
    }
    Ok(lanes)
}

/// Asks one database. What is only configured need not be there yet.
async fn ask(endpoint: &Endpoint, named: bool, limits: AlarmLimits) -> Result<Answer> {
    let report = match endpoint.connector.check().await {
        Err(e) if e.kind() == ErrorKind::NotFound && !named => return Ok(Answer::default()),
        other => other?,
    };
    let at = Some(Instant::now());
    let parked = parked_by_lane(endpoint).await?;
    let backlog = match endpoint.connector.capture() {
        Some(capture) => capture.backlog().await?,
        None => Vec::new(),
    };
    let retained = alarm::retained(endpoint).await.transpose()?.filter(|retained| !retained.lanes.is_empty());
    let alarm = retained.as_ref().and_then(|retained| retained.alarm(limits));
    let lanes = report.lanes;
    Ok(Answer { is_there: true, lanes, backlog, parked, retained, alarm, at, rates: BTreeMap::new() })
}

/// Whether somebody should wait for the rate of a lane, as this sink keeps it.
fn may_move(sink: &str, lane: &LaneState, waiting: &[LaneId]) -> bool {
    place(lane).is_some()
        && lane.trouble.is_none()
        && (lane.age_s < STILL_S || waiting.contains(&lane.lane.towards(sink)))
}

/// Sees how fast the lanes get on that follow.
async fn watch(asked: &mut [Asked]) {
    let answers = asked.iter().filter_map(|a| a.answer.as_ref().ok());
    let waiting: Vec<LaneId> =
        answers.flat_map(|a| &a.backlog).filter(|b| b.changes > 0).map(|b| b.lane.clone()).collect();
    let mut moving = Vec::new();
    for one in asked.iter_mut() {
        let Ok(answer) = &mut one.answer else { continue };
        let follow = answer.lanes.iter().filter(|lane| place(lane).is_some());
        answer.rates = follow.map(|lane| (lane.lane.clone(), 0.0)).collect();
        if answer.lanes.iter().any(|lane| may_move(&one.endpoint.name, lane, &waiting)) {
            moving.push(one);
        }
    }
    if moving.is_empty() {
        return;
    }
    tokio::time::sleep(WATCHED).await;
    join_all(moving.into_iter().map(look_again)).await;
}

async fn look_again(asked: &mut Asked) {
    let (Ok(answer), Ok(report)) = (&mut asked.answer, asked.endpoint.connector.check().await) else { return };
    let Some(seconds) = answer.at.map(|at| at.elapsed().as_secs_f64()) else { return };
    for later in report.lanes {
        let Some(lane) = answer.lanes.iter_mut().find(|lane| lane.lane == later.lane) else { continue };
        #[allow(clippy::cast_precision_loss)]
        let rate = later.changes.saturating_sub(lane.changes) as f64 / seconds;
        if let Some(known) = answer.rates.get_mut(&lane.lane) {
            *known = (rate * 10.0).round() / 10.0;
        }
        *lane = later;
    }
}

/// Whether a job of that name made this lane, as far as a lane's name tells: where the source cannot be asked for its id.
fn may_be_of(lane: &LaneId, job: &str) -> bool {
    let rest = lane.0.strip_prefix(job).and_then(|rest| rest.strip_prefix('-'));
    let hash = rest.map(|rest| rest.strip_suffix("+load").unwrap_or(rest));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The lanes of a job to one sink. Its own one comes first, and is there also where nothing is known of it.
fn lanes_to<'a>(sink: &'a Asked, source: Option<&'a Asked>, job: &str, own: Option<&LaneId>) -> Vec<LaneView<'a>> {
    let answer = sink.answer.as_ref().ok();
    let is_its = |lane: &LaneId| match own {
        Some(own) => lane == own || *lane == own.side(),
        None => may_be_of(lane, job),
    };
    let backlog = source.and_then(|s| s.answer.as_ref().ok()).map(|a| &a.backlog[..]).unwrap_or_default();
    let view = |lane: Option<&LaneId>, state| {
        let name = lane.map(|lane| match lane.0.strip_suffix("+load") {
            Some(lane) => LaneId(lane.to_owned()).towards(&sink.endpoint.name).side(),
            None => lane.towards(&sink.endpoint.name),
        });
        let waits = name.and_then(|name| backlog.iter().find(|b| b.lane == name));
        let parked = lane.and_then(|lane| answer?.parked.get(lane)).copied().unwrap_or(0);
        LaneView { sink, lane: lane.cloned(), state, waits, parked }
    };
    let mut lanes: Vec<LaneView<'a>> = Vec::new();
    for state in answer.iter().flat_map(|a| &a.lanes).filter(|state| is_its(&state.lane)) {
        lanes.push(view(Some(&state.lane), Some(state)));
    }
    if !lanes.iter().any(|lane| lane.state.is_some_and(|state| !state.lane.is_side())) {
        lanes.insert(0, view(own, None));
    }
    lanes
}

/// The jobs of the configuration that have to do with what was asked for.
async fn jobs<'a>(context: &Context, plan: &'a Plan, asked: &'a [Asked]) -> Result<Vec<JobView<'a>>> {
    let find = |name: &str| asked.iter().find(|a| a.endpoint.name == name);
    let wanted = |name: &str| find(name).is_some_and(|a| a.wanted);
    let mut views = Vec::new();
    for spec in plan.jobs.values() {
        let sinks: Vec<&Asked> =
            spec.to.iter().filter(|to| wanted(to) || wanted(&spec.from)).filter_map(|to| find(to)).collect();
        if sinks.is_empty() {
            continue;
        }
        let source = find(&spec.from);
        let follows = spec.capture == Capture::Trigger;
        let own = match source.is_some_and(|s| follows && s.answer.as_ref().is_ok_and(|a| a.is_there)) {
            true => followed_lane_id(&run::job(context, plan, spec)?).await.ok(),
            false => None,
        };
        let lanes = sinks.iter().flat_map(|sink| lanes_to(sink, source, &spec.name, own.as_ref())).collect();
        views.push(JobView { spec, source, lanes });
    }
    Ok(views)
}

/// The words of the command line as databases, and whatever else is needed to say something of the jobs between them.
fn endpoints(context: &Context, plan: Option<&Plan>, words: &[String]) -> Result<Vec<(Endpoint, bool)>> {
    let mut names: Vec<(&str, bool)> = words.iter().map(|word| (&**word, true)).collect();
    for spec in plan.iter().flat_map(|plan| plan.jobs.values()) {
        let (from, to) = (spec.from.as_str(), &spec.to);
        let named = |name: &str| words.iter().any(|word| word == name);
        let sinks: Vec<&str> = to.iter().map(String::as_str).filter(|to| named(to) || named(from)).collect();
        if !sinks.is_empty() {
            names.extend([from].into_iter().chain(sinks).map(|name| (name, false)));
        }
    }
    let mut found: Vec<(Endpoint, bool)> = Vec::new();
    let mut seen = Vec::new();
    for (name, wanted) in names {
        if !seen.contains(&name) {
            seen.push(name);
            found.push((context.endpoint(plan, name)?, wanted));
        }
    }
    Ok(found)
}

pub async fn status(context: &Context, args: StatusArgs) -> Result<Outcome> {
    let named = !args.connections.is_empty();
    let plan = if named { context.plan()? } else { Some(context.plan_required()?) };
    let words: Vec<String> = match &plan {
        Some(plan) if !named => plan.connections.keys().cloned().collect(),
        _ => args.connections,
    };
    let endpoints = endpoints(context, plan.as_ref(), &words)?;
    let limits = |name: &str| plan.as_ref().map(|plan| plan.alarm_of(name)).unwrap_or_default();
    let answers = endpoints.iter().map(|(endpoint, wanted)| ask(endpoint, named && *wanted, limits(&endpoint.name)));
    let answers = join_all(answers).await;
    let mut asked: Vec<Asked> = endpoints
        .into_iter()
        .zip(answers)
        .map(|((endpoint, wanted), answer)| Asked { endpoint, wanted, answer })
        .collect();
    // Of the only one there is nothing else to tell.
    if let [Asked { answer: Err(_), .. }] = &asked[..]
        && let Some(Asked { answer: Err(e), .. }) = asked.pop()
    {
        return Err(e);
    }
    watch(&mut asked).await;
    let views = match &plan {
        Some(plan) => jobs(context, plan, &asked).await?,
        None => Vec::new(),
    };
    shown::show(context.out, &views, &asked);
    context.out.document(&document::document(&views, &asked));
    Ok(outcome(&asked))
}

/// Whether somebody has to do something.
fn outcome(asked: &[Asked]) -> Outcome {
    let failed: Vec<&Error> = asked.iter().filter_map(|a| a.answer.as_ref().err()).collect();
    let in_trouble = |a: &Answer| a.alarm.is_some() || a.lanes.iter().any(|lane| lane.trouble.is_some());
    match &failed[..] {
        [first, ..] if failed.len() == asked.len() => Outcome::of(first),
        [] if !asked.iter().any(|a| a.answer.as_ref().is_ok_and(in_trouble)) => Outcome::Done,
        _ => Outcome::Partly,
    }
}

#[cfg(test)]
mod tests;
