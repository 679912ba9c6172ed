//! `syncline plan`: every statement that would run, and what stands against it.

use clap::Args;
use serde_json::json;
use syncline_model::Result;

use super::{Context, Outcome, run};
use crate::job::{Job, Prepared, prepare};

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The jobs to look at; all if none is named
    jobs: Vec<String>,
}

pub async fn plan(context: &Context, args: PlanArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let mut prepared = Vec::new();
    for spec in run::chosen(&plan, &args.jobs)? {
        let job = run::job(context, &plan, spec)?;
        let seen = prepare(&job).await.map_err(|e| e.at("job", &*spec.name))?;
        prepared.push((job, seen));
    }
    show(context, &prepared)
}

/// Shows what prepared jobs would do.
pub fn show(context: &Context, jobs: &[(Job, Prepared)]) -> Result<Outcome> {
    let out = context.out;
    let mut documents = Vec::new();
    let mut outcome = Outcome::Done;
    for (job, prepared) in jobs {
        if !prepared.install.statements.is_empty() {
            out.line(format!("{}: at {}, once, by `syncline install`", job.name, job.from.name));
            prepared.install.statements.iter().for_each(|s| out.line(format!("  {s};")));
        }
        for lane in &prepared.lanes {
            out.line(format!("{}: {} → {}", job.name, job.from.name, lane.to.name));
            for mapping in &prepared.mappings {
                let renamed = if mapping.read.name == mapping.write.name {
                    String::new()
                } else {
                    format!(" as {}", mapping.write.name)
                };
                let filtered = if mapping.is_filtered() { ", filtered" } else { "" };
                out.line(format!(
                    "  table {}{renamed}, {} columns{filtered}",
                    mapping.read.name,
                    mapping.write.columns.len()
                ));
            }
            lane.plan.statements.iter().for_each(|s| out.line(format!("  {s};")));
            lane.plan.notices.iter().for_each(|n| out.line(format!("  note: {n}")));
            for misfit in &lane.plan.misfits {
                outcome = Outcome::Failed;
                out.line(format!("  does not fit: {}: {}", misfit.table, misfit.reason));
            }
            let notices = [&lane.plan.notices[..], &prepared.notices[..]].concat();
            documents.push(json!({
                "job": job.name,
                "source": job.from.name,
                "sink": lane.to.name,
                "tables": prepared.mappings.iter().map(|m| json!({
                    "source": m.read.name.to_string(),
                    "sink": m.write.name.to_string(),
                    "columns": m.write.columns.iter().map(|c| &*c.name).collect::<Vec<_>>(),
                    "filtered": m.is_filtered(),
                })).collect::<Vec<_>>(),
                "install": prepared.install.statements,
                "statements": lane.plan.statements,
                "misfits": lane.plan.misfits,
                "notices": notices,
            }));
        }
        prepared.notices.iter().for_each(|n| out.line(format!("  note: {n}")));
    }
    out.document(&json!({ "plan": documents }));
    Ok(outcome)
}
