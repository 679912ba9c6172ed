//! While a table is loaded the others go on, and what happens to it meanwhile is not lost.

use syncline_rig::Brand;

use super::{PAIRS, Pair};
use crate::support::binary::until;
use crate::support::client::Client;
use crate::support::servers::Database;

/// How many rows of `t` the sink shows; none if there is no such table yet.
fn seen(pair: &Pair) -> String {
    let schema = if pair.to.url().starts_with("postgres") { "current_schema()" } else { "DATABASE()" };
    let there =
        format!("SELECT count(*) FROM information_schema.tables WHERE table_name = 't' AND table_schema = {schema};");
    if pair.to.sql(&there) == "0" { "0".into() } else { pair.to.sql("SELECT count(*) FROM t;") }
}

/// In the middle of the load a change of another table arrives; after it died there, all goes on.
#[test]
fn the_others_go_on_while_a_table_joins() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let paused = pair.folder.paused_at(&["run", "live", "--follow", "--quiet"], "batch_written", 2).unwrap();
        pair.sql("INSERT INTO u VALUES (2, 'meanwhile');");
        until("the change of another table", || pair.to.sql("SELECT count(*) FROM u WHERE id = 2;") == "1");
        assert_eq!(seen(&pair), "0", "{brands:?}: the load is not committed");
        pair.changes(3);
        until("the next one", || pair.to.sql("SELECT count(*) FROM u WHERE id = 1003;") == "1");
        let status = pair.folder.syncline(&["status", "b"]).well().out;
        assert!(status.contains("loads beside"), "{status}");
        paused.kill();
        pair.arrives(&format!("{brands:?}"));
    }
}

/// The same process loads, adopts and follows; of a table that is emptied meanwhile nothing comes back.
#[test]
fn a_table_that_joins_is_followed_by_the_same_process() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        for n in 0..6 {
            pair.changes(n);
        }
        pair.sql(if brands.0 == Some(Brand::Postgres) { "TRUNCATE t;" } else { "DELETE FROM t;" });
        pair.sql("INSERT INTO t VALUES (1, 'after'), (2, 'after');");
        until("the end", || seen(&pair) == "2");
        pair.sql("INSERT INTO t VALUES (3, 'followed'); INSERT INTO u VALUES (3, 'followed');");
        until("a change after the load", || seen(&pair) == "3");
        until("the end of the side lane", || pair.to.sql("SELECT count(*) FROM syncline_position;") == "1");
        running.signal("TERM");
        running.ends().well();
        pair.is_alone(&format!("{brands:?}"));
        pair.arrives(&format!("{brands:?}"));
    }
}

/// A table is loaded again beside the others: rows that the sink should not have go, and the sink shows the old rows until then.
#[test]
fn the_others_go_on_while_a_table_is_loaded_again() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        pair.arrives("first");
        pair.to.sql("DELETE FROM t WHERE id < 100; INSERT INTO t VALUES (-7, 'strange');");
        pair.folder.syncline(&["resync", "live", "--table", "t"]).well();
        let before = seen(&pair);
        let paused = pair.folder.paused_at(&["run", "live", "--follow", "--quiet"], "batch_written", 2).unwrap();
        pair.sql("INSERT INTO u VALUES (2, 'meanwhile');");
        until("the change of another table", || pair.to.sql("SELECT count(*) FROM u WHERE id = 2;") == "1");
        assert_eq!(seen(&pair), before, "{brands:?}");
        pair.changes(4);
        paused.kill();
        pair.arrives(&format!("{brands:?}"));
        assert_eq!(pair.to.sql("SELECT count(*) FROM t WHERE id = -7;"), "0");
    }
}

/// `resync` of a job that runs: it goes on, and loads the table at its next change.
#[test]
fn a_table_is_loaded_again_while_the_job_runs() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        pair.arrives("first");
        let mut running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        pair.sql("INSERT INTO u VALUES (2, 'runs');");
        until("a change", || pair.to.sql("SELECT count(*) FROM u WHERE id = 2;") == "1");
        pair.to.sql("INSERT INTO t VALUES (-7, 'strange');");
        pair.folder.syncline(&["resync", "live", "--table", "t"]).well();
        pair.sql("INSERT INTO u VALUES (3, 'wakes it');");
        until("the table anew", || pair.to.sql("SELECT count(*) FROM t WHERE id = -7;") == "0");
        pair.changes(5);
        until("what came after", || pair.to.sql("SELECT count(*) FROM t WHERE v = 'new';") == "1");
        until("the end of the side lane", || pair.to.sql("SELECT count(*) FROM syncline_position;") == "1");
        running.goes_on();
        running.signal("TERM");
        running.ends().well();
        pair.arrives(&format!("{brands:?}"));
    }
}

