//! `syncline run`: jobs of the configuration file, until they are done.

use clap::Args;
use serde_json::{Value, json};
use syncline_model::pattern::Selection;
use syncline_model::{Error, ErrorKind, Result};

use super::{Context, Outcome, copy};
use crate::config::{JobSpec, Plan};
use crate::connector::Budget;
use crate::job::{Job, prepare};

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
    let mut worst = Outcome::Done;
    let mut documents = Vec::new();
    for spec in chosen(&plan, &args.jobs)? {
        let mut job = job(context, &plan, spec)?;
        job.restart = args.restart;
        let prepared = prepare(&job).await.map_err(|e| e.at("job", &*spec.name))?;
        let report = copy::carry(context, &job, prepared).await.map_err(|e| e.at("job", &*spec.name))?;
        let outcome = copy::conclude(context, &job, &report);
        if outcome != Outcome::Done {
            worst = outcome;
        }
        let mut document = copy::document(&report);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("job".into(), Value::from(&*spec.name));
        }
        documents.push(document);
    }
    context.out.document(&json!({ "jobs": documents }));
    Ok(worst)
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
            Error::new(ErrorKind::Config, format!("there is no job {name}"))
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
        mode: spec.mode,
        budget: Budget { bytes_max: spec.batch_bytes_max, ..Budget::default() },
        // A snapshot job runs anew each time it is called; what it keeps is only for being interrupted.
        once: true,
        restart: false,
    })
}
