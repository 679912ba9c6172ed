//! `syncline install` and `syncline uninstall`: what capture needs at the sources of jobs, brought into place or removed.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::{Value, json};
use syncline_model::{Error, ErrorKind, Result};

use super::output::counted;
use super::{Context, Outcome, run};
use crate::config::{Capture, JobSpec, Plan};
use crate::connector::{InstallPlan, LaneId, ParkedQuery, WriteSpec};
use crate::job::prepare::owner;
use crate::job::{Job, Prepared, prepare, prepare_reachable};

#[derive(Debug, Args)]
pub struct InstallArgs {
    /// The jobs to install for; all that capture by triggers if none is named
    jobs: Vec<String>,
    /// Show every statement that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn install(context: &Context, args: InstallArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let mut documents = Vec::new();
    for spec in capturing(&plan, &args.jobs)? {
        let at = |e: Error| e.at("job", &*spec.name);
        let job = run::job(context, &plan, spec)?;
        let prepared = prepare(&job).await.map_err(at)?;
        prepared.refuse_misfits().map_err(at)?;
        let planned = match args.dry_run {
            true => prepared.install,
            false => installed(&job, &prepared).await.map_err(at)?,
        };
        tell(context, &job, &planned, args.dry_run);
        documents.push(json!({ "job": spec.name, "source": job.from.name, "install": planned }));
    }
    context.out.document(&json!({ "installed": !args.dry_run, "jobs": documents }));
    Ok(Outcome::Done)
}

fn tell(context: &Context, job: &Job, planned: &InstallPlan, dry: bool) {
    let out = context.out;
    if planned.statements.is_empty() {
        out.line(format!("{}: all is in place at {}", job.name, job.from.name));
        return;
    }
    let what = if dry { "would run at" } else { "were run at" };
    out.line(format!(
        "{}: {} {what} {}",
        job.name,
        counted(planned.statements.len() as u64, "statement"),
        job.from.name
    ));
    if dry {
        planned.statements.iter().for_each(|s| out.line(format!("  {s};")));
    }
    planned.notices.iter().for_each(|n| out.line(format!("note: {n}")));
}

/// The jobs that capture by triggers.
fn capturing<'p>(plan: &'p Plan, names: &[String]) -> Result<Vec<&'p JobSpec>> {
    let (capturing, other): (Vec<_>, Vec<_>) =
        run::chosen(plan, names)?.into_iter().partition(|spec| spec.capture == Capture::Trigger);
    match other.first() {
        Some(first) if !names.is_empty() || capturing.is_empty() => {
            Err(Error::new(ErrorKind::Config, "this job captures nothing: it takes snapshots")
                .at("job", &*first.name)
                .hint("say `capture: trigger` in the job"))
        }
        _ => Ok(capturing),
    }
}

async fn installed(job: &Job, prepared: &Prepared) -> Result<InstallPlan> {
    let follow = prepared.lanes.first().and_then(|lane| lane.read.follow.as_ref());
    match (job.from.connector.capture(), follow) {
        (Some(capture), Some(follow)) => capture.install(&follow.tables).await,
        _ => Ok(InstallPlan::default()),
    }
}

/// Makes sure that capture is installed before a job runs, where that is allowed: by its configuration, or by a person at
/// a terminal who has seen the statements.
pub async fn in_place(context: &Context, job: &Job, prepared: Prepared, allowed: bool) -> Result<Prepared> {
    let planned = &prepared.install;
    if planned.statements.is_empty() {
        return Ok(prepared);
    }
    if !allowed && !agreed(context, job, planned).await {
        let what =
            format!("capture is not installed: {} to run", counted(planned.statements.len() as u64, "statement"));
        return Err(Error::new(ErrorKind::Config, what).at("source", &*job.from.name).hint(
            "`syncline install --dry-run` shows them, `syncline install` runs them; or say `install: auto` in the job",
        ));
    }
    // Nothing is installed for a job that cannot run.
    prepared.refuse_misfits()?;
    tell(context, job, &installed(job, &prepared).await?, false);
    prepare_reachable(job).await
}

/// Asks at the terminal.
async fn agreed(context: &Context, job: &Job, planned: &InstallPlan) -> bool {
    if !context.out.watched() || !std::io::stdin().is_terminal() {
        return false;
    }
    tell(context, job, planned, true);
    let _ = write!(std::io::stderr(), "Run them now? [y/N] ");
    let listen = || {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    };
    // By another thread: who asks for the end instead of answering is heard.
    let answer = tokio::task::spawn_blocking(listen).await;
    matches!(answer, Ok(Ok(answer)) if matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// The jobs whose lanes go, with what only they needed; without a job, all that was ever installed goes
    jobs: Vec<String>,
    /// Show every statement that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn uninstall(context: &Context, args: UninstallArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let mut documents = Vec::new();
    for spec in capturing(&plan, &args.jobs)? {
        let at = |e: Error| e.at("job", &*spec.name);
        let job = run::job(context, &plan, spec)?;
        let Some(capture) = job.from.connector.capture() else { continue };
        let lane = crate::job::prepare::followed_lane_id(&job).await.map_err(at)?;
        let only = (!args.jobs.is_empty()).then_some(&lane);
        let statements = match args.dry_run {
            true => capture.uninstall_plan(only).await.map_err(at)?,
            false => {
                forget(&job, &lane).await.map_err(at)?;
                capture.uninstall(only).await.map_err(at)?
            }
        };
        let what = if args.dry_run { "would run at" } else { "were run at" };
        let out = context.out;
        out.line(format!("{}: {} {what} {}", job.name, counted(statements.len() as u64, "statement"), job.from.name));
        if args.dry_run {
            statements.iter().for_each(|s| out.line(format!("  {s};")));
        }
        documents.push(json!({ "job": spec.name, "source": job.from.name, "statements": statements }));
    }
    context.out.document(&json!({ "uninstalled": !args.dry_run, "jobs": Value::from(documents) }));
    Ok(Outcome::Done)
}

/// Takes the lane away from the sinks: nobody may go on from where it was.
async fn forget(job: &Job, lane: &LaneId) -> Result<()> {
    for to in &job.to {
        let query = ParkedQuery { lane: Some(lane.clone()), rows_max: Some(1), ..ParkedQuery::default() };
        let parked = match to.connector.parked(&query).await {
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        // Nobody could apply it any more (I10).
        if !parked.is_empty() {
            return Err(Error::new(ErrorKind::Constraint, "changes of this job are set aside and would be lost")
                .at("sink", &*to.name)
                .hint(format!(
                    "`syncline parked retry {0}` applies them, `syncline parked drop {0} --all` gives them up",
                    job.name
                )));
        }
        let there = match to.connector.check().await {
            Ok(report) => report.lanes,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        // The side lane last: who runs the lane would begin it again.
        for lane in [lane.clone(), lane.side()].into_iter().filter(|lane| there.iter().any(|l| l.lane == *lane)) {
            let spec =
                WriteSpec { lane, owner: owner(), tables: Vec::new(), once: true, restart: false, add_columns: false };
            to.connector.open_sink(&spec).await?.finish().await?;
        }
    }
    Ok(())
}
