//! Killed at every named step, every time it is reached (F01, F02).

use syncline::job::step::Step;

use super::{JOB, TABLES, ends_well, old_sink, remove_sink, whole, workshop};

/// Kills at each occurrence of a step until the job gets through; gives how often it was reached.
fn kill_at_each(step: Step, mode: &str) -> u32 {
    let folder = workshop(200, mode);
    for times in 1.. {
        if mode == "truncate" {
            old_sink(&folder)
        } else {
            remove_sink(&folder)
        }
        let Some(paused) = folder.paused_at(&[JOB], step.name(), times) else { return times - 1 };
        paused.kill();
        let what = format!("{mode}, killed at {}:{times}", step.name());
        let new = whole(&folder, &what);
        match step {
            Step::LaneTaken | Step::SourceOpened => assert_eq!(new, 0, "{what}: too early"),
            // What is committed is durable: as many tables are new as units were committed (I2).
            Step::UnitCommitted | Step::Confirmed => assert!(new >= times as usize, "{what}: {new} tables are new"),
            Step::Finished => assert_eq!(new, TABLES, "{what}"),
            Step::BatchRead | Step::UnitBegun | Step::BatchWritten => {}
            Step::Loaded | Step::CaughtUp | Step::Adopted | Step::Widened => unreachable!("{what}"),
        }
        ends_well(&folder, &what);
    }
    unreachable!()
}

/// Every step is reached at least so often, so that none of these tests kills nothing.
fn every_step(mode: &str) {
    // A copy's source ends; it never says that changes follow, and its sink is given nothing.
    let of_copies = |step: &Step| !matches!(step, Step::Loaded | Step::CaughtUp | Step::Adopted | Step::Widened);
    for step in Step::ALL.into_iter().filter(of_copies) {
        let least = match step {
            Step::LaneTaken | Step::SourceOpened | Step::Finished => 1,
            Step::UnitBegun | Step::UnitCommitted | Step::Confirmed => TABLES,
            // Three tables take several batches each.
            Step::BatchRead | Step::BatchWritten => TABLES + 3,
            Step::Loaded | Step::CaughtUp | Step::Adopted | Step::Widened => unreachable!("{}", step.name()),
        };
        let reached = kill_at_each(step, mode);
        assert!(reached as usize >= least, "{} was reached only {reached} times", step.name());
    }
}

#[test]
fn killed_at_any_step_of_a_first_copy() {
    every_step("upsert");
}

#[test]
fn killed_at_any_step_of_a_replacement() {
    every_step("truncate");
}

#[test]
fn killed_again_and_again_it_still_arrives() {
    let folder = workshop(200, "truncate");
    let mut deaths = 0;
    // Each run gets a little further than the one before and dies.
    while let Some(paused) = folder.paused_at(&[JOB], Step::UnitCommitted.name(), 1) {
        paused.kill();
        deaths += 1;
        assert!(whole(&folder, "killed after one more table") >= deaths, "nothing was won");
        assert!(deaths <= TABLES, "it starts over each time");
    }
    assert_eq!(deaths, TABLES);
    ends_well(&folder, "killed after each table");
}

#[test]
fn a_killed_copy_can_be_looked_at() {
    let folder = workshop(60_000, "truncate");
    let size = || folder.path("sink.db").metadata().unwrap().len();
    let before = size();
    // Far into a unit: rows have left the cache, and only the journal beside the sink can take them back.
    let paused = folder.paused_at(&[JOB], Step::BatchWritten.name(), 600).unwrap();
    paused.kill();
    assert!(size() > before && folder.path("sink.db-journal").exists(), "not far enough to need the journal");
    let status = folder.syncline(&["status"]).well();
    assert!(status.out.contains("→ sink\n"), "{}", status.out);
    folder.syncline(&["check", "sink"]).well();
    folder.syncline(&["compare", "old.db", "sink.db"]).well();
    ends_well(&folder, "looked at in between");
}
