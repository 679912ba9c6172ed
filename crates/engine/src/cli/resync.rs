//! `syncline resync`: a job's tables are loaded again from a snapshot, emptied first, and followed from there.

use clap::Args;
use serde_json::json;
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{Error, ErrorKind, Result, TableName};

use super::output::counted;
use super::{Context, Outcome, run};
use crate::capture::follow::Place;
use crate::connector::WriteSpec;
use crate::job::prepare::{RESYNCS, owner};
use crate::job::{Endpoint, prepare};

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
        mark(&lane.to, lane.spec, &some, some.len() == all.len()).await?;
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

/// Writes into the lane's position that these tables are not loaded, nor those of a side lane, which ends. Whoever runs the
/// lane is fenced, and takes it again.
async fn mark(to: &Endpoint, spec: WriteSpec, tables: &[TableName], all: bool) -> Result<()> {
    let spec = WriteSpec { tables: Vec::new(), owner: format!("{RESYNCS}{}", owner()), ..spec };
    let mut sink = to.connector.open_sink(&spec).await?;
    let lease = sink.lease().clone();
    let mut place = match lease.position.as_ref().map(Place::parse) {
        // Where nothing was loaded yet there is nothing to load again.
        None => return Ok(()),
        _ if all => Place::forgotten(tables.iter().cloned()),
        Some(place) => {
            let mut place = place?;
            tables.iter().for_each(|table| place.forget(table));
            place
        }
    };
    let side = WriteSpec { lane: spec.lane.side(), ..spec };
    let there = to.connector.check().await?.lanes.iter().any(|l| l.lane == side.lane);
    let its = if there { Some(to.connector.open_sink(&side).await?.lease().clone()) } else { None };
    sink.begin(lease.epoch).await?;
    if let Some(its) = its {
        if let Some(loaded) = &its.position {
            place.forget_those_of(&Place::parse(loaded)?);
        }
        sink.retire(&side.lane, its.epoch).await?;
    }
    sink.commit(&place.position()?).await
}
