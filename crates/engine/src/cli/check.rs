//! `syncline check`: every connection and job, looked at from outside; changes nothing.

use clap::Args;
use serde_json::{Value, json};
use syncline_model::mapping::{Mapping, Rule};
use syncline_model::pattern::Selection;
use syncline_model::{ErrorKind, Result, TableSchema};

use super::output::{counted, error_fields, lined_up};
use super::{Context, Outcome, alarm, run};
use crate::config::{AlarmLimits, Plan};
use crate::connector::{Description, Level};
use crate::job::{Endpoint, prepare};

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Connections by name, URL or file; everything in the configuration if none is named
    connections: Vec<String>,
}

pub async fn check(context: &Context, args: CheckArgs) -> Result<Outcome> {
    let plan = if args.connections.is_empty() { Some(context.plan_required()?) } else { context.plan()? };
    let mut words = args.connections;
    let all = words.is_empty();
    if all {
        words.extend(plan.iter().flat_map(|p| p.connections.keys().cloned()));
    }
    let mut outcome = Outcome::Done;
    let mut connections = Vec::new();
    for word in &words {
        // A connection that cannot even be named is a wrong command line; one that does not answer is a finding.
        let endpoint = context.endpoint(plan.as_ref(), word)?;
        let sink_only = plan.as_ref().is_some_and(|p| is_sink_only(p, word));
        let limits = plan.as_ref().map(|p| p.alarm_of(word)).unwrap_or_default();
        let (fields, good) = connection(context, &endpoint, sink_only, limits).await;
        if !good {
            outcome = Outcome::Failed;
        }
        connections.push(fields);
    }
    let mut jobs = Vec::new();
    if let Some(plan) = plan.filter(|_| all) {
        for spec in plan.jobs.values() {
            let job = run::job(context, &plan, spec)?;
            let (problem, install) = match prepare(&job).await {
                Ok(prepared) => (prepared.refuse_misfits().err(), prepared.install.statements.len()),
                Err(e) => (Some(e), 0),
            };
            match &problem {
                None if install > 0 => context.out.line(format!(
                    "job {}: fits; {} to install at {}, see `syncline install --dry-run`",
                    spec.name,
                    counted(install as u64, "statement"),
                    spec.from
                )),
                None => context.out.line(format!("job {}: fits", spec.name)),
                Some(e) => {
                    outcome = Outcome::Failed;
                    context.out.line(format!("job {}: {e}\n  → {}", spec.name, e.advice()));
                }
            }
            jobs.push(json!({ "job": spec.name, "error": problem.as_ref().map(error_fields) }));
        }
    }
    context.out.document(&json!({ "connections": connections, "jobs": jobs }));
    Ok(outcome)
}

/// Whether the file's jobs only write this connection: then it need not be there yet.
fn is_sink_only(plan: &Plan, name: &str) -> bool {
    plan.jobs.values().any(|j| j.to.iter().any(|to| to == name)) && plan.jobs.values().all(|j| j.from != name)
}

async fn connection(context: &Context, endpoint: &Endpoint, sink_only: bool, limits: AlarmLimits) -> (Value, bool) {
    let out = context.out;
    let mut report = match endpoint.connector.check().await {
        Ok(report) => report,
        Err(e) if sink_only && e.kind() == ErrorKind::NotFound => {
            out.line(format!("{}: not there yet; the first run creates it", endpoint.name));
            return (json!({ "connection": endpoint.name, "report": null, "tables": [] }), true);
        }
        Err(e) => {
            out.line(format!("{}: {e}\n  → {}", endpoint.name, e.advice()));
            return (json!({ "connection": endpoint.name, "error": error_fields(&e) }), false);
        }
    };
    out.line(format!("{}: {}", endpoint.name, report.product));
    report.findings.extend(alarm::finding(endpoint, limits).await);
    for finding in &report.findings {
        let mark = match finding.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        out.line(format!("  {mark}: {}", finding.text));
        finding.advice.iter().for_each(|a| out.line(format!("    → {a}")));
    }
    let (tables, skipped) = match endpoint.connector.describe(&Selection::default()).await {
        Ok(description) => {
            show_tables(context, &description);
            let skipped = description
                .skipped
                .iter()
                .map(|(table, reason)| json!({ "name": table.to_string(), "reason": reason }));
            (description.tables.iter().map(table_fields).collect::<Vec<_>>(), skipped.collect::<Vec<_>>())
        }
        Err(e) => {
            out.line(format!("  error: {e}\n    → {}", e.advice()));
            return (json!({ "connection": endpoint.name, "error": error_fields(&e) }), false);
        }
    };
    let good = report.findings.iter().all(|f| f.level != Level::Error);
    (json!({ "connection": endpoint.name, "report": report, "tables": tables, "skipped": skipped }), good)
}

fn show_tables(context: &Context, description: &Description) {
    let out = context.out;
    out.line(format!("  {}", counted(description.tables.len() as u64, "table")));
    let rows: Vec<_> = description
        .tables
        .iter()
        .map(|t| vec![format!("  {}", t.name), counted(t.columns.len() as u64, "column"), key_text(t)])
        .collect();
    lined_up(&rows, 3).iter().for_each(|line| out.line(line));
    for (table, reason) in &description.skipped {
        out.line(format!("  not a table: {table}: {reason}"));
    }
}

/// `key (id)`, or that there is none; the key is the one that a copy would take.
pub fn key_text(table: &TableSchema) -> String {
    let keyed = key_of(table);
    let names: Vec<_> = keyed.iter().flat_map(|m| m.read.key_columns()).map(|c| &*c.name).collect();
    if names.is_empty() { "no key".into() } else { format!("key ({})", names.join(", ")) }
}

/// The table as a copy without a rule would take it; nothing if it has no key.
pub fn key_of(table: &TableSchema) -> Option<Mapping> {
    Mapping::new(table, &Rule::default()).ok()
}

fn table_fields(table: &TableSchema) -> Value {
    let keyed = key_of(table);
    json!({
        "table": table.name.to_string(),
        "key": keyed.iter().flat_map(|m| m.read.key_columns()).map(|c| &*c.name).collect::<Vec<_>>(),
        "columns": table.columns.iter().map(|c| json!({
            "name": &*c.name,
            "type": c.native,
            "logical": c.logical.to_string(),
            "nullable": c.nullable,
        })).collect::<Vec<_>>(),
    })
}
