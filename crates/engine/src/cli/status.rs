//! `syncline status`: how far each lane got, by its sink's own account.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use syncline_model::{ErrorKind, Position, Result};

use super::output::counted;
use super::{Context, Outcome};
use crate::capture::follow::Place;
use crate::connector::{LaneId, ParkedQuery};
use crate::job::Endpoint;

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Sinks by name, URL or file; every connection of the configuration if none is named
    connections: Vec<String>,
}

/// How far a lane got, in words.
fn how_far(position: &Position) -> String {
    match Place::parse(position) {
        Ok(place) => {
            format!("follows, {} loaded, tick {}", counted(place.loaded() as u64, "table"), place.tick.number)
        }
        Err(_) => format!("done up to {}", position.at),
    }
}

/// How many changes each lane has set aside here.
async fn parked_by_lane(endpoint: &Endpoint) -> Result<BTreeMap<LaneId, u64>> {
    let mut lanes = BTreeMap::new();
    let parked = match endpoint.connector.parked(&ParkedQuery::default()).await {
        // Who may not read it sees none, as with lanes.
        Err(e) if e.kind() == ErrorKind::Denied => Vec::new(),
        other => other?,
    };
    for change in parked {
        *lanes.entry(change.lane).or_default() += 1;
    }
    Ok(lanes)
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
                documents.push(json!({ "connection": endpoint.name, "lanes": [], "backlog": [], "parked": [] }));
                continue;
            }
            other => other?,
        };
        if report.lanes.is_empty() {
            out.line(format!("{}: no job is under way", endpoint.name));
        }
        for lane in &report.lanes {
            let at = lane.position.as_ref().map_or("nothing committed yet".to_owned(), how_far);
            let at = if lane.lane.is_side() { format!("loads tables beside the lane, {at}") } else { at };
            out.line(format!(
                "{}: lane {}: {at}; epoch {}, last by {}, {}",
                endpoint.name, lane.lane.0, lane.epoch.0, lane.owner, lane.changed_at
            ));
        }
        let parked = parked_by_lane(&endpoint).await?;
        for (lane, changes) in &parked {
            let changes = counted(*changes, "change");
            out.line(format!(
                "{}: {changes} set aside by lane {}; `syncline parked ls` shows them",
                endpoint.name, lane.0
            ));
        }
        let parked: Vec<_> = parked.iter().map(|(lane, changes)| json!({ "lane": lane, "changes": changes })).collect();
        let backlog = match endpoint.connector.capture() {
            Some(capture) => capture.backlog().await?,
            None => Vec::new(),
        };
        for waiting in &backlog {
            let age = waiting.age_s.map_or_else(String::new, |s| format!(", the oldest {s:.0} s old"));
            let changes = counted(waiting.changes, "change");
            out.line(format!("{}: {changes} wait for lane {}{age}", endpoint.name, waiting.lane.0));
        }
        documents.push(json!({
            "connection": endpoint.name, "lanes": report.lanes, "backlog": backlog, "parked": parked,
        }));
    }
    out.document(&json!({ "connections": documents }));
    Ok(Outcome::Done)
}
