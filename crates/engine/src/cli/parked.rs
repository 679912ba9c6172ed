//! `syncline parked`: what jobs have set aside at their sinks, looked at, applied again, or given up.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{Error, ErrorKind, Result, TableName};

use super::output::{counted, lined_up};
use super::{Context, Outcome, run};
use crate::connector::{LaneId, Parked, ParkedQuery};
use crate::job::park::retry::{Retried, forget, retry};
use crate::job::park::shown::{Listed, columns, key, list, value_of, word};
use crate::job::prepare::{PreparedLane, followed_lane_id};
use crate::job::{Endpoint, prepare};

#[derive(Debug, Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    command: ParkedCommand,
}

#[derive(Debug, Subcommand)]
enum ParkedCommand {
    /// List what is set aside: row, kind of change, reason, since when, how many wait behind
    Ls {
        /// The jobs; all that follow if none is named
        jobs: Vec<String>,
    },
    /// Show one change with its values
    Show {
        #[command(flatten)]
        one: OneArgs,
        /// Its number, as `ls` shows it
        id: u64,
    },
    /// Apply what is set aside, in its order; what is refused again stays, with whatever waits behind it
    Retry {
        #[command(flatten)]
        one: OneArgs,
        /// Only this table of the sink, or these by `*` and `?`, and what hangs together with them; may be given several times
        #[arg(long = "table", value_name = "TABLE")]
        tables: Vec<String>,
    },
    /// Give changes up for good; what waits behind them goes on waiting until `retry`
    Drop {
        #[command(flatten)]
        one: OneArgs,
        /// Their numbers, as `ls` shows them
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<u64>,
        /// All that is set aside of the job
        #[arg(long)]
        all: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The job
    job: String,
    /// Only at this sink, where the job has several
    #[arg(long, value_name = "CONNECTION")]
    sink: Option<String>,
}

pub async fn parked(context: &Context, args: ParkedArgs) -> Result<Outcome> {
    match args.command {
        ParkedCommand::Ls { jobs } => ls(context, &jobs).await,
        ParkedCommand::Show { one, id } => show(context, &one, id).await,
        ParkedCommand::Retry { one, tables } => again(context, &one, &tables).await,
        ParkedCommand::Drop { one, ids, all, yes } => give_up(context, &one, &ids, all, yes).await,
    }
}

/// Says after a run what was set aside, and where to look.
pub fn told(job: &str, sink: &str, parked: u64, in_all: u64) -> Option<String> {
    if in_all == 0 {
        return None;
    }
    let now = if parked == 0 { String::new() } else { format!(", {parked} of them by this run") };
    let (changes, are) = (counted(in_all, "change"), if in_all == 1 { "is" } else { "are" });
    Some(format!("{changes} {are} set aside at {sink}{now}; `syncline parked ls {job}` shows them"))
}

/// What a lane has parked at one of its sinks.
async fn at(to: &Endpoint, lane: &LaneId, from: u64, contents: bool) -> Result<Vec<Parked>> {
    let rows_max = contents.then_some(1);
    let query = ParkedQuery { lane: Some(lane.clone()), from, rows_max, contents };
    match to.connector.parked(&query).await {
        // A sink that is not there yet holds nothing.
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

async fn ls(context: &Context, jobs: &[String]) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let (mut documents, mut found) = (Vec::new(), false);
    for spec in run::chosen(&plan, jobs)? {
        let job = run::job(context, &plan, spec)?;
        if job.follow.is_none() {
            continue;
        }
        let lane = followed_lane_id(&job).await.map_err(|e| e.at("job", &*spec.name))?;
        for to in &job.to {
            let listed = list(at(to, &lane, 0, false).await?)?;
            found |= !listed.is_empty();
            if !listed.is_empty() {
                context.out.line(format!("{} at {}", job.name, to.name));
                lined_up(&lines(&listed), 7).iter().for_each(|line| context.out.line(line));
            }
            documents.extend(listed.iter().map(|listed| document(&job.name, &to.name, listed)));
        }
    }
    if !found {
        context.out.line("nothing is set aside");
    }
    context.out.document(&json!({ "parked": documents }));
    Ok(Outcome::Done)
}

fn lines(listed: &[Listed]) -> Vec<Vec<String>> {
    let mut lines = vec![["id", "table", "key", "change", "since", "waiting", "reason"].map(str::to_owned).to_vec()];
    lines.extend(listed.iter().map(|l| {
        let reason = match (&l.parked.reason, l.waits_for) {
            (Some(reason), _) => reason.clone(),
            (None, Some(ahead)) => format!("waits behind {ahead}"),
            (None, None) => "waits for retry".to_owned(),
        };
        let p = &l.parked;
        vec![
            p.ord.to_string(),
            p.table.clone(),
            key(&p.key),
            word(&p.op).to_owned(),
            p.parked_at.clone(),
            l.waiting.to_string(),
            reason,
        ]
    }));
    lines
}

fn document(job: &str, sink: &str, listed: &Listed) -> Value {
    let p = &listed.parked;
    json!({
        "job": job,
        "sink": sink,
        "lane": p.lane,
        "id": p.ord,
        "table": p.table,
        "key": value_of(&p.key),
        "op": p.op,
        "reason": p.reason,
        "waits_for": listed.waits_for,
        "waiting": listed.waiting,
        "parked_at": p.parked_at,
    })
}

async fn show(context: &Context, one: &OneArgs, id: u64) -> Result<Outcome> {
    let (name, lane, sinks) = chosen(context, one).await?;
    let mut found = Vec::new();
    for to in &sinks {
        let parked = at(to, &lane, id, true).await?.into_iter().find(|p| p.ord == id);
        found.extend(parked.map(|parked| (to, parked)));
    }
    let (to, parked) = match found.len() {
        0 => return Err(unknown(&name, id)),
        1 => found.remove(0),
        _ => {
            return Err(Error::new(ErrorKind::Config, "the change is set aside at several sinks")
                .at("job", name)
                .hint("say which one with `--sink NAME`"));
        }
    };
    let contents = parked.contents.clone().unwrap_or_default();
    let out = context.out;
    out.line(format!("{} of {} ({}), at {}", word(&parked.op), parked.table, key(&parked.key), to.name));
    out.line(format!("  since {}", parked.parked_at));
    out.line(format!("  {}", parked.reason.as_deref().unwrap_or("waits behind another change")));
    let mut lines = vec![["column", "before", "after"].map(str::to_owned).to_vec()];
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    lines.extend(columns(&contents)?.into_iter().map(|(name, old, new)| vec![name, shown(old), shown(new)]));
    lined_up(&lines, 3).iter().for_each(|line| out.line(line));
    let listed = Listed { parked, waits_for: None, waiting: 0 };
    let mut fields = document(&name, &to.name, &listed);
    if let Some(fields) = fields.as_object_mut() {
        // What only the whole list tells.
        fields.remove("waits_for");
        fields.remove("waiting");
        fields.insert("change".into(), value_of(&contents));
    }
    out.document(&fields);
    Ok(Outcome::Done)
}

async fn again(context: &Context, one: &OneArgs, tables: &[String]) -> Result<Outcome> {
    let include = tables.iter().map(|t| Pattern::parse(t)).collect::<Result<_>>()?;
    let wanted = Selection { include, exclude: Vec::new() };
    let named = |name: &str| TableName::parse(name).is_ok_and(|name| wanted.wants(&name, None));
    let wanted = |name: &str| tables.is_empty() || named(name);
    let (name, lanes) = prepared(context, one).await?;
    let (mut documents, mut outcomes) = (Vec::new(), Vec::new());
    for lane in &lanes {
        // Where nothing is, nothing is written.
        let there = at(&lane.to, &lane.spec.lane, 0, false).await?;
        let retried = match there.is_empty() {
            true => Retried::default(),
            false => retry(&*lane.to.connector, &lane.spec, &wanted).await.map_err(|e| e.at("job", &*name))?,
        };
        outcomes.push(tell(context, &name, &lane.to.name, &retried));
        documents.push(json!({
            "sink": lane.to.name,
            "applied": retried.applied,
            "left": retried.left,
            "refused": retried.refused.iter().map(|(p, reason)| {
                json!({ "id": p.ord, "table": p.table, "key": value_of(&p.key), "op": p.op, "reason": reason })
            }).collect::<Vec<_>>(),
        }));
    }
    context.out.document(&json!({ "job": name, "sinks": documents }));
    Ok(Outcome::of_all(&outcomes))
}

fn tell(context: &Context, job: &str, sink: &str, retried: &Retried) -> Outcome {
    let out = context.out;
    if retried.applied == 0 && retried.left == 0 {
        out.line(format!("{job}: nothing is set aside at {sink}"));
        return Outcome::Done;
    }
    let left = match retried.left {
        0 => "nothing of it is left".to_owned(),
        n => format!("{} stayed", counted(n, "change")),
    };
    out.line(format!("{job}: {} applied at {sink}, {left}", counted(retried.applied, "change")));
    for (parked, reason) in &retried.refused {
        let Parked { ord, table, op, .. } = parked;
        out.line(format!("  {ord}: {} of {table} ({}): {reason}", word(op), key(&parked.key)));
    }
    match (retried.left, retried.applied) {
        (0, _) => Outcome::Done,
        (_, 0) => Outcome::Failed,
        _ => Outcome::Partly,
    }
}

async fn give_up(context: &Context, one: &OneArgs, ids: &[u64], all: bool, yes: bool) -> Result<Outcome> {
    let (name, lanes) = prepared(context, one).await?;
    let mut found = Vec::new();
    for lane in lanes {
        let there = at(&lane.to, &lane.spec.lane, 0, false).await?;
        let wanted: Vec<Parked> = there.into_iter().filter(|p| all || ids.contains(&p.ord)).collect();
        found.extend((!wanted.is_empty()).then_some((lane, wanted)));
    }
    if let Some(id) = ids.iter().find(|id| !found.iter().any(|(_, wanted)| wanted.iter().any(|p| p.ord == **id))) {
        return Err(unknown(&name, *id));
    }
    if !all && found.len() > 1 {
        return Err(Error::new(ErrorKind::Config, "changes of these numbers are set aside at several sinks")
            .at("job", name)
            .hint("say which one with `--sink NAME`"));
    }
    if !yes && !found.is_empty() && !agreed(context, &found) {
        return Err(Error::new(ErrorKind::Config, "nothing was dropped: nobody agreed")
            .at("job", name)
            .hint("answer `y` at a terminal, or say `--yes`; what is dropped is gone for good"));
    }
    let mut dropped = 0;
    for (lane, wanted) in &found {
        let ords: Vec<u64> = wanted.iter().map(|p| p.ord).collect();
        forget(&*lane.to.connector, &lane.spec, &ords).await.map_err(|e| e.at("job", &*name))?;
        dropped += ords.len() as u64;
        context.out.line(format!("{name}: {} dropped at {}", counted(ords.len() as u64, "change"), lane.to.name));
    }
    if found.is_empty() {
        context.out.line(format!("{name}: nothing is set aside"));
    }
    context.out.document(&json!({ "job": name, "dropped": dropped }));
    Ok(Outcome::Done)
}

/// Asks at the terminal.
fn agreed(context: &Context, found: &[(PreparedLane, Vec<Parked>)]) -> bool {
    if !context.out.watched() || !std::io::stdin().is_terminal() {
        return false;
    }
    for p in found.iter().flat_map(|(_, wanted)| wanted) {
        context.out.aside(format!("  {}: {} of {} ({})", p.ord, word(&p.op), p.table, key(&p.key)));
    }
    let _ = write!(std::io::stderr(), "Drop them for good? [y/N] ");
    let mut answer = String::new();
    let heard = std::io::stdin().lock().read_line(&mut answer);
    heard.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

fn unknown(job: &str, id: u64) -> Error {
    Error::new(ErrorKind::NotFound, format!("no change {id} is set aside"))
        .at("job", job)
        .hint(format!("`syncline parked ls {job}` shows what is; somebody may have applied it meanwhile"))
}

/// The job's name, its lane, and the sinks that are meant.
async fn chosen(context: &Context, one: &OneArgs) -> Result<(String, LaneId, Vec<Endpoint>)> {
    let plan = context.plan_required()?;
    let specs = run::chosen(&plan, std::slice::from_ref(&one.job))?;
    let spec = specs.first().ok_or_else(|| Error::new(ErrorKind::Bug, "a job that was named is not there"))?;
    let job = run::job(context, &plan, spec)?;
    follows(&job)?;
    let lane = followed_lane_id(&job).await.map_err(|e| e.at("job", &*job.name))?;
    let sinks: Vec<Endpoint> = job.to.iter().filter(|to| one.is_of(&to.name)).cloned().collect();
    one.names_a_sink(&sinks, &job)?;
    Ok((job.name, lane, sinks))
}

/// The job's name, and its lanes to the sinks that are meant, ready to be written.
async fn prepared(context: &Context, one: &OneArgs) -> Result<(String, Vec<PreparedLane>)> {
    let plan = context.plan_required()?;
    let specs = run::chosen(&plan, std::slice::from_ref(&one.job))?;
    let spec = specs.first().ok_or_else(|| Error::new(ErrorKind::Bug, "a job that was named is not there"))?;
    let mut job = run::job(context, &plan, spec)?;
    follows(&job)?;
    let all = job.clone();
    job.to.retain(|to| one.is_of(&to.name));
    one.names_a_sink(&job.to, &all)?;
    let prepared = prepare(&job).await.map_err(|e| e.at("job", &*job.name))?;
    prepared.refuse_misfits()?;
    Ok((job.name, prepared.lanes))
}

fn follows(job: &crate::job::Job) -> Result<()> {
    match job.follow {
        Some(_) => Ok(()),
        None => Err(Error::new(ErrorKind::Config, "this job takes snapshots and sets nothing aside")
            .at("job", &*job.name)
            .hint("`capture: trigger` with `on_error: park` does")),
    }
}

impl OneArgs {
    fn is_of(&self, sink: &str) -> bool {
        self.sink.as_deref().is_none_or(|wanted| wanted == sink)
    }

    fn names_a_sink(&self, found: &[Endpoint], job: &crate::job::Job) -> Result<()> {
        if !found.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = job.to.iter().map(|to| &*to.name).collect();
        Err(Error::new(ErrorKind::NotFound, "the job has no such sink")
            .at("job", &*job.name)
            .hint(format!("its sinks are {}", names.join(", "))))
    }
}
