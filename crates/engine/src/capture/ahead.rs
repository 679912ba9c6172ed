//! Reading ahead: a snapshot is read in a task or thread of its own, one batch ahead of whoever asks for it.
//!
//! Several connections may read one unit side by side, each with a clone of the [`Feed`] or all with one. In memory are then
//! one batch that waits and one per connection, however large the unit is (I13). Who reads so sees to it that the first batch
//! begins the unit and the last one ends it: by an empty one before the clones read and one after all of them are done, or
//! under a lock.

use std::time::Duration;

use async_trait::async_trait;
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connector::{Budget, Read, Source};

/// The end that is asked: a source of so many units.
pub struct Ahead {
    batches: mpsc::Receiver<Result<ChangeBatch>>,
    /// Told with each `read`; the other end asks before it begins a batch.
    budget: watch::Sender<usize>,
    /// Holds the other end back until the first `read` has said how large a batch may be.
    starts: Option<oneshot::Sender<()>>,
    /// Units that have not ended. A reader that goes away before is an error and never an end (I10).
    units_left: usize,
}

/// The end that reads the database.
pub struct Feed {
    batches: mpsc::Sender<Result<ChangeBatch>>,
    budget: watch::Receiver<usize>,
    /// Nothing in a clone: it is made after the start.
    started: Option<oneshot::Receiver<()>>,
}

impl Clone for Feed {
    /// One more end for the same unit, to be made after [`Feed::started`].
    fn clone(&self) -> Self {
        Self { batches: self.batches.clone(), budget: self.budget.clone(), started: None }
    }
}

/// Both ends.
#[must_use]
pub fn ahead(units: usize) -> (Ahead, Feed) {
    let (to_reader, batches) = mpsc::channel(1);
    let (budget, budget_now) = watch::channel(0);
    let (starts, started) = oneshot::channel();
    let asked = Ahead { batches, budget, starts: Some(starts), units_left: units };
    (asked, Feed { batches: to_reader, budget: budget_now, started: Some(started) })
}

impl Feed {
    /// Waits for the first `read`; false if there will be none.
    pub async fn started(&mut self) -> bool {
        match &mut self.started {
            Some(started) => started.await.is_ok(),
            None => true,
        }
    }

    /// As [`Feed::started`], on a thread that may block. The other methods of such a thread are the blocking ones too.
    pub fn started_blocking(&mut self) -> bool {
        self.started.take().is_none_or(|started| started.blocking_recv().is_ok())
    }

    /// Bytes at which a batch is full, by the latest `read`.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        (*self.budget.borrow()).max(1)
    }

    /// Hands a batch over, or an error, which is the last that the other end takes; false if nobody wants more.
    pub async fn send(&self, batch: Result<ChangeBatch>) -> bool {
        self.batches.send(batch).await.is_ok()
    }

    /// As [`Feed::send`], on a thread that may block.
    pub fn send_blocking(&self, batch: Result<ChangeBatch>) -> bool {
        self.batches.blocking_send(batch).is_ok()
    }
}

#[async_trait]
impl Source for Ahead {
    async fn read(&mut self, budget: Budget) -> Result<Read> {
        if self.units_left == 0 {
            return Ok(Read::End);
        }
        self.budget.send_if_modified(|now| std::mem::replace(now, budget.bytes_max) != budget.bytes_max);
        if let Some(starts) = self.starts.take() {
            let _ = starts.send(());
        }
        match tokio::time::timeout(budget.wait_max.max(Duration::from_millis(1)), self.batches.recv()).await {
            Err(_) => Ok(Read::Idle),
            Ok(Some(batch)) => {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(e) => {
                        // Nothing follows an error, whoever else still feeds: all of them learn that nobody listens.
                        (_, self.batches) = mpsc::channel(1);
                        return Err(e);
                    }
                };
                self.units_left -= usize::from(batch.ends.is_some());
                Ok(Read::Batch(batch))
            }
            // After an error there is no going on from here; the lane opens anew.
            Ok(None) => Err(Error::new(ErrorKind::Unreachable, "the snapshot was lost before its end")),
        }
    }

    /// A snapshot keeps nothing for anybody.
    async fn confirm(&mut self, _upto: &Position) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
