//! THE LOOP: the one function that owns the order of effects.
//!
//! `read → steps → park → write (begin … data … commit with position) → confirm`. Nothing else in the product calls
//! `begin`, `write`, `commit` or `confirm` for a lane. A snapshot is a source that ends; one that follows says when its tables are
//! loaded, and may never end.

use syncline_model::{ChangeBatch, Error, ErrorKind, Result};
use tokio::sync::watch;

use super::park::Parking;
use super::report::LaneProgress;
use super::step::{Step, reached};
use super::steps::Steps;
use crate::connector::{Budget, FinishReport, Read, Sink, Source};

/// Carries one lane until its source ends, or until `stop` says so between two units.
///
/// While the sink writes a batch, the source already reads the next one: at most two batches are in this function's
/// hands, besides those that the source itself keeps ahead (I13).
///
/// # Errors
/// The first error of either side. The open unit is then not committed; the sink's own position says where to go on.
pub async fn run(
    source: &mut dyn Source,
    sink: &mut dyn Sink,
    (steps, parking): (&Steps, &mut Parking),
    budget: Budget,
    progress: &LaneProgress,
    stop: &watch::Receiver<bool>,
) -> Result<FinishReport> {
    let epoch = sink.lease().epoch;
    tracing::info!(sink = progress.name(), epoch = epoch.0, "lane runs");
    let mut next = source.read(budget).await;
    let mut in_unit = false;
    let mut finished = None;
    loop {
        if !in_unit && *stop.borrow() {
            return Ok(finished.unwrap_or_default());
        }
        let batch = match next? {
            Read::Batch(batch) => parking.divert(steps.apply(batch)?, finished.is_none())?,
            Read::Idle => {
                next = source.read(budget).await;
                continue;
            }
            Read::Loaded => {
                finished = Some(sink.finish().await?);
                progress.loaded();
                reached(Step::Loaded);
                next = source.read(budget).await;
                continue;
            }
            // Rows are missing; to finish now would call the copy complete (I10).
            Read::End if in_unit => {
                return Err(Error::new(ErrorKind::Bug, "the source ended in the middle of a unit"));
            }
            Read::End => break,
        };
        in_unit = batch.ends.is_none();
        reached(Step::BatchRead);
        if batch.begins {
            sink.begin(epoch).await?;
            progress.unit_begun(&batch);
            reached(Step::UnitBegun);
        }
        // A commit does not wait for a change that may never come.
        let reads_ahead = finished.is_none() || batch.ends.is_none();
        let (written, ahead) = match reads_ahead {
            true => {
                let (written, ahead) = tokio::join!(sink.write(&batch), source.read(budget));
                (written, Some(ahead))
            }
            false => (sink.write(&batch).await, None),
        };
        progress.written(&batch, written?);
        reached(Step::BatchWritten);
        commit(source, sink, &batch, parking, progress).await?;
        next = match ahead {
            Some(ahead) => ahead,
            None => source.read(budget).await,
        };
    }
    let finished = match finished {
        Some(finished) => finished,
        None => sink.finish().await?,
    };
    tracing::info!(sink = progress.name(), "lane has ended");
    reached(Step::Finished);
    Ok(finished)
}

/// Ends the unit if the batch does.
async fn commit(
    source: &mut dyn Source,
    sink: &mut dyn Sink,
    batch: &ChangeBatch,
    parking: &mut Parking,
    progress: &LaneProgress,
) -> Result<()> {
    let Some(upto) = &batch.ends else { return Ok(()) };
    // I2: data and position become durable together.
    sink.commit(upto).await?;
    parking.committed();
    progress.unit_committed(batch, parking.in_all());
    reached(Step::UnitCommitted);
    // I1: only now may the source forget.
    source.confirm(upto).await?;
    reached(Step::Confirmed);
    Ok(())
}
