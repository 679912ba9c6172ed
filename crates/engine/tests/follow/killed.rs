//! Killed at every step while it follows (F01, F02, F10): nothing is lost and nothing comes twice.

use syncline::job::step::Step;

use super::{caught_up, followed, same};

#[test]
fn killed_at_every_step() {
    for step in Step::ALL {
        let folder = followed(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (n INTEGER PRIMARY KEY, what TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t SELECT i, 'old' FROM n",
        );
        for times in 1..=4 {
            let Some(paused) = folder.paused_at(&["run", "live"], step.name(), times) else { break };
            // The application goes on while it hangs and is dead.
            folder.sql(
                "a.db",
                &format!(
                    "UPDATE t SET v = 'during {times}' WHERE id % 3 = 0; INSERT INTO log (what) VALUES ('{times}')"
                ),
            );
            paused.kill();
            folder.sql(
                "a.db",
                &format!("UPDATE t SET id = -id WHERE id % 50 = {times}; DELETE FROM t WHERE id % 70 = {times}"),
            );
        }
        caught_up(&folder);
        same(&folder, &["t", "log"]);
    }
}

/// Whenever it is asked to end, it ends: before it listens, while it looks at both ends, between that and its first lane.
#[test]
fn asked_to_end_while_it_begins() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let mut listened = 0;
    for ms in (0..120).step_by(3) {
        let running = folder.started(&["run", "--follow", "--quiet"]);
        std::thread::sleep(std::time::Duration::from_millis(ms));
        running.signal("TERM");
        let ended = running.ends_within(std::time::Duration::from_secs(60));
        listened += u32::from(ended.code == Some(0));
        assert!(ended.code == Some(0) || ended.signal == Some(15), "after {ms} ms: {ended:?}");
    }
    assert!(listened > 0);
}
