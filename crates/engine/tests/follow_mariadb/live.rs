//! A lane that follows while the application goes on.

use std::thread;

use syncline::job::step::Step;
use syncline_rig::Brand;

use super::{Pair, rows};
use crate::support::binary::{Running, until};
use crate::support::client::Client;
use crate::support::servers::{Database, private};

/// Writers that sleep before they commit, take back a fifth of what they do, and change keys of each other.
const WRITERS: &str = "
CREATE TABLE t (k int PRIMARY KEY, n int NOT NULL); INSERT INTO t SELECT seq, 0 FROM seq_1_to_12;
DELIMITER //
CREATE PROCEDURE once(one int, other int) BEGIN
  DECLARE EXIT HANDLER FOR 1213, 1205 ROLLBACK;
  START TRANSACTION;
  UPDATE t SET n = n + 1 WHERE k = one;
  IF RAND() < 0.5 THEN UPDATE t SET n = n + 1 WHERE k = other; END IF;
  DO SLEEP(RAND() * RAND() * 0.03);
  IF RAND() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
END //
CREATE PROCEDURE write_it(times int) BEGIN REPEAT CALL once(1 + FLOOR(RAND() * 12), 1 + FLOOR(RAND() * 12)); SET times = times - 1; UNTIL times = 0 END REPEAT; END //
DELIMITER ";

fn seed() -> u64 {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    eprintln!("seed {seed}");
    seed
}

fn following(pair: &Pair) -> Running {
    pair.folder.started(&["run", "live", "--follow"])
}

fn ended(running: Running) {
    running.signal("INT");
    running.ends().exits(0);
}

/// F16, F17: sixteen writers; behind each other's ticks the changes of each key are a chain of what was before and after.
#[test]
fn sixteen_writers_keep_the_order_of_every_key() {
    let seed = seed();
    let pair = Pair::new(WRITERS);
    pair.caught_up();
    // A lane that confirms nothing, so that all that was read can be looked at.
    pair.from.sql("INSERT INTO syncline_lane VALUES ('witness', 0, '[]');");
    let running = following(&pair);
    thread::scope(|scope| {
        for writer in 0..16 {
            let mut session = pair.session();
            scope.spawn(move || {
                session.says(&format!(
                    "SET rand_seed1 = {}, rand_seed2 = {}; CALL write_it(40)",
                    (seed + writer) % 1_000_000_007,
                    seed % 998_244_353
                ));
            });
        }
    });
    until("the last change", || rows(&pair.to.url(), "t") == rows(&pair.from.url(), "t"));
    ended(running);
    let broken = "SELECT COUNT(*), SUM(before_it <> o1), COUNT(DISTINCT tick) > 20 FROM (SELECT o1, tick, LAG(n1) OVER \
         (PARTITION BY o0 ORDER BY tick, syncline_outbox.id) AS before_it FROM syncline_log_1 JOIN syncline_outbox USING (id)) AS chain;";
    let all = pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;");
    assert_eq!(pair.from.sql(broken), format!("{all}|0|1"));
}

/// I3: money goes from one account to another, within a table and between two, and a reader of the sink always sees all of
/// it; also while the tables are loaded.
#[test]
fn the_sink_is_never_in_a_state_that_the_source_had_not() {
    let seed = seed();
    let pair = Pair::new(
        "CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL, filler text); CREATE TABLE b LIKE a; CREATE TABLE stop (id int PRIMARY KEY);
         INSERT INTO a SELECT seq, 100, REPEAT('x', 500) FROM seq_1_to_500; INSERT INTO b SELECT * FROM a;
         DELIMITER //
         CREATE PROCEDURE pay_once(one int, other int) BEGIN
           DECLARE EXIT HANDLER FOR 1213, 1205 ROLLBACK;
           START TRANSACTION;
           UPDATE a SET v = v - 1 WHERE id = one;
           UPDATE b SET v = v + 1 WHERE id = other;
           COMMIT;
         END //
         CREATE PROCEDURE pay() BEGIN REPEAT CALL pay_once(1 + FLOOR(RAND() * 500), 1 + FLOOR(RAND() * 500)); UNTIL (SELECT COUNT(*) FROM stop) END REPEAT; END //
         DELIMITER ",
    );
    // A routine that runs while a trigger is made may be told of a missing table by this server.
    pair.folder.syncline(&["install", "live"]).well();
    let mut payers: Vec<Client> = (0..3).map(|_| pair.session()).collect();
    for (n, payer) in payers.iter_mut().enumerate() {
        payer.begins(&format!("SET rand_seed1 = {}, rand_seed2 = {n}; CALL pay()", seed % 998_244_353));
    }
    let running = following(&pair);
    let there = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('a', 'b', 'stop');";
    until("the sink's tables", || pair.to.sql(there) == "3");
    let mut reader = Client::open(&pair.to.url());
    let mut sums = || {
        reader.says("SELECT (SELECT COUNT(*) FROM a) + (SELECT COUNT(*) FROM b), (SELECT SUM(v) FROM a) + (SELECT SUM(v) FROM b)")
    };
    until("all accounts", || sums().starts_with("1000|"));
    for _ in 0..300 {
        assert_eq!(sums(), "1000|100000");
    }
    pair.from.sql("INSERT INTO stop VALUES (1);");
    payers.iter_mut().for_each(|payer| drop(payer.ended()));
    until("the last change", || pair.to.sql("SELECT COUNT(*) FROM stop;") == "1");
    ended(running);
    pair.same(&["a", "b"], "all");
}

