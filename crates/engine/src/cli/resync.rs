//! `syncline resync`: a job's tables are loaded again from a snapshot, emptied first, and followed from there.

use clap::Args;
use serde_json::json;
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{Error, ErrorKind, Result, TableName};

use super::output::counted;
use super::{Context, Outcome, run};
use crate::connector::WriteSpec;
use crate::job::prepare;
use crate::job::prepare::{RESYNCS, owner};
use crate::job::widen::forget;

#[derive(Debug, Args)]
pub struct ResyncArgs {
    /// The job
    job: String,
    /// Only this table, or these by `*` and `?`; may be given several times
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
}

pub async fn resync(context: &Context, args: ResyncArgs) -> Result<Outcome> {
    let plan = context.plan_required()?;
    let chosen = run::chosen(&plan, std::slice::from_ref(&args.job))?;
    let spec = chosen.first().ok_or_else(|| Error::new(ErrorKind::Bug, "a job that was named is not there"))?;
    let job = run::job(context, &plan, spec)?;
    if job.follow.is_none() {
        return Err(Error::new(ErrorKind::Config, "this job takes snapshots: each run loads all of its tables")
            .at("job", &*job.name)
            .hint(format!("`syncline run {} --restart` forgets one that was interrupted", job.name)));
    }
    let include = args.tables.iter().map(|t| Pattern::parse(t)).collect::<Result<_>>()?;
    let wanted = Selection { include, exclude: Vec::new() };
    let prepared = prepare(&job).await?;
    let all: Vec<TableName> = prepared.mappings.iter().map(|m| m.read.name.clone()).collect();
    let some: Vec<TableName> = all.iter().filter(|name| wanted.wants(name, None)).cloned().collect();
    if some.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "no table of the job has such a name")
            .at("job", &*job.name)
            .hint(format!("its tables are {}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))));
    }
    for lane in prepared.lanes {
        // Whoever runs the lane is fenced, and takes it again.
        let spec = WriteSpec { owner: format!("{RESYNCS}{}", owner()), ..lane.spec };
        forget(&lane.to, spec, &some, some.len() == all.len()).await?;
        context.out.line(format!(
            "{}: {} will be loaded again into {} when the job runs",
            job.name,
            counted(some.len() as u64, "table"),
            lane.to.name
        ));
    }
    let names: Vec<String> = some.iter().map(ToString::to_string).collect();
    context.out.document(&json!({ "job": job.name, "tables": names }));
    Ok(Outcome::Done)
}
