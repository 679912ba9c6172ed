//! Running sources, sinks and whole jobs as the product does, in few words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use syncline::connector::{Budget, Connector, LaneId, LaneState, Read, ReadOrder, ReadSpec, Sink, Source, WriteSpec};
use syncline::job::{Endpoint, Job, JobReport, Progress, WriteMode, prepare, run_lanes};
use syncline_model::mapping::{Rule, ValueRules};
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{ChangeBatch, Error, Position, Result, TableSchema};

use super::batches::Row;

/// Bytes of a batch, with enough patience for a busy machine.
pub fn budget(bytes_max: usize) -> Budget {
    Budget { bytes_max, wait_max: Duration::from_secs(60) }
}

/// Every table, as the place itself describes it.
pub async fn described(connector: &Arc<dyn Connector>) -> Vec<Arc<TableSchema>> {
    let found = connector.describe(&Selection::default()).await.unwrap();
    found.tables.into_iter().map(Arc::new).collect()
}

pub fn read_spec(tables: &[Arc<TableSchema>], order: ReadOrder) -> ReadSpec {
    ReadSpec { tables: tables.to_vec(), order, native: BTreeSet::new(), follow: None }
}

/// Everything that a source gives, up to its end.
pub async fn drained(source: &mut dyn Source, budget: Budget) -> Result<Vec<ChangeBatch>> {
    let mut batches = Vec::new();
    loop {
        match source.read(budget).await? {
            Read::Batch(batch) => batches.push(batch),
            Read::Idle | Read::Apart(_) | Read::Loaded => {}
            Read::End => return Ok(batches),
        }
    }
}

/// All batches of a snapshot over these tables.
pub async fn read_all(
    connector: &Arc<dyn Connector>,
    tables: &[Arc<TableSchema>],
    order: ReadOrder,
    bytes_max: usize,
) -> Result<Vec<ChangeBatch>> {
    let mut source = connector.open_source(None, &read_spec(tables, order)).await?;
    drained(&mut *source, budget(bytes_max)).await
}

/// The rows of one table in the order in which they were read.
pub fn rows_of(batches: &[ChangeBatch], table: &str) -> Vec<Row> {
    let changes = batches.iter().flat_map(|b| &b.tables).filter(|t| &*t.schema().name.name == table);
    changes
        .flat_map(|t| (0..t.rows()).map(move |row| (0..t.columns().len()).map(|c| t.cell(row, c).to_owned()).collect()))
        .collect()
}

/// A lane that keeps its position.
pub fn write_spec(lane: &str, tables: &[&Arc<TableSchema>]) -> WriteSpec {
    WriteSpec {
        lane: LaneId(lane.into()),
        owner: format!("test of {lane}"),
        tables: tables.iter().map(|t| (*t).clone()).collect(),
        once: false,
        restart: false,
        add_columns: false,
    }
}

/// Writes one unit and commits it.
pub async fn applied(sink: &mut dyn Sink, batch: &ChangeBatch) -> Result<syncline::connector::WriteReport> {
    sink.begin(sink.lease().epoch).await?;
    let report = sink.write(batch).await?;
    sink.commit(batch.ends.as_ref().expect("a whole unit")).await?;
    Ok(report)
}

/// What the place itself says about that lane.
pub async fn lane(connector: &Arc<dyn Connector>, lane: &str) -> Option<LaneState> {
    connector.check().await.unwrap().lanes.into_iter().find(|l| l.lane.0 == lane)
}

/// How far that lane got, by the place's own account.
pub async fn position(connector: &Arc<dyn Connector>, of: &str) -> Option<Position> {
    lane(connector, of).await?.position
}

pub fn endpoint(name: &str, connector: &Arc<dyn Connector>) -> Endpoint {
    Endpoint { name: name.into(), connector: connector.clone() }
}

/// A one-time copy of everything.
pub fn copy_job(from: &Arc<dyn Connector>, to: &[&Arc<dyn Connector>]) -> Job {
    Job {
        name: "copy".into(),
        from: endpoint("source", from),
        to: to.iter().enumerate().map(|(i, to)| endpoint(&format!("sink {}", i + 1), to)).collect(),
        selection: Selection::default(),
        rules: Vec::new(),
        values: ValueRules::default(),
        mode: WriteMode::Upsert,
        budget: budget(300),
        once: true,
        follow: None,
        restart: false,
        parks: false,
        adds_columns: false,
        installs: false,
    }
}

/// The same with a rule for one table.
pub fn with_rule(job: Job, table: &str, rule: Rule) -> Job {
    Job { rules: vec![(Pattern::parse(table).unwrap(), rule)], ..job }
}

/// Prepares and runs a job.
pub async fn run(job: &Job) -> Result<JobReport> {
    let prepared = prepare(job).await?;
    prepared.refuse_misfits()?;
    let progress = Progress::new(&prepared);
    Ok(run_lanes(job, prepared, &progress, std::future::pending()).await)
}

/// Runs a job all of whose lanes must end well.
pub async fn run_well(job: &Job) -> JobReport {
    let report = run(job).await.unwrap();
    for lane in &report.lanes {
        if let Err(e) = &lane.outcome {
            panic!("{} failed: {e}", lane.name);
        }
    }
    report
}

/// The one error of a job with one lane, whether it was refused at once or failed on the way.
pub async fn failure(job: &Job) -> Error {
    match run(job).await {
        Err(e) => e,
        Ok(mut report) => report.lanes.remove(0).outcome.expect_err("the lane must fail"),
    }
}
