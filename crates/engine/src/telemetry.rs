//! What runs, for programs that watch: Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). The numbers are those of [`Progress`], which the terminal
//! shows too. Names of jobs, sinks and tables are labels; no cell ever is (I15).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use syncline_model::{Error, ErrorKind, Result};
use tokio::net::TcpListener;

use crate::capture::retained::{Retained, RetainedFor};
use crate::job::Progress;
use crate::job::report::LaneProgress;

/// The jobs and sources that are watched. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    jobs: Arc<Mutex<Vec<(String, Progress)>>>,
    /// What each source retained when it was last looked at, and whether that was too much.
    sources: Arc<Mutex<BTreeMap<String, (Retained, bool)>>>,
}

impl Watched {
    /// From now on this job is among them.
    pub fn add(&self, job: &str, progress: &Progress) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push((job.to_owned(), progress.clone()));
    }

    /// What a source retains for its lanes, and whether that is too much.
    pub fn retains(&self, source: &str, retained: &Retained, alarm: bool) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.insert(source.to_owned(), (retained.clone(), alarm));
    }

    /// All of it in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lanes: Vec<(String, LaneProgress)> =
            jobs.iter().flat_map(|(job, progress)| progress.lanes().into_iter().map(|l| (job.clone(), l))).collect();
        let mut text = String::new();
        for metric in METRICS {
            let _ = writeln!(text, "# HELP {} {}\n# TYPE {} {}", metric.name, metric.help, metric.name, metric.kind);
            for (job, lane) in &lanes {
                let labels = format!("job=\"{}\",sink=\"{}\"", escaped(job), escaped(lane.name()));
                for (more, value) in (metric.values)(lane) {
                    let _ = writeln!(text, "{}{{{labels}{more}}} {value}", metric.name);
                }
            }
        }
        self.write_sources(&mut text);
        text
    }

    fn write_sources(&self, text: &mut String) {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut metric = |name, help, values: fn(&Retained, bool) -> Vec<(String, f64)>| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for (source, (retained, alarm)) in &sources {
                for (more, value) in values(retained, *alarm) {
                    let _ = writeln!(text, "{name}{{source=\"{}\"{more}}} {value}", escaped(source));
                }
            }
        };
        metric("syncline_retained_bytes", "Room that the change tables of the source take.", |retained, _| {
            vec![(String::new(), number(retained.bytes))]
        });
        let help = "Seconds since the oldest change was made that the lane has not confirmed, else 0.";
        metric("syncline_retained_age_seconds", help, |retained, _| {
            let lane = |of: &RetainedFor| (format!(",lane=\"{}\"", escaped(&of.lane.0)), of.age_s.unwrap_or(0.0));
            retained.lanes.iter().map(lane).collect()
        });
        metric("syncline_alarm", "1 while the source retains too much, else 0.", |_, alarm| {
            vec![(String::new(), f64::from(u8::from(alarm)))]
        });
    }
}

/// One metric of every lane.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// Further labels, each with a comma in front, and the value; none if there is nothing to say yet.
    values: fn(&LaneProgress) -> Vec<(String, f64)>,
}

/// They are documented in the guide and stay.
const METRICS: [Metric; 5] = [
    Metric {
        name: "syncline_changes_total",
        kind: "counter",
        help: "Changes committed at the sink since the process began.",
        values: |lane| lane.changes().map(|c| (String::new(), number(c.changes))).into_iter().collect(),
    },
    Metric {
        name: "syncline_units_total",
        kind: "counter",
        help: "Units of changes committed at the sink since the process began.",
        values: |lane| lane.changes().map(|c| (String::new(), number(c.units))).into_iter().collect(),
    },
    Metric {
        name: "syncline_lag_seconds",
        kind: "gauge",
        help: "Seconds from the newest committed change to its commit at the sink.",
        values: |lane| lane.changes().and_then(|c| c.lag_s).map(|s| (String::new(), s)).into_iter().collect(),
    },
    Metric {
        name: "syncline_waiting",
        kind: "gauge",
        help: "1 while the lane waits after an error that may pass, else 0.",
        values: |lane| vec![(String::new(), f64::from(u8::from(lane.waits_for().is_some())))],
    },
    Metric {
        name: "syncline_loaded_rows_total",
        kind: "counter",
        help: "Rows of the table's load written since the process began.",
        values: |lane| {
            let table = |t: crate::job::report::TableProgress| {
                (format!(",table=\"{}\"", escaped(&t.sink.to_string())), number(t.rows))
            };
            lane.tables().into_iter().map(table).collect()
        },
    },
];

/// As the format has numbers; exact up to 2⁵³.
#[allow(clippy::cast_precision_loss)]
fn number(count: u64) -> f64 {
    count as f64
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Serves the text at `/metrics` until the process ends.
///
/// # Errors
/// [`ErrorKind::Config`] if nobody can listen there.
pub async fn serve(address: SocketAddr, watched: Watched) -> Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|e| {
        Error::new(ErrorKind::Config, "cannot listen for metrics")
            .at("address", address.to_string())
            .caused_by(e)
            .hint("name another port, for example `--metrics 127.0.0.1:9464`")
    })?;
    let text = move || async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], watched.text()) };
    let app = Router::new().route("/metrics", get(text));
    tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, app).await {
            tracing::warn!(error = %e, "metrics are no longer served");
        }
    });
    Ok(())
}
