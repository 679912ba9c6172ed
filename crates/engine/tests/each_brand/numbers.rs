//! The numbers that give the order of changes: none is drawn ahead (F20), and none comes twice (F112).

use syncline_rig::Brand;

use super::{BRANDS, Source};
use crate::follow_postgres::sessions::Session;
use crate::support::binary::until_answer;
use crate::support::client::Client;
use crate::support::random::{Random, seed};
use crate::support::servers::{Database, private};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20)); INSERT INTO t VALUES (1, 'old')";

/// F20: where sessions draw numbers ahead, the second change of a row may have the lower one.
#[test]
fn numbers_that_are_drawn_ahead_are_refused() {
    let source = Source::new(Some(Brand::Postgres), TABLE);
    source.caught_up();
    let url = source.server.as_ref().unwrap().url();
    for (meddling, said) in
        [("CACHE 50", "draw numbers ahead"), ("INCREMENT -1 MINVALUE -1000", "do not rise"), ("RESTART 1", "went back")]
    {
        source.sql(&format!("ALTER SEQUENCE syncline_order {meddling}"));
        let (mut one, mut other) = (Session::new(&url), Session::new(&url));
        one.run("INSERT INTO t SELECT max(id) + 1, 'of the first' FROM t;");
        other.run("UPDATE t SET v = 'first' WHERE id = 1;");
        one.run("UPDATE t SET v = 'second' WHERE id = 1;");
        let shown = source.folder.syncline(&["install", "--dry-run"]).well().out;
        assert!(shown.contains(said), "{meddling}: {shown}");
        // The job may install: the sequence is mended, and the table is loaded again.
        source.caught_up();
        source.same("SELECT id, v FROM t ORDER BY id", meddling);
        assert_eq!(source.sql("SELECT seqcache, seqincrement, seqcycle FROM pg_sequence"), "1|1|f", "{meddling}");
        other.run("UPDATE t SET v = 'third' WHERE id = 1;");
        one.run("UPDATE t SET v = 'fourth' WHERE id = 1;");
        source.caught_up();
        source.same("SELECT id, v FROM t ORDER BY id", meddling);
    }
}

/// F20: a lane that follows notices it too, with the next change.
#[test]
fn numbers_that_are_drawn_ahead_stop_a_lane() {
    let source = Source::new(Some(Brand::Postgres), TABLE);
    source.caught_up();
    let running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
    source.sql("UPDATE t SET v = 'seen'");
    until_answer("seen", || source.folder.sql("b.db", "SELECT v FROM t"));
    source.sql("ALTER SEQUENCE syncline_order CACHE 50");
    source.sql("UPDATE t SET v = 'unordered'");
    let ended = running.ends().exits(4);
    assert!(ended.err.contains("draw numbers ahead") && ended.err.contains("syncline install"), "{}", ended.err);
    assert_eq!(source.folder.sql("b.db", "SELECT v FROM t"), "seen");
}

/// F20: sessions of a MariaDB server may count in steps of their own; the numbers rise all the same.
#[test]
fn numbers_of_sessions_that_count_in_steps_keep_the_order() {
    let mut random = Random(seed());
    let source = Source::new(Some(Brand::Mariadb), TABLE);
    source.caught_up();
    // A lane that confirms nothing, so that all that was read can be looked at.
    source.sql("INSERT INTO syncline_lane VALUES ('witness', 0, '[]')");
    let url = source.server.as_ref().unwrap().url();
    let mut sessions: Vec<Client> = (0..4).map(|_| Client::open(&url)).collect();
    for (session, (step, from)) in sessions.iter_mut().zip([(1, 1), (10, 7), (3, 2), (100, 60)]) {
        session.says(&format!("SET auto_increment_increment = {step}, auto_increment_offset = {from}"));
    }
    for n in 0..200 {
        let session = &mut sessions[usize::try_from(random.below(4)).unwrap()];
        session.says(&format!("UPDATE t SET v = '{n}' WHERE id = 1"));
        if n % 50 == 25 {
            source.caught_up();
        }
    }
    source.caught_up();
    source.same("SELECT id, v FROM t", "all");
    let chain = "SELECT COUNT(*), SUM(before_it <> o1) FROM (SELECT o1, LAG(n1) OVER (ORDER BY syncline_outbox.id) AS before_it \
         FROM syncline_log_1 JOIN syncline_outbox USING (id)) AS chain";
    assert_eq!(source.sql(chain), "200|0");
}

