//! Looking at both ends again while a lane runs, because the source's columns are others than those it was prepared for.
//!
//! Each lane does so by itself, when it comes to the difference: the tables are captured anew where the job may install, the
//! sink is given what it lacks, and these tables are loaded again, by a side lane where that is possible. What else may
//! have changed is not guessed: another type, a table that is gone, a trigger that is missing end the lane as ever.

use std::sync::Arc;

use syncline_model::{Error, ErrorKind, Result};

use super::Job;
use super::lane::Shared;
use super::prepare::{Prepared, PreparedLane, prepare};
use super::report::LaneProgress;
use super::steps::Steps;

/// How often in a row a lane looks again without having committed anything in between.
const LOOKS_MAX: u32 = 8;

/// How often one lane has looked again.
#[derive(Default)]
pub struct Looks {
    in_a_row: u32,
    committed: u64,
    /// What it was for the last time: the same again means that looking did not help.
    last: Option<String>,
}

/// What a lane goes on with.
pub struct Seen {
    pub shared: Arc<Shared>,
    pub lane: PreparedLane,
}

impl Looks {
    /// What the lane goes on with after that error; nothing if it is not one of columns that came or went, or looking again
    /// has not helped before.
    ///
    /// # Errors
    /// Why both ends could not be brought together, which says more than the first error, or may pass.
    pub async fn look(
        &mut self,
        error: &Error,
        shared: &Shared,
        lane: &PreparedLane,
        progress: &LaneProgress,
    ) -> Result<Option<Seen>> {
        let job = &shared.0;
        if !job.adds_columns || !matches!(error.kind(), ErrorKind::Schema | ErrorKind::NotFound) {
            return Ok(None);
        }
        let committed = progress.units_committed();
        if committed > std::mem::replace(&mut self.committed, committed) {
            (self.in_a_row, self.last) = (0, None);
        }
        let said = error.to_string();
        if self.in_a_row == LOOKS_MAX || self.last.as_ref() == Some(&said) {
            return Ok(None);
        }
        progress.waiting(error);
        // A restart was asked for once.
        let job = Job { to: vec![lane.to.clone()], restart: false, ..job.clone() };
        let mut prepared = match prepare(&job).await {
            // The first error says better that a table has gone, if it says which.
            Err(e) if e.kind() == ErrorKind::NotFound && error.places().iter().any(|(key, _)| *key == "table") => {
                return Ok(None);
            }
            prepared => prepared?,
        };
        if !columns_moved(error, lane, &prepared) {
            return Ok(None);
        }
        prepared.refuse_misfits()?;
        if !prepared.install.statements.is_empty() {
            if !job.installs {
                return Ok(None);
            }
            prepared = installed(&job, prepared).await?;
            prepared.refuse_misfits()?;
        }
        (self.in_a_row, self.last) = (self.in_a_row + 1, Some(said));
        tracing::info!(sink = progress.name(), because = %error, "lane goes on with other columns");
        progress.prepared_again(&prepared);
        let steps = Steps::new(&prepared.mappings, shared.0.mode);
        let lane = prepared.lanes.pop().ok_or_else(|| Error::new(ErrorKind::Bug, "a lane was not prepared again"))?;
        Ok(Some(Seen { shared: Arc::new((shared.0.clone(), steps)), lane }))
    }
}

/// Whether columns have come or gone at the source, and all else is as the lane knows it.
fn columns_moved(error: &Error, lane: &PreparedLane, prepared: &Prepared) -> bool {
    let mut moved = error.is_of_columns();
    for old in &lane.read.tables {
        let Some(new) = prepared.mappings.iter().map(|m| &m.read).find(|new| new.name == old.name) else {
            return false;
        };
        let same = |column: &syncline_model::Column| new.columns.iter().find(|c| c.name == column.name);
        if old.columns.iter().any(|column| same(column).is_some_and(|c| c.native != column.native)) {
            return false;
        }
        moved |= old.columns.len() != new.columns.len() || old.columns.iter().any(|column| same(column).is_none());
    }
    moved
}

/// The job prepared once more, when its tables are captured as they are now.
async fn installed(job: &Job, prepared: Prepared) -> Result<Prepared> {
    let follow = prepared.lanes.first().and_then(|lane| lane.read.follow.as_ref());
    let (Some(capture), Some(follow)) = (job.from.connector.capture(), follow) else { return Ok(prepared) };
    for notice in capture.install(&follow.tables).await?.notices {
        tracing::info!(source = &*job.from.name, "{notice}");
    }
    prepare(job).await
}