/// Rules that change load a table again; should they change back in the middle, the table is not what it was before.
#[test]
fn rules_that_change_back_do_not_bring_an_old_place_back() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        pair.arrives("first");
        pair.job("{u: {}, t: {where: 'id > 1000'}}", "");
        // Dead between the end of the load and its adoption.
        pair.folder.paused_at(&["run", "live", "--quiet"], "caught_up", 1).unwrap().kill();
        assert_eq!(seen(&pair), "1000", "{brands:?}");
        pair.joins();
        pair.arrives(&format!("{brands:?}"));
    }
}

/// Two tables at once, one of which refers to the other, into three brands; SQLite loads them in the lane itself.
#[test]
fn two_tables_join_at_three_sinks() {
    for brand in [Brand::Postgres, Brand::Mariadb] {
        let pair = Pair::new((Some(brand), Brand::Postgres));
        let mariadb = Database::mariadb();
        pair.sql(
            "CREATE TABLE child (id INTEGER PRIMARY KEY, t_id INTEGER NOT NULL, u_id INTEGER NOT NULL, \
             FOREIGN KEY (t_id) REFERENCES t (id), FOREIGN KEY (u_id) REFERENCES u (id)); \
             INSERT INTO child SELECT id, id, 1 FROM t;",
        );
        let yaml = |tables: &str| {
            let (from, to) = (pair.from.as_ref().unwrap().url(), pair.to.url());
            pair.folder.write(
                "syncline.yaml",
                &format!(
                    "version: 1\nconnections: {{a: '{from}', b: '{to}', m: '{}', s: 'sqlite:s.db'}}\njobs: {{live: {{from: a, \
                     to: [b, m, s], capture: trigger, install: auto, batch_bytes_max: 4 KiB, tables: {tables}}}}}\n",
                    mariadb.url()
                ),
            );
        };
        yaml("{u: {}}");
        pair.folder.syncline(&["run", "live", "--quiet"]).well();
        yaml("{u: {}, t: {}, child: {}}");
        let running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        for n in 0..20 {
            pair.sql(&format!(
                "INSERT INTO u VALUES (5000 + {n}, 'parent'); INSERT INTO t VALUES (200000 + {n}, 'parent'); \
                 INSERT INTO child VALUES (200000 + {n}, 200000 + {n}, 5000 + {n}); DELETE FROM child WHERE id = {n}; UPDATE child SET u_id = 5000 WHERE id = 100 + {n};"
            ));
        }
        let last = "SELECT count(*) FROM child WHERE id = 200019;";
        for sink in [&pair.to, &mariadb] {
            until("the last change", || {
                let schema = if sink.url().starts_with("postgres") { "current_schema()" } else { "DATABASE()" };
                let there =
                    "SELECT count(*) FROM information_schema.tables WHERE table_name = 'child' AND table_schema =";
                sink.sql(&format!("{there} {schema};")) == "1" && sink.sql(last) == "1"
            });
        }
        running.signal("TERM");
        running.ends().well();
        pair.folder.syncline(&["run", "live", "--quiet"]).well();
        for sink in ["b", "m", "s"] {
            let ran = pair.folder.syncline(&["compare", "a", sink, "--table", "t", "--table", "u", "--table", "child"]);
            assert_eq!(ran.code, Some(0), "{brand:?} {sink}: {}{}", ran.out, ran.err);
        }
        // What was put off was built, by the side lane or by the one that adopted.
        let keys = "SELECT count(*) FROM information_schema.table_constraints \
            WHERE table_name = 'child' AND constraint_type = 'FOREIGN KEY' AND table_schema = ";
        assert_eq!(pair.to.sql(&format!("{keys}current_schema();")), "2", "{brand:?}");
        assert_eq!(mariadb.sql(&format!("{keys}DATABASE();")), "2", "{brand:?}");
        assert_eq!(pair.sql("SELECT count(*) FROM syncline_lane;"), "3", "{brand:?}");
    }
}

/// Somebody holds the table at the sink: its load waits, the others do not.
#[test]
fn a_load_that_waits_for_a_lock_holds_nobody() {
    for brands in PAIRS.into_iter().filter(|brands| brands.1 == Brand::Mariadb) {
        let pair = Pair::new(brands);
        pair.to.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(40));");
        pair.joins();
        let mut holder = Client::open(&pair.to.url());
        holder.says("LOCK TABLES t WRITE");
        let running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        pair.changes(2);
        until("the change of another table", || pair.to.sql("SELECT count(*) FROM u WHERE id = 1002;") == "1");
        pair.sql("INSERT INTO u VALUES (2, 'still');");
        until("the next one", || pair.to.sql("SELECT count(*) FROM u WHERE id = 2;") == "1");
        holder.says("UNLOCK TABLES");
        until("the load", || seen(&pair) != "0");
        running.signal("TERM");
        running.ends();
        pair.arrives(&format!("{brands:?}"));
    }
}
