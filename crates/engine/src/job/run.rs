//! THE LOOP: the one function that owns the order of effects.
//!
//! `read → steps → park → write (begin … data … commit with position) → confirm`. Nothing else in the product moves a
//! source's rows or its position that way. Units without rows, which only write down where the lanes stand, are made in two
//! places more: where a side lane begins and is taken over (`side.rs`), and where a table is to be loaded again. A snapshot is
//! a source that ends; one that follows says when its tables are loaded, and may never end.

use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result};
use tokio::sync::watch;

use super::park::Parking;
use super::report::LaneProgress;
use super::step::{Step, reached};
use super::steps::Steps;
use crate::connector::{Apart, Budget, FinishReport, Read, Sink, Source};

/// Carries one lane until its source ends, or until `stop` says so between two units. `apart` is told which tables the source
/// leaves to a side lane. Gives the position that was committed last, if any was.
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
    (stop, apart): (&watch::Receiver<bool>, &watch::Sender<Apart>),
) -> Result<(FinishReport, Option<Position>)> {
    let epoch = sink.lease().epoch;
    tracing::info!(sink = progress.name(), epoch = epoch.0, "lane runs");
    let mut next = source.read(budget).await;
    let mut in_unit = false;
    let (mut finished, mut committed) = (None, None);
    loop {
        if !in_unit && *stop.borrow() {
            return Ok((finished.unwrap_or_default(), committed));
        }
        let batch = match next? {
            Read::Batch(batch) => Some(parking.divert(steps.apply(batch)?, finished.is_none())?),
            Read::Idle => well(sink, in_unit).await.map(|()| None)?,
            Read::Apart(tables) => {
                apart.send_replace(tables);
                None
            }
            Read::Loaded => {
                finished = Some(loaded(sink, progress).await?);
                None
            }
            // Rows are missing; to finish now would call the copy complete (I10).
            Read::End if in_unit => return Err(Error::new(ErrorKind::Bug, CUT_OFF)),
            Read::End => break,
        };
        let Some(batch) = batch else {
            next = source.read(budget).await;
            continue;
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
        committed = batch.ends.or(committed);
        next = match ahead {
            Some(ahead) => ahead,
            None => source.read(budget).await,
        };
    }
    Ok((ended(sink, finished, progress).await?, committed))
}

const CUT_OFF: &str = "the source ended in the middle of a unit";

/// Lets the sink build what waited for all tables; what follows are changes.
async fn loaded(sink: &mut dyn Sink, progress: &LaneProgress) -> Result<FinishReport> {
    let finished = sink.finish().await?;
    progress.loaded();
    reached(Step::Loaded);
    Ok(finished)
}

/// The source has ended; finishes what was not finished when the tables were loaded.
async fn ended(sink: &mut dyn Sink, finished: Option<FinishReport>, progress: &LaneProgress) -> Result<FinishReport> {
    well(sink, false).await?;
    let finished = match finished {
        Some(finished) => finished,
        None => sink.finish().await?,
    };
    tracing::info!(sink = progress.name(), "lane has ended");
    reached(Step::Finished);
    Ok(finished)
}

/// There is nothing to carry: what was wrong is over, though no unit has come to say so.
async fn well(sink: &mut dyn Sink, in_unit: bool) -> Result<()> {
    match &sink.lease().trouble {
        Some(_) if !in_unit => sink.note(None).await,
        _ => Ok(()),
    }
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
