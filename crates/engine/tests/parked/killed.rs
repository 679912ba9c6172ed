//! Killed at every step while changes are set aside (F01, F02, F10): each is set aside exactly once, nothing is lost, and
//! nothing comes twice.

use syncline::job::step::Step;

use super::{heal, parking, same};

const CHECKED: &str = "(id INTEGER PRIMARY KEY, v CHECK (v < 1000))";
const FREE: &str = "(id INTEGER PRIMARY KEY, v)";

#[test]
fn killed_at_every_step() {
    for step in Step::ALL {
        let folder = parking(
            &format!("CREATE TABLE t {FREE}; INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)"),
            &format!("CREATE TABLE t {CHECKED}"),
        );
        for times in 1..=6 {
            folder.sql(
                "a.db",
                &format!(
                    "UPDATE t SET v = v + 1; UPDATE t SET v = 1000 + {times} WHERE id = 2; INSERT INTO t VALUES (10 + {times}, {times});
                     INSERT INTO t VALUES (20 + {times}, 2000); UPDATE t SET v = 20 WHERE id = 20 + {times}; DELETE FROM t WHERE id = 9 + {times}"
                ),
            );
            let Some(paused) = folder.paused_or_ended(&["run", "live"], (step.name(), times), &[0, 4]) else { break };
            paused.kill();
        }
        let ran = folder.syncline(&["run", "live"]);
        assert!(matches!(ran.code, Some(0 | 4)), "{}: {ran:?}", step.name());
        // Of what is not held every change is there.
        let free = "SELECT * FROM t WHERE id NOT IN (2, 21, 22, 23, 24, 25, 26) ORDER BY id";
        assert_eq!(folder.sql("b.db", free), folder.sql("a.db", free), "{}", step.name());
        let captured: u32 =
            folder.sql("a.db", "SELECT seq FROM sqlite_sequence WHERE name = 'syncline_outbox'").parse().unwrap();
        let parked: u32 = folder.sql("b.db", "SELECT count(DISTINCT ord) FROM syncline_parked").parse().unwrap();
        assert!(parked > 0 && parked < captured);
        // And of what is held too, in its order: nothing is missing.
        heal(&folder, "t", FREE);
        folder.syncline(&["parked", "retry", "live"]).well();
        same(&folder, "t");
    }
}

/// A retry that dies has applied all of a row's changes or none.
#[test]
fn a_retry_that_is_killed_is_all_or_nothing() {
    let folder = parking(&format!("CREATE TABLE t {FREE}"), &format!("CREATE TABLE t {CHECKED}"));
    folder.sql("a.db", "INSERT INTO t VALUES (1, 1000), (2, 1000); UPDATE t SET v = v + 1; UPDATE t SET v = 5");
    super::parks(&folder);
    heal(&folder, "t", FREE);
    for times in 1..=2 {
        let Some(paused) = folder.paused_or_ended(&["parked", "retry", "live"], ("batch_written", times), &[0]) else {
            break;
        };
        let rows = folder.sql("b.db", "SELECT count(*), count(*) * 3 + (SELECT count(*) FROM syncline_parked) FROM t");
        paused.kill();
        let after = folder.sql("b.db", "SELECT count(*), count(*) * 3 + (SELECT count(*) FROM syncline_parked) FROM t");
        assert_eq!(rows, after);
        assert!(after.ends_with("|6"), "{after}");
    }
    folder.syncline(&["parked", "retry", "live"]).well();
    same(&folder, "t");
    assert_eq!(super::aside(&folder), "");
}
