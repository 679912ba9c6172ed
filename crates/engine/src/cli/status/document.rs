//! What `status --json` prints; its fields are documented in the guide and stay.

use serde_json::{Value, json};

use super::{Asked, JobView, LaneView, Stands};
use crate::cli::output::error_fields;
use crate::config::Capture;

/// All of it: by connection, and by job where a configuration is at hand.
pub fn document(jobs: &[JobView<'_>], asked: &[Asked]) -> Value {
    let connections: Vec<Value> = asked.iter().filter(|a| a.wanted).map(connection).collect();
    let jobs: Vec<Value> = jobs.iter().map(job).collect();
    json!({ "connections": connections, "jobs": jobs })
}

fn connection(asked: &Asked) -> Value {
    let name = &asked.endpoint.name;
    let answer = match &asked.answer {
        Ok(answer) => answer,
        Err(e) => return json!({ "connection": name, "error": error_fields(e) }),
    };
    let lanes: Vec<Value> = answer
        .lanes
        .iter()
        .map(|lane| {
            let mut fields = json!(lane);
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("changes_per_second".into(), json!(answer.rates.get(&lane.lane)));
            }
            fields
        })
        .collect();
    let parked: Vec<Value> =
        answer.parked.iter().map(|(lane, changes)| json!({ "lane": lane, "changes": changes })).collect();
    json!({ "connection": name, "lanes": lanes, "backlog": answer.backlog, "parked": parked,
        "retained": answer.retained, "alarm": answer.alarm })
}

fn job(view: &JobView<'_>) -> Value {
    let follows = view.spec.capture == Capture::Trigger;
    let error = view.source.and_then(|s| s.answer.as_ref().err()).map(error_fields);
    let lanes: Vec<Value> = view.lanes.iter().map(|lane| one(lane, follows)).collect();
    json!({ "job": view.spec.name, "source": view.spec.from, "error": error, "lanes": lanes })
}

fn one(view: &LaneView<'_>, follows: bool) -> Value {
    json!({
        "sink": view.sink.endpoint.name,
        "lane": view.lane,
        "state": word(view.stands(follows)),
        "tables_loaded": view.tables_loaded(),
        "waiting": view.waits.map(|waits| waits.changes),
        "oldest_s": view.waits.and_then(|waits| waits.age_s),
        "changes_total": view.state.map(|state| state.changes),
        "changes_per_second": view.rate(),
        "parked": view.parked,
        "trouble": view.trouble(),
        "error": view.sink.answer.as_ref().err().map(error_fields),
    })
}

fn word(stands: Stands) -> &'static str {
    match stands {
        Stands::Unreachable => "unreachable",
        Stands::Stopped => "stopped",
        Stands::Trouble => "trouble",
        Stands::NotBegun => "not_begun",
        Stands::Loads => "loads",
        Stands::Follows => "follows",
        Stands::UnderWay => "under_way",
    }
}
