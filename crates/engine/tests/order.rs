//! The order of effects, written down call by call (I1, I2): nothing is confirmed before it is committed.

use std::sync::Arc;

use syncline::connector::Connector;
use syncline::job::Job;
use syncline_model::{ChangeBatch, ErrorKind};

use crate::support::batches::{crowd, people, snapshot};
use crate::support::jobs::{budget, copy_job, failure, run_well};
use crate::support::place::{Decorated, InMemory, Place};
use crate::support::recorder::{Effects, Recorded, Refusal};
use crate::support::script::Script;

/// Table `a` in two batches, table `b` in one; both ends note into one list.
fn recorded(refusal: &Refusal) -> (Job, Effects) {
    let (from, to) = (InMemory::new(Decorated::BARE), InMemory::new(Decorated::BARE));
    for (name, rows) in [("a", 3), ("b", 1)] {
        from.create(&people(name));
        from.seed(name, &crowd(rows));
    }
    let effects = Effects::default();
    let recorded = |place: &InMemory| Recorded::wrap(place.connector(), &effects, refusal);
    let job = Job { budget: budget(36), ..copy_job(&recorded(&from), &[&recorded(&to)]) };
    (job, effects)
}

#[tokio::test]
async fn a_copy() {
    let (job, effects) = recorded(&Refusal::none());
    run_well(&job).await;
    insta::assert_snapshot!(effects.taken(), @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends
    write a 1 rows, ends
    read b 1 rows, begins, ends
    commit a
    confirm a
    begin epoch 1
    write b 1 rows, begins, ends
    read the end
    commit b
    confirm b
    finish the lane
    ");
}

#[tokio::test]
async fn a_copy_that_continues() {
    let (job, effects) = recorded(&Refusal::none());
    run_well(&Job { once: false, ..job.clone() }).await;
    effects.taken();
    run_well(&Job { once: false, ..job }).await;
    insta::assert_snapshot!(effects.taken(), @r"
    open_sink epoch 2
    open_source from b
    read the end
    finish the lane
    ");
}

/// Runs until the n-th call of that name is refused.
async fn refused(call: &'static str, from: usize) -> String {
    let (job, effects) = recorded(&Refusal::of(call, from));
    assert_eq!(failure(&job).await.kind(), ErrorKind::Value);
    effects.taken()
}

#[tokio::test]
async fn a_refused_write_is_neither_committed_nor_confirmed() {
    insta::assert_snapshot!(refused("write", 2).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends
    write a 1 rows, ends: refused
    read b 1 rows, begins, ends
    ");
}

#[tokio::test]
async fn a_refused_commit_is_not_confirmed() {
    insta::assert_snapshot!(refused("commit", 1).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends
    write a 1 rows, ends
    read b 1 rows, begins, ends
    commit a: refused
    ");
}

#[tokio::test]
async fn a_refused_confirmation_ends_the_lane_with_the_unit_committed() {
    insta::assert_snapshot!(refused("confirm", 1).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends
    write a 1 rows, ends
    read b 1 rows, begins, ends
    commit a
    confirm a: refused
    ");
}

#[tokio::test]
async fn what_was_written_before_a_refused_read_is_committed_only_if_whole() {
    insta::assert_snapshot!(refused("read", 2).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends: refused
    ");
    insta::assert_snapshot!(refused("read", 3).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1
    write a 2 rows, begins
    read a 1 rows, ends
    write a 1 rows, ends
    read b 1 rows, begins, ends: refused
    commit a
    confirm a
    ");
}

#[tokio::test]
async fn a_sink_that_cannot_be_opened_is_not_read_for() {
    insta::assert_snapshot!(refused("open_sink", 1).await, @"open_sink epoch 1: refused");
}

#[tokio::test]
async fn a_refused_beginning_writes_nothing() {
    insta::assert_snapshot!(refused("begin", 1).await, @r"
    open_sink epoch 1
    open_source from the start
    read a 2 rows, begins
    begin epoch 1: refused
    ");
}

/// A source that ends within a unit has lost rows; the lane must not end well (I10).
#[tokio::test]
async fn an_end_within_a_unit_is_an_error() {
    let schema = people("a");
    let half = ChangeBatch { begins: true, ends: None, tables: vec![snapshot(&schema, &crowd(2))], native: None };
    let from = Script::of(&[&schema], vec![half]);
    let (to, effects) = (InMemory::new(Decorated::BARE), Effects::default());
    let sink: Arc<dyn Connector> = Recorded::wrap(to.connector(), &effects, &Refusal::none());
    let error = failure(&copy_job(&from, &[&sink])).await;
    assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
    assert!(!effects.taken().contains("finish"));
    assert_eq!(to.rows("a"), None);
}