/// F01, F02: killed at every step, nothing is lost and nothing comes twice.
#[test]
fn killed_at_every_step() {
    for step in Step::ALL {
        let pair = Pair::new(
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); CREATE TABLE log (n int AUTO_INCREMENT PRIMARY KEY, what text);
             INSERT INTO t SELECT seq, 'old' FROM seq_1_to_300",
        );
        for times in 1..=3 {
            let Some(paused) = pair.folder.paused_at(&["run", "live"], step.name(), times) else { break };
            // The application goes on while it hangs and is dead.
            pair.from.sql(&format!(
                "UPDATE t SET v = 'during {times}' WHERE id % 3 = 0; INSERT INTO log (what) VALUES ('{times}');"
            ));
            paused.kill();
            pair.from
                .sql(&format!("UPDATE t SET id = -id WHERE id % 50 = {times}; DELETE FROM t WHERE id % 70 = {times};"));
        }
        pair.caught_up();
        pair.same(&["t", "log"], step.name());
    }
}

/// A source that is killed and comes back is gone on with, by the same process.
#[test]
fn a_server_that_restarts_is_waited_for() {
    let mut server = private(Brand::Mariadb);
    let pair = Pair::of(
        Database::on(server.address()),
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v int); INSERT INTO t (v) VALUES (1)",
    );
    let running = following(&pair);
    until("the snapshot", || {
        pair.to.sql("SHOW TABLES LIKE 't';") == "t" && pair.to.sql("SELECT COUNT(*) FROM t;") == "1"
    });
    for down in [syncline_rig::Server::kill, syncline_rig::Server::stop] {
        pair.from.sql("INSERT INTO t (v) SELECT seq FROM seq_1_to_500;");
        down(&mut server).unwrap();
        server.restart().unwrap();
        pair.from.sql("UPDATE t SET v = v + 1; INSERT INTO t (v) VALUES (7);");
        until("what was changed", || rows(&pair.to.url(), "t") == rows(&pair.from.url(), "t"));
    }
    ended(running);
}

/// An idle lane writes nothing, neither at the source nor at the sink.
#[test]
fn an_idle_lane_writes_nothing() {
    let server = private(Brand::Mariadb);
    let mut pair =
        Pair::of(Database::on(server.address()), "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    pair.to = Database::on(server.address());
    pair.job("capture: trigger, install: auto");
    let running = following(&pair);
    until("the snapshot", || {
        pair.to.sql("SHOW TABLES LIKE 't';") == "t" && pair.to.sql("SELECT COUNT(*) FROM t;") == "1"
    });
    pair.from.sql("INSERT INTO t VALUES (2);");
    until("the change", || pair.to.sql("SELECT COUNT(*) FROM t;") == "2");
    until("what was confirmed", || pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;") == "0");
    let polls = || {
        pair.from.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute';").split('|').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let written = || pair.from.sql("SHOW MASTER STATUS;");
    // The last confirmation may still be under way.
    let (mut calm, mut looked) = (written(), polls());
    until("a calm while", || {
        let many = polls() > looked + 40;
        let same = written() == calm;
        if !same {
            (calm, looked) = (written(), polls());
        }
        many && same
    });
    ended(running);
}

/// F88: what happens to a captured table while it is followed is noticed, and the next run loads the table again.
#[test]
fn a_table_that_is_altered_is_noticed() {
    for (alter, at_sink) in [
        ("ALTER TABLE t ADD COLUMN w int DEFAULT 7", "ALTER TABLE t ADD COLUMN w int"),
        ("ALTER TABLE t MODIFY v varchar(200)", "ALTER TABLE t MODIFY v varchar(200)"),
        ("DROP TRIGGER syncline_1_update", "DO 1"),
        ("ALTER TABLE t CHANGE v renamed varchar(20)", "ALTER TABLE t CHANGE v renamed varchar(20)"),
        ("ALTER TABLE t DROP COLUMN v", "ALTER TABLE t DROP COLUMN v"),
    ] {
        let pair = Pair::new(
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n int); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
        );
        let running = following(&pair);
        until("the snapshot", || {
            pair.to.sql("SHOW TABLES LIKE 't';") == "t" && pair.to.sql("SELECT COUNT(*) FROM t;") == "2"
        });
        pair.from.sql(&format!("{alter};"));
        let stopped = running.ends();
        assert_eq!(stopped.code, Some(4), "{alter}: {stopped:?}");
        assert!(stopped.err.contains("syncline install"), "{alter}: {}", stopped.err);
        pair.to.sql(&format!("{at_sink};"));
        // Captured anew, so that the application can write again, and loaded again.
        pair.folder.syncline(&["install", "live"]).well();
        pair.from.sql("UPDATE t SET n = n + 10; DELETE FROM t WHERE id = 2;");
        pair.caught_up();
        pair.same(&["t"], alter);
    }
}
