//! What `status` says to people: a line per lane, and below it what somebody has to do.

use std::time::{SystemTime, UNIX_EPOCH};

use syncline_model::{Error, temporal};

use super::{Answer, Asked, JobView, LaneView, Stands, place};
use crate::capture::control::Trouble;
use crate::cli::alarm;
use crate::cli::output::{Output, counted, grouped, lined_up};
use crate::config::Capture;
use crate::connector::{Backlog, LaneState};

/// Prints all of it.
pub fn show(out: Output, jobs: &[JobView<'_>], asked: &[Asked]) {
    for job in jobs {
        show_job(out, job);
    }
    for one in asked.iter().filter(|a| a.wanted) {
        show_rest(out, one, jobs);
    }
    for (name, alarm) in asked.iter().filter_map(|a| Some((&a.endpoint.name, a.answer.as_ref().ok()?.alarm.as_ref()?)))
    {
        out.line(alarm::told(name, alarm));
        out.line(format!("  → {}", alarm::advice(alarm)));
    }
    // An error is an error also where nothing else is printed.
    if !out.talks() {
        asked.iter().filter_map(|a| a.answer.as_ref().err()).for_each(|e| out.failure(e));
    }
    let lanes = || jobs.iter().flat_map(|job| &job.lanes);
    let is_well = |answer: &Answer| {
        answer.parked.is_empty() && answer.alarm.is_none() && answer.lanes.iter().all(|l| l.trouble.is_none())
    };
    if lanes().any(|lane| lane.state.is_some()) && asked.iter().all(|a| a.answer.as_ref().is_ok_and(is_well)) {
        out.line("nothing is wrong");
    }
}

fn show_job(out: Output, job: &JobView<'_>) {
    let mut sinks: Vec<&str> = job.lanes.iter().map(|lane| &*lane.sink.endpoint.name).collect();
    sinks.dedup();
    let heading = format!("{}: {} → {}", job.spec.name, job.spec.from, sinks.join(", "));
    let follows = job.spec.capture == Capture::Trigger;
    if !follows && job.lanes.iter().all(|lane| lane.stands(false) == Stands::NotBegun) {
        out.line(format!("{heading}: no run is under way"));
        return;
    }
    out.line(heading);
    let mut lines: Vec<Vec<String>> = Vec::new();
    if follows {
        let titles = ["sink", "state", "tables", "waiting", "oldest", "changes/s", "in all", "last commit"];
        lines.push(titles.map(str::to_owned).to_vec());
    }
    lines.extend(job.lanes.iter().map(|lane| line(lane, follows)));
    lined_up(&lines, 2).iter().for_each(|line| out.line(line));
    if let Some(Err(e)) = job.source.map(|source| &source.answer) {
        failed(out, &job.spec.from, e);
    }
    for lane in &job.lanes {
        below(out, &job.spec.name, lane);
    }
}

/// A lane in columns.
fn line(lane: &LaneView<'_>, follows: bool) -> Vec<String> {
    let mut line = vec![lane.sink.endpoint.name.clone(), state(lane, follows)];
    if !follows {
        return line;
    }
    let none = || "-".to_owned();
    let tables = lane.tables_loaded().map_or_else(none, grouped);
    let waiting = lane.waits.map_or_else(none, |waits| grouped(waits.changes));
    let oldest = lane.waits.and_then(|waits| waits.age_s).map_or_else(none, lasted);
    line.extend([tables, waiting, oldest]);
    if let Some(state) = lane.state {
        let rate = lane.rate().map_or_else(none, rate);
        line.extend([rate, grouped(state.changes), format!("{} ago", lasted(state.age_s))]);
    }
    line
}

/// Where a lane stands, in words.
fn state(lane: &LaneView<'_>, follows: bool) -> String {
    let own = match lane.stands(follows) {
        Stands::Unreachable => "cannot be reached".into(),
        Stands::Stopped => "stopped".into(),
        Stands::Trouble => "in trouble".into(),
        Stands::NotBegun => "not begun".into(),
        Stands::Loads => "loads".into(),
        Stands::Follows if lane.waits.is_some_and(|waits| waits.changes == 0) => "up to date".into(),
        Stands::Follows => "follows".into(),
        Stands::UnderWay => lane.state.map_or_else(String::new, how_far),
    };
    match lane.state.is_some_and(|state| state.lane.is_side()) {
        true => format!("loads beside, {own}"),
        false => own,
    }
}

/// What has to be said of a lane besides.
fn below(out: Output, job: &str, lane: &LaneView<'_>) {
    let sink = &lane.sink.endpoint.name;
    match (&lane.sink.answer, lane.trouble()) {
        (Err(e), _) => failed(out, sink, e),
        (_, Some(trouble)) => wrong(out, sink, trouble, &format!("job {job}")),
        _ => {}
    }
    if lane.parked > 0 {
        let changes = counted(lane.parked, "change");
        out.line(format!("  {sink}: {changes} set aside; `syncline parked ls {job}` shows them"));
    }
}

fn failed(out: Output, name: &str, e: &Error) {
    out.line(format!("  {name} cannot be reached: {e}"));
    out.line(format!("    → {}", e.advice()));
}

fn wrong(out: Output, sink: &str, trouble: &Trouble, again: &str) {
    let (what, then) = match trouble.stopped {
        true => ("has stopped", format!("; then start {again} again, it goes on where it stopped")),
        false => ("is in trouble", String::new()),
    };
    let since = trouble.since.replace('T', " ");
    let moment = since.split('.').next().unwrap_or(&since).trim_end_matches('Z');
    out.line(format!("  {sink} {what}, since {moment} UTC{}:", since_s(&trouble.since)));
    out.line(format!("    {}", trouble.text));
    out.line(format!("    → {}{then}", trouble.advice));
}

/// What a database says of lanes that are of no job that was shown.
fn show_rest(out: Output, asked: &Asked, jobs: &[JobView<'_>]) {
    let name = &asked.endpoint.name;
    let is_end = jobs.iter().any(|job| job.spec.from == *name || job.spec.to.contains(name));
    let answer = match &asked.answer {
        Ok(answer) => answer,
        // Where it is the end of a job it was said there.
        Err(_) if is_end => return,
        Err(e) => {
            out.line(format!("{name} cannot be reached: {e}"));
            return out.line(format!("  → {}", e.advice()));
        }
    };
    let views = || jobs.iter().flat_map(|job| &job.lanes);
    let told = |state: &LaneState| views().any(|v| v.state.is_some_and(|s| std::ptr::eq(s, state)));
    let lanes: Vec<&LaneState> = answer.lanes.iter().filter(|state| !told(state)).collect();
    if !answer.is_there && !is_end {
        return out.line(format!("{name}: not there yet"));
    }
    if answer.lanes.is_empty() && !is_end {
        out.line(format!("{name}: no job is under way"));
    }
    for state in lanes {
        let at = how_far(state);
        let at = if state.lane.is_side() { format!("loads tables beside the lane, {at}") } else { at };
        let LaneState { lane, epoch, owner, changed_at, .. } = state;
        out.line(format!("{name}: lane {}: {at}; epoch {}, last by {owner}, {changed_at}", lane.0, epoch.0));
        state.trouble.iter().for_each(|trouble| wrong(out, name, trouble, "its job"));
        if let Some(changes) = answer.parked.get(lane) {
            let changes = counted(*changes, "change");
            out.line(format!("{name}: {changes} set aside by lane {}; `syncline parked ls` shows them", lane.0));
        }
    }
    let told = |waits: &Backlog| views().any(|v| v.waits.is_some_and(|w| std::ptr::eq(w, waits)));
    for waits in answer.backlog.iter().filter(|waits| !told(waits)) {
        let age = waits.age_s.map_or_else(String::new, |s| format!(", the oldest {} old", lasted(s)));
        out.line(format!("{name}: {} wait for lane {}{age}", counted(waits.changes, "change"), waits.lane.0));
    }
}

/// How far a lane got, in words.
fn how_far(state: &LaneState) -> String {
    match (&state.position, place(state)) {
        (None, _) => "nothing committed yet".to_owned(),
        (_, Some(place)) => {
            format!("follows, {} loaded, tick {}", counted(place.loaded() as u64, "table"), place.tick.number)
        }
        (Some(position), None) => format!("done up to {}", position.at),
    }
}

/// Changes per second.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// A time that passed, as people say it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn lasted(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", grouped(seconds / 86_400)),
    }
}

/// How long a moment is past, by this machine's clock.
#[allow(clippy::cast_precision_loss)]
fn since_s(moment: &str) -> String {
    let text = moment.replace('T', " ");
    let Some(us) = temporal::parse_timestamp(text.trim_end_matches('Z').as_bytes()) else { return String::new() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    format!(" ({})", lasted(now - us as f64 / 1e6))
}
