//! Killed at every step while it follows (F01, F02): nothing is lost and nothing comes twice.

use syncline::job::step::Step;
use syncline_rig::Brand;

use super::Followed;
use crate::support::servers::{Database, private};

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text); \
    INSERT INTO t SELECT i, 'old' FROM generate_series(1, 300) i;";

#[test]
fn killed_at_every_step() {
    for step in Step::ALL {
        let f = Followed::new(TABLES);
        for times in 1..=3 {
            let Some(paused) = f.folder.paused_at(&["run", "live"], step.name(), times) else { break };
            // The application goes on while it hangs and is dead.
            f.from.sql(&format!(
                "UPDATE t SET v = 'during {times}' WHERE id % 3 = 0; INSERT INTO log (what) VALUES ('{times}');"
            ));
            paused.kill();
            f.from
                .sql(&format!("UPDATE t SET id = -id WHERE id % 50 = {times}; DELETE FROM t WHERE id % 70 = {times};"));
        }
        f.arrives(&["t", "log"]);
    }
}

/// The source goes away in the middle, again and again; the same process goes on.
#[test]
fn the_source_is_restarted_while_it_is_followed() {
    let mut server = private(Brand::Postgres);
    let f = Followed::between(Database::on(server.address()), Database::postgres(), TABLES);
    f.caught_up();
    let mut running = f.folder.started(&["run", "live", "--follow"]);
    for i in 0..3 {
        f.from.sql(&format!(
            "UPDATE t SET v = 'round {i}' WHERE id % 2 = {i} % 2; INSERT INTO log (what) VALUES ('{i}');"
        ));
        if i % 2 == 0 {
            server.kill().unwrap()
        } else {
            server.stop().unwrap()
        }
        server.restart().unwrap();
        f.from.sql(&format!("DELETE FROM t WHERE id = {i} + 1;"));
    }
    running.until_answer("297", || f.to.sql("SELECT count(*) FROM t;"));
    running.signal("TERM");
    running.ends();
    f.arrives(&["t", "log"]);
}