/// F112: all of it pruned, and the server restarted, by a crash too: what comes next has a higher number.
#[test]
fn no_number_comes_twice_after_a_restart() {
    for (brand, newest) in [
        (Brand::Postgres, "SELECT id, (SELECT count(*) FROM syncline_log_1) FROM syncline_log_1"),
        (Brand::Mariadb, "SELECT id, (SELECT count(*) FROM syncline_log_1) FROM syncline_outbox"),
    ] {
        let mut server = private(brand);
        let source = Source::on(Some(brand), Some(Database::on(server.address())), TABLE);
        source.caught_up();
        let mut last = 0;
        for round in 1..=4 {
            source.sql(&format!("INSERT INTO t VALUES (10 + {round}, 'new')"));
            let there = source.sql(newest);
            let (id, count) = there.split_once('|').unwrap();
            let id: u64 = id.parse().unwrap();
            assert!(id > last && count == "1", "{brand:?}, round {round}: {there} after {last}");
            last = id;
            source.caught_up();
            source.same("SELECT id, v FROM t ORDER BY id", "a restart");
            assert_eq!(source.sql("SELECT count(*) FROM syncline_log_1"), "0", "{brand:?}");
            if round % 2 == 0 {
                server.kill().unwrap()
            } else {
                server.stop().unwrap()
            }
            server.restart().unwrap();
        }
    }
}

/// The first row of all arrives, and the first one after a time in which there was nothing to carry: what is empty has no
/// place of its own that a lane could take for one.
#[test]
fn having_nothing_to_carry_loses_nothing() {
    for brand in BRANDS {
        let source = Source::new(brand, "CREATE TABLE t (id int PRIMARY KEY, v varchar(20))");
        for n in 0..4 {
            for _ in 0..3 {
                source.caught_up();
            }
            source.sql(&format!("INSERT INTO t VALUES ({n}, 'new')"));
            if n == 2 {
                source.sql("UPDATE t SET v = 'changed'");
            }
            source.caught_up();
            source.same("SELECT id, v FROM t ORDER BY id", "an idle time");
        }
    }
}

/// Changes come by their numbers, wherever their rows lie: a server moves a row that somebody touches to the end.
#[test]
fn where_a_change_lies_says_nothing_of_its_order() {
    let source = Source::new(Some(Brand::Postgres), TABLE);
    source.caught_up();
    for n in 0..20 {
        source.sql(&format!("UPDATE t SET v = '{n}'"));
    }
    for odd in [0, 1] {
        source.sql(&format!(
            "UPDATE syncline_log_1 SET by = by WHERE id % 2 = {odd} AND id < (SELECT max(id) FROM syncline_log_1)"
        ));
    }
    source.sql("VACUUM FULL syncline_log_1");
    assert_ne!(
        source.sql("SELECT string_agg(id::text, ' ' ORDER BY ctid) FROM syncline_log_1"),
        source.sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM syncline_log_1")
    );
    source.caught_up();
    source.same("SELECT id, v FROM t", "the last");
}

/// An operation that no trigger of ours writes stops the lane; it never passes for another.
#[test]
fn an_operation_that_does_not_exist_is_refused() {
    for brand in BRANDS {
        for op in ["u", "X", "K"] {
            let source = Source::new(brand, TABLE);
            source.caught_up();
            source.sql("UPDATE t SET v = 'new'");
            source.sql(&format!("UPDATE syncline_log_1 SET op = '{op}'"));
            let refused = source.run();
            assert_ne!(refused.code, Some(0), "{brand:?} {op}");
            assert!(refused.err.contains("operation that does not exist"), "{brand:?} {op}: {}", refused.err);
            assert_eq!(source.folder.sql("b.db", "SELECT v FROM t"), "old", "{brand:?} {op}");
            source.folder.syncline(&["resync", "live"]).well();
            source.caught_up();
            source.same("SELECT id, v FROM t", "resync");
        }
    }
}

/// Numbers, ticks and positions have 64 bits.
#[test]
fn change_numbers_have_64_bits() {
    for brand in BRANDS {
        let source = Source::new(brand, TABLE);
        source.caught_up();
        source.sql(match brand {
            // It has no entry there before its first change.
            None => "INSERT INTO sqlite_sequence VALUES ('syncline_outbox', 5000000000000)",
            Some(Brand::Postgres) => "SELECT setval('syncline_order', 5000000000000)",
            Some(Brand::Mariadb) => "ALTER TABLE syncline_outbox AUTO_INCREMENT = 5000000000001",
        });
        for n in 0..3 {
            source.sql(&format!("INSERT INTO t VALUES ({n} + 10, 'late'); UPDATE t SET v = '{n}' WHERE id = 1"));
            let high = source.sql("SELECT min(id) > 5000000000000 FROM syncline_log_1").replace('t', "1");
            assert_eq!(high, "1", "{brand:?} {n}");
            source.caught_up();
            source.same("SELECT id, v FROM t ORDER BY id", "late numbers");
        }
    }
}
