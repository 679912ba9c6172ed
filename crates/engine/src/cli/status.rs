//! `syncline status`: how far each lane got, by its sink's own account.

use clap::Args;
use serde_json::json;
use syncline_model::{ErrorKind, Result};

use super::{Context, Outcome};

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Sinks by name, URL or file; every connection of the configuration if none is named
    connections: Vec<String>,
}

pub async fn status(context: &Context, args: StatusArgs) -> Result<Outcome> {
    let plan = if args.connections.is_empty() { Some(context.plan_required()?) } else { context.plan()? };
    let named = !args.connections.is_empty();
    let words: Vec<String> = match &plan {
        Some(plan) if !named => plan.connections.keys().cloned().collect(),
        _ => args.connections,
    };
    let out = context.out;
    let mut documents = Vec::new();
    for word in &words {
        let endpoint = context.endpoint(plan.as_ref(), word)?;
        let report = match endpoint.connector.check().await {
            // What is only configured need not be there yet.
            Err(e) if e.kind() == ErrorKind::NotFound && !named => {
                out.line(format!("{}: not there yet", endpoint.name));
                documents.push(json!({ "connection": endpoint.name, "lanes": [] }));
                continue;
            }
            other => other?,
        };
        if report.lanes.is_empty() {
            out.line(format!("{}: no job is under way", endpoint.name));
        }
        for lane in &report.lanes {
            let at =
                lane.position.as_ref().map_or("nothing committed yet".to_owned(), |p| format!("done up to {}", p.at));
            out.line(format!(
                "{}: lane {}: {at}; epoch {}, last by {}, {}",
                endpoint.name, lane.lane.0, lane.epoch.0, lane.owner, lane.changed_at
            ));
        }
        documents.push(json!({ "connection": endpoint.name, "lanes": report.lanes }));
    }
    out.document(&json!({ "connections": documents }));
    Ok(Outcome::Done)
}
