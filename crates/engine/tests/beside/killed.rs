//! Killed at every step while a table is loaded beside the others (F01, F02, F03): nothing is lost, nothing comes twice, and
//! nothing of the side lane is left.

use syncline::job::step::Step;

use super::{PAIRS, Pair};

/// The table joins again each time, so that each death is one of a side lane: of its opening, load, catching up, or adoption.
#[test]
fn killed_at_every_step_of_a_side_lane() {
    // Nothing is added to these sinks.
    for (i, step) in Step::ALL.into_iter().filter(|step| *step != Step::Widened).enumerate() {
        // Each step on one pair of brands, all of them over the steps; the two that only a side lane has on every pair.
        let all = matches!(step, Step::CaughtUp | Step::Adopted);
        for brands in
            PAIRS.into_iter().enumerate().filter(|(n, _)| all || n % PAIRS.len() == i % PAIRS.len()).map(|(_, b)| b)
        {
            let pair = Pair::new(brands);
            pair.joins();
            let mut deaths = 0;
            for times in 1..=4 {
                let paused = pair.folder.paused_at(&["run", "live", "--quiet"], step.name(), times);
                let Some(paused) = paused else { break };
                deaths += 1;
                // The application goes on while it hangs and is dead.
                pair.changes(times);
                paused.kill();
                pair.sql(&format!(
                    "UPDATE t SET v = 'dead {times}' WHERE id % 11 = {times}; DELETE FROM t WHERE id = 500 + {times};"
                ));
                pair.arrives(&format!("{brands:?} {}:{times}", step.name()));
                // At the sink somebody's hand; the load makes it good.
                pair.to.sql("DELETE FROM t WHERE id > 1900;");
                pair.folder.syncline(&["resync", "live", "--table", "t"]).well();
            }
            assert!(deaths > 0, "{} is never reached", step.name());
            pair.arrives(&format!("{brands:?} {}", step.name()));
        }
    }
}

/// Dead again and again in one load, at later and later steps, without a run that goes well in between.
#[test]
fn killed_again_and_again_it_still_arrives() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let moments = [
            ("lane_taken", 2),
            ("source_opened", 2),
            ("batch_written", 1),
            ("batch_written", 3),
            ("unit_committed", 1),
            ("confirmed", 1),
            ("loaded", 2),
            ("caught_up", 1),
            ("lane_taken", 3),
            ("adopted", 1),
            ("source_opened", 1),
        ];
        for (n, (step, times)) in (1..).zip(moments) {
            let Some(paused) = pair.folder.paused_at(&["run", "live", "--quiet"], step, times) else { continue };
            pair.changes(n);
            paused.kill();
        }
        pair.arrives(&format!("{brands:?}"));
    }
}
