//! `syncline run`: jobs of the configuration file, until they are done.

use std::net::SocketAddr;

use clap::Args;
use serde_json::{Value, json};
use syncline_model::error::Retry;
use syncline_model::mapping::ValueRules;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Result};

use super::output::{counted, error_fields};
use super::{Context, Outcome, copy, install};
use crate::config::{self, Capture, JobSpec, OnError, Plan, SchemaChange};
use crate::connector::Budget;
use crate::job::lane::{BACKOFF_FIRST, BACKOFF_MAX};
use crate::job::{Job, JobReport, Prepared, Until, prepare_reachable};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The jobs to run; all if none is named
    jobs: Vec<String>,
    /// Keep going: carry changes as they are made, until stopped (jobs with `capture: trigger`)
    #[arg(long)]
    follow: bool,
    /// Serve counts and lag in Prometheus' text format at http://ADDR/metrics, for example 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Start over instead of continuing what was interrupted (jobs with `capture: snapshot`)
    #[arg(long, conflicts_with = "follow")]
    restart: bool,
}

pub async fn run(context: &Context, args: RunArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let specs = chosen(&plan, &args.jobs)?;
    if args.follow && specs.iter().all(|spec| spec.capture == Capture::Snapshot) {
        return Err(Error::new(ErrorKind::Config, "there is nothing to follow: these jobs take snapshots")
            .hint("say `capture: trigger` in the job"));
    }
    if let Some(address) = args.metrics {
        telemetry::serve(address, context.watched.clone()).await?;
    }
    // Jobs that follow never end by themselves; the others run one after another, for the source's sake.
    let ended = match args.follow {
        true => futures_util::future::join_all(specs.iter().map(|spec| one(context, &plan, spec, &args))).await,
        false => {
            let mut ended = Vec::new();
            for spec in &specs {
                let one = one(context, &plan, spec, &args).await;
                let stopped = one.stopped;
                ended.push(one);
                if stopped {
                    break;
                }
            }
            ended
        }
    };
    let mut outcomes: Vec<_> = ended.iter().map(|one| one.outcome).collect();
    if let Some(left @ 1..) = specs.len().checked_sub(outcomes.len()) {
        let what = format!("stopped on request; {} not run", counted(left as u64, "job"));
        context.out.failure(&Error::new(ErrorKind::Interrupted, what));
        outcomes.push(Outcome::Failed);
    }
    let documents: Vec<Value> = ended.into_iter().map(|one| one.document).collect();
    context.out.document(&json!({ "jobs": documents }));
    Ok(Outcome::of_all(&outcomes))
}

/// How one job ended.
struct Ended {
    outcome: Outcome,
    document: Value,
    stopped: bool,
}

/// Runs one job. One that fails never holds the others, nor hides what they did.
async fn one(context: &Context, plan: &Plan, spec: &JobSpec, args: &RunArgs) -> Ended {
    let (outcome, mut document, stopped) = match carried(context, plan, spec, args).await {
        Ok((job, report)) => (copy::conclude(context, &job, &report), copy::document(&report), report.stopped),
        Err(e) => {
            let e = e.at("job", &*spec.name);
            context.out.failure(&e);
            (Outcome::of(&e), json!({ "error": error_fields(&e) }), e.kind() == ErrorKind::Interrupted)
        }
    };
    if let Some(fields) = document.as_object_mut() {
        fields.insert("job".into(), Value::from(&*spec.name));
    }
    Ended { outcome, document, stopped }
}

async fn carried(context: &Context, plan: &Plan, spec: &JobSpec, args: &RunArgs) -> Result<(Job, JobReport)> {
    let mut job = Job { restart: args.restart, ..job(context, plan, spec)? };
    if job.follow.is_some() {
        if args.restart {
            return Err(Error::new(ErrorKind::Config, "a job that follows is not started over by `--restart`")
                .hint(format!("`syncline resync {}` loads its tables again", job.name)));
        }
        job.follow = Some(if args.follow { Until::Stopped } else { Until::CaughtUp });
    }
    let mut stop = std::pin::pin!(context.stopped());
    let report = match prepared(context, &job, &mut stop).await? {
        Some(prepared) => copy::carry(context, &job, prepared, stop).await?,
        None => JobReport { notices: Vec::new(), lanes: Vec::new(), stopped: true },
    };
    Ok((job, report))
}

/// Looks at both ends, and sees to it that the source captures. A job that goes on until somebody stops it waits for what is
/// away, as its lanes do later (F68): it may be started before its databases are. None if it was asked to end before it began.
async fn prepared(
    context: &Context,
    job: &Job,
    mut stop: impl Future<Output = ()> + Unpin,
) -> Result<Option<Prepared>> {
    let follows = job.follow == Some(Until::Stopped);
    let mut wait = BACKOFF_FIRST;
    loop {
        let tried = async { install::in_place(context, job, prepare_reachable(job).await?, job.installs).await };
        let error = tokio::select! {
            tried = tried => match tried {
                Err(e) if e.retry() != Retry::Never && follows => e,
                done => return done.map(Some),
            },
            () = &mut stop => return match follows {
                true => Ok(None),
                false => Err(Error::new(ErrorKind::Interrupted, "stopped on request")),
            },
        };
        tracing::warn!(job = &*job.name, error = %error, wait_ms = wait.as_millis(), "the job waits to begin");
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(BACKOFF_MAX),
            () = &mut stop => return Err(error),
        }
    }
}

/// The jobs that were named, or all.
pub fn chosen<'p>(plan: &'p Plan, names: &[String]) -> Result<Vec<&'p JobSpec>> {
    if names.is_empty() {
        if plan.jobs.is_empty() {
            return Err(Error::new(ErrorKind::Config, "the configuration has no jobs")
                .hint("add one under `jobs:`, or copy once with `syncline copy FROM TO`"));
        }
        return Ok(plan.jobs.values().collect());
    }
    let find = |name: &String| {
        plan.jobs.get(name).ok_or_else(|| {
            let known: Vec<_> = plan.jobs.keys().map(String::as_str).collect();
            Error::new(ErrorKind::Config, format!("there is no such job{}", config::shown(name)))
                .hint(format!("jobs in the file: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

/// A job of the file, its connections opened.
pub fn job(context: &Context, plan: &Plan, spec: &JobSpec) -> Result<Job> {
    Ok(Job {
        name: spec.name.clone(),
        from: context.endpoint(Some(plan), &spec.from)?,
        to: spec.to.iter().map(|to| context.endpoint(Some(plan), to)).collect::<Result<_>>()?,
        selection: Selection { include: spec.tables.iter().map(|(p, _)| p.clone()).collect(), exclude: Vec::new() },
        rules: spec.tables.clone(),
        values: ValueRules::default(),
        mode: spec.mode,
        budget: Budget { bytes_max: spec.batch_bytes_max, ..Budget::default() },
        // A snapshot job runs anew each time it is called; what it keeps is only for being interrupted.
        once: spec.capture == Capture::Snapshot,
        follow: (spec.capture == Capture::Trigger).then_some(Until::CaughtUp),
        restart: false,
        parks: spec.on_error == OnError::Park,
        adds_columns: spec.schema == SchemaChange::AddColumns,
        installs: spec.installs,
    })
}
