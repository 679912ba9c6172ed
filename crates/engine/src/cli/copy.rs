//! `syncline copy`: a one-time transfer, one line, no file.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use syncline_model::mapping::ValueRules;
use syncline_model::{Error, Result};

use super::output::{counted, error_fields, grouped, lined_up};
use super::{Context, Outcome, TableArgs, config, progress};
use crate::connector::Budget;
use crate::job::report::{LaneReport, TableProgress, TableState};
use crate::job::{Job, JobReport, Prepared, Progress, WriteMode, prepare, run_lanes};
use crate::wrap::limit::Limit;

#[derive(Debug, Args)]
pub struct CopyArgs {
    /// Where rows come from: a connection's name, a URL, or a file
    from: String,
    /// Where they go; several sinks are written side by side
    #[arg(required = true)]
    to: Vec<String>,
    #[command(flatten)]
    tables: TableArgs,
    /// What happens to rows that the sink already holds
    #[arg(long, value_enum, default_value = "upsert")]
    mode: Mode,
    /// What becomes of dates with a year, month or day of zero, which MariaDB and MySQL have
    #[arg(long, value_enum, default_value = "error", value_name = "WHAT")]
    zero_dates: ZeroDates,
    /// What becomes of U+0000 in text, which PostgreSQL does not have
    #[arg(long, value_enum, default_value = "error", value_name = "WHAT")]
    nul_in_text: NulInText,
    /// Read at most so much a second (`20 MiB`), to leave room for the application
    #[arg(long, value_name = "SIZE", value_parser = config::size)]
    rate: Option<usize>,
    /// Start over instead of continuing a copy that was interrupted
    #[arg(long)]
    restart: bool,
    /// Show every statement that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Rows of the source are inserted or replaced by key; other rows of the sink stay
    Upsert,
    /// The sink's tables are emptied first, each in one transaction with its new rows
    Truncate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ZeroDates {
    /// A sink that cannot hold one refuses it by row
    Error,
    /// They become null
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NulInText {
    /// A sink that cannot hold it refuses it by row
    Error,
    /// It is taken out
    Strip,
}

/// The name under which copies keep their place in the sink while they run.
const JOB_NAME: &str = "copy";

pub async fn copy(context: &Context, args: CopyArgs) -> Result<Outcome> {
    let plan = context.plan()?;
    let mut from = context.endpoint(plan.as_ref(), &args.from)?;
    if let Some(bytes_per_s) = args.rate {
        from.connector = Arc::new(Limit::new(from.connector, bytes_per_s as u64));
    }
    let job = Job {
        name: JOB_NAME.into(),
        from,
        to: args.to.iter().map(|to| context.endpoint(plan.as_ref(), to)).collect::<Result<_>>()?,
        selection: args.tables.selection()?,
        rules: args.tables.rules()?,
        values: ValueRules {
            zero_dates_null: args.zero_dates == ZeroDates::Null,
            nul_stripped: args.nul_in_text == NulInText::Strip,
        },
        mode: match args.mode {
            Mode::Upsert => WriteMode::Upsert,
            Mode::Truncate => WriteMode::Truncate,
        },
        budget: Budget::default(),
        once: true,
        follow: None,
        restart: args.restart,
        parks: false,
        adds_columns: false,
        installs: false,
    };
    let prepared = prepare(&job).await?;
    if args.dry_run {
        return super::plan::show(context, &[(job, prepared)]);
    }
    let report = carry(context, &job, prepared, context.stopped()).await?;
    context.out.document(&document(&report));
    Ok(conclude(context, &job, &report))
}

/// Runs a prepared job, showing its progress.
pub async fn carry(
    context: &Context,
    job: &Job,
    prepared: Prepared,
    stop: impl Future<Output = ()>,
) -> Result<JobReport> {
    prepared.refuse_misfits()?;
    let progress = Progress::new(&prepared);
    context.watched.add(&job.name, &progress);
    let shown = progress::show(context.out, &progress);
    let report = run_lanes(job, prepared, &progress, stop).await;
    drop(shown);
    Ok(report)
}

/// Ends when somebody asks for the end; heard from the call on, not only from the first poll.
#[cfg(unix)]
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut heard = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async move {
        match &mut heard {
            [Ok(terminate), Ok(interrupt)] => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            _ => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
pub async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Prints what happened and says how it ended.
pub fn conclude(context: &Context, job: &Job, report: &JobReport) -> Outcome {
    let out = context.out;
    for lane in &report.lanes {
        summary(context, &job.from.name, lane, job.follow.is_some());
        lane.notices.iter().for_each(|n| out.line(format!("note: {n}")));
        if let Ok(finished) = &lane.outcome {
            finished.notices.iter().for_each(|n| out.line(format!("note: {n}")));
            for (table, held) in &finished.rows_held {
                let copied = lane.tables.iter().find(|t| t.sink.to_string() == *table).map_or(0, |t| t.rows);
                if let Some(kept @ 1..) = held.checked_sub(copied) {
                    let rows = counted(kept, "row");
                    out.line(format!(
                        "note: {table}: {rows} that the source does not have stayed; mode truncate replaces the table"
                    ));
                }
            }
        }
    }
    report.notices.iter().for_each(|n| out.line(format!("note: {n}")));
    let parked = |lane: &LaneReport| lane.changes.map_or((0, 0), |c| (c.parked, c.parked_in_all));
    for lane in &report.lanes {
        let (now, in_all) = parked(lane);
        super::parked::told(&job.name, &lane.name, now, in_all).iter().for_each(|n| out.line(format!("note: {n}")));
    }
    let failed: Vec<&Error> = report.lanes.iter().filter_map(|l| l.outcome.as_ref().err()).collect();
    failed.iter().for_each(|e| out.failure(e));
    match &failed[..] {
        [] if report.lanes.iter().any(|l| parked(l).0 > 0) => Outcome::Partly,
        [] => Outcome::Done,
        [first, ..] if report.lanes.iter().all(|l| l.outcome.is_err() && !l.committed) => Outcome::of(first),
        _ => Outcome::Partly,
    }
}

fn summary(context: &Context, from: &str, lane: &LaneReport, follows: bool) {
    let out = context.out;
    // What an earlier run of a lane that follows has loaded is nothing to tell.
    let told = |t: &&TableProgress| lane.changes.is_none() || t.state != TableState::DoneBefore;
    let tables: Vec<&TableProgress> = lane.tables.iter().filter(told).collect();
    if tables.iter().all(|t| t.state == TableState::Waiting) && lane.changes.is_none() {
        return;
    }
    out.line(format!("{from} → {}", lane.name));
    if !tables.is_empty() {
        let mut rows = vec![["table", "state", "rows", "seconds", "rows/s"].map(str::to_owned).to_vec()];
        rows.extend(tables.iter().map(|t| table_line(t)));
        let (total, seconds) = tables.iter().fold((0, 0.0), |(rows, s), t| (rows + t.rows, s + t.took.as_secs_f64()));
        if tables.len() > 1 {
            let total_rate = rate(total, seconds);
            rows.push(vec!["total".into(), String::new(), grouped(total), format!("{seconds:.2}"), total_rate]);
        }
        lined_up(&rows, 2).iter().for_each(|line| out.line(line));
    }
    if let Some(carried) = lane.changes {
        out.line(format!("  {} in {}", counted(carried.changes, "change"), counted(carried.units, "unit")));
        return;
    }
    if lane.tables.iter().any(|t| t.state == TableState::DoneBefore) {
        out.line(match follows {
            true => "note: the load is not complete; the next run goes on with it, and carries what changed meanwhile",
            false => "note: an interrupted copy was continued; tables done before hold what they held then (`--restart` reads all again)",
        });
    }
}

fn table_line(table: &TableProgress) -> Vec<String> {
    let seconds = table.took.as_secs_f64();
    let (state, moved) = match table.state {
        TableState::Done => ("done", true),
        TableState::Running => ("not done", false),
        TableState::Waiting => ("not begun", false),
        TableState::DoneBefore => ("done before", false),
    };
    if !moved {
        return vec![table.sink.to_string(), state.into()];
    }
    vec![table.sink.to_string(), state.into(), grouped(table.rows), format!("{seconds:.2}"), rate(table.rows, seconds)]
}

fn rate(rows: u64, seconds: f64) -> String {
    // Below a hundredth of a second a rate says nothing.
    if seconds < 0.01 {
        return "-".into();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    grouped((rows as f64 / seconds) as u64)
}

/// What `--json` prints.
pub fn document(report: &JobReport) -> Value {
    let lanes: Vec<Value> = report
        .lanes
        .iter()
        .map(|lane| {
            let mut fields = json!({
                "sink": lane.name,
                "done": lane.outcome.is_ok(),
                "tables": lane.tables,
                "deletes_missing": lane.deletes_missing,
            });
            if let Some(fields) = fields.as_object_mut() {
                // A one-time copy has none.
                if let Some(changes) = lane.changes {
                    fields.insert("changes".into(), json!(changes));
                }
                match &lane.outcome {
                    Ok(finished) => {
                        let held: serde_json::Map<_, _> =
                            finished.rows_held.iter().map(|(table, rows)| (table.clone(), json!(rows))).collect();
                        fields.insert("rows_held".into(), json!(held));
                        fields.insert("notices".into(), json!([&lane.notices[..], &finished.notices[..]].concat()));
                    }
                    Err(e) => {
                        fields.insert("notices".into(), json!(lane.notices));
                        fields.insert("error".into(), error_fields(e));
                    }
                }
            }
            fields
        })
        .collect();
    json!({ "lanes": lanes, "notices": report.notices })
}
