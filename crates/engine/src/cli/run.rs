//! `syncline run`: jobs of the configuration file, until they are done.

use clap::Args;
use serde_json::{Value, json};
use syncline_model::mapping::ValueRules;
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Result};

use super::output::{counted, error_fields};
use super::{Context, Outcome, copy};
use crate::config::{self, JobSpec, Plan};
use crate::connector::Budget;
use crate::job::{Job, JobReport, prepare};

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The jobs to run; all if none is named
    jobs: Vec<String>,
    /// Start over instead of continuing what was interrupted
    #[arg(long)]
    restart: bool,
}

pub async fn run(context: &Context, args: RunArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let (mut outcomes, mut documents) = (Vec::new(), Vec::new());
    let specs = chosen(&plan, &args.jobs)?;
    for spec in &specs {
        // A job that fails never holds the others, nor hides what they did.
        let (outcome, mut document, stopped) = match one(context, &plan, spec, args.restart).await {
            Ok((job, report)) => (copy::conclude(context, &job, &report), copy::document(&report), report.stopped),
            Err(e) => {
                let e = e.at("job", &*spec.name);
                context.out.failure(&e);
                (Outcome::of(&e), json!({ "error": error_fields(&e) }), false)
            }
        };
        if let Some(fields) = document.as_object_mut() {
            fields.insert("job".into(), Value::from(&*spec.name));
        }
        outcomes.push(outcome);
        documents.push(document);
        if stopped {
            break;
        }
    }
    if let Some(left @ 1..) = specs.len().checked_sub(outcomes.len()) {
        let what = format!("stopped on request; {} not run", counted(left as u64, "job"));
        context.out.failure(&Error::new(ErrorKind::Interrupted, what));
        outcomes.push(Outcome::Failed);
    }
    context.out.document(&json!({ "jobs": documents }));
    Ok(Outcome::of_all(&outcomes))
}

async fn one(context: &Context, plan: &Plan, spec: &JobSpec, restart: bool) -> Result<(Job, JobReport)> {
    let job = Job { restart, ..job(context, plan, spec)? };
    let prepared = prepare(&job).await?;
    let report = copy::carry(context, &job, prepared).await?;
    Ok((job, report))
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
        once: true,
        restart: false,
    })
}
