//! `syncline status`: how far each lane got, by its sink's own account.

use clap::Args;
use serde_json::json;
use syncline_model::Result;

use super::{Context, Outcome};

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Sinks by name, URL or file; every connection of the configuration if none is named
    connections: Vec<String>,
}

pub async fn status(context: &Context, args: StatusArgs) -> Result<Outcome> {
    let plan = if args.connections.is_empty() { Some(context.plan_required()?) } else { context.plan()? };
    let words: Vec<String> = match &plan {
        Some(plan) if args.connections.is_empty() => plan.connections.keys().cloned().collect(),
        _ => args.connections,
    };
    let out = context.out;
    let mut documents = Vec::new();
    for word in &words {
        let endpoint = context.endpoint(plan.as_ref(), word)?;
        let report = endpoint.connector.check().await?;
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
