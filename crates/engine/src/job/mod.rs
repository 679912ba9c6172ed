//! A job: one source, some steps, one or more sinks, one lane per sink.
//!
//! - [`prepare`] looks at both ends, maps tables, and refuses before any row moves.
//! - [`run`] is the loop, and the only place that knows the order of effects.
//! - [`lane`] opens both ends and opens them again after errors that may pass.
//! - [`away`] begins a lane when its sink can be reached.
//! - [`widen`] gives a sink the columns that it lacks.
//! - [`anew`] looks at both ends again when columns at the source have changed.
//! - [`side`] loads tables beside a lane that follows the others.
//! - [`park`] sets changes aside that the sink refuses.
//! - [`report`] is what the terminal, `--json` and logs read.

mod anew;
pub mod away;
pub mod lane;
pub mod park;
pub mod prepare;
pub mod report;
pub mod run;
mod side;
pub mod step;
pub mod steps;
pub mod widen;

use std::sync::Arc;

use syncline_model::mapping::{Rule, ValueRules};
use syncline_model::pattern::{Pattern, Selection};

use crate::connector::{Budget, Connector};

pub use crate::config::WriteMode;
pub use lane::run_lanes;
pub use prepare::{Prepared, prepare, prepare_reachable};
pub use report::{JobReport, Progress};

/// One end of a job.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// As the user named it, without secrets.
    pub name: String,
    /// What it is.
    pub connector: Arc<dyn Connector>,
}

/// Until when a job that follows carries changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All that was committed when it began is at the sink.
    CaughtUp,
    /// Somebody stops it.
    Stopped,
}

/// A job, resolved.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name; part of each lane's identity.
    pub name: String,
    /// Where changes come from.
    pub from: Endpoint,
    /// Where they go, one lane each.
    pub to: Vec<Endpoint>,
    /// Which tables.
    pub selection: Selection,
    /// What happens to the tables that a pattern matches; the most specific pattern wins.
    pub rules: Vec<(Pattern, Rule)>,
    /// What becomes of values that only some databases have, besides what the rules say.
    pub values: ValueRules,
    /// What happens to rows that the sink already holds.
    pub mode: WriteMode,
    /// How much is in memory at a time.
    pub budget: Budget,
    /// A one-time copy: its trace in the sink goes when it is done.
    pub once: bool,
    /// Whether what changes after the snapshot is carried too, and until when.
    pub follow: Option<Until>,
    /// Forget how far the lanes got.
    pub restart: bool,
    /// Whether a change that the sink refuses is set aside, so that the others go on; else the lane stops there.
    pub parks: bool,
    /// Whether sinks are given columns that they lack, and a lane that meets changed columns at the source looks at both
    /// ends again; else it stops there.
    pub adds_columns: bool,
    /// Whether what capture needs may be installed while the job runs.
    pub installs: bool,
}
