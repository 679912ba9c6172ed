//! Columns that come, go and change their names: the sink is given them, and the job goes on.

use super::{End, FILE, MARIADB, Of, POSTGRES, Pair};
use crate::support::binary::until;

const TABLES: &str =
    "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(40), w int); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);
     CREATE TABLE u (id int NOT NULL PRIMARY KEY, v varchar(40)); INSERT INTO u VALUES (1, 'a');";

const PAIRS: [(Of, Of); 6] =
    [(FILE, FILE), (POSTGRES, POSTGRES), (MARIADB, MARIADB), (FILE, MARIADB), (MARIADB, POSTGRES), (POSTGRES, FILE)];

/// While it follows, and the application never fails: not where a column is only added.
#[test]
fn a_column_that_is_added_arrives_while_the_job_follows() {
    for brands in PAIRS {
        let pair = Pair::new(brands, TABLES);
        let mut running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
        let mut arrives = |what: &str, sql: &str| {
            until(what, || {
                running.goes_on();
                pair.to.columns(&pair.folder, "t").contains(sql.split_once(':').map_or("id", |(column, _)| column))
                    && pair.sink(sql.split_once(':').map_or(sql, |(_, sql)| sql)) == "1"
            });
        };
        until("the load", || !pair.to.columns(&pair.folder, "u").is_empty());
        arrives("the load", "SELECT count(*) FROM u;");
        pair.source("UPDATE t SET v = 'before' WHERE id = 1;");
        pair.source("ALTER TABLE t ADD COLUMN x varchar(20); UPDATE t SET x = 'new' WHERE id = 2;");
        pair.source("INSERT INTO t VALUES (3, 'c', 3, 'three'); UPDATE u SET v = 'beside';");
        arrives("the new column", "x:SELECT count(*) FROM t WHERE id = 3 AND x = 'three';");
        arrives("what is beside", "SELECT count(*) FROM u WHERE v = 'beside';");
        pair.source("ALTER TABLE t ADD COLUMN y int DEFAULT 7;");
        arrives("the second one", "y:SELECT count(*) FROM t WHERE id = 1 AND y = 7;");
        pair.source("UPDATE t SET y = 8, x = 'again' WHERE id = 3;");
        arrives("what follows it", "y:SELECT count(*) FROM t WHERE y = 8 AND x = 'again';");
        running.signal("TERM");
        running.ends().well();
        let (from, to) = pair.rows("t");
        assert_eq!(to, from, "{brands:?}");
    }
}

/// A column that is gone stays at the sink and is not written any more; one of a new name is another one.
#[test]
fn columns_that_are_gone_stay_at_the_sink() {
    for brands in PAIRS {
        let pair = Pair::new(brands, TABLES);
        pair.run().well();
        pair.source("ALTER TABLE t RENAME COLUMN v TO vv;");
        pair.arrives("t", &format!("{brands:?}: renamed"));
        pair.source("UPDATE t SET vv = 'after' WHERE id = 1;");
        pair.arrives("t", &format!("{brands:?}: after it was renamed"));
        // A trigger names the column, and SQLite alters no such table.
        if brands.0 != FILE {
            pair.source("ALTER TABLE t DROP COLUMN w;");
            pair.arrives("t", &format!("{brands:?}: dropped"));
        }
        let there = pair.to.columns(&pair.folder, "t");
        assert!(there.starts_with("id, v, w") && there.contains("vv"), "{brands:?}: {there}");
    }
}

/// `plan` shows what would be run, and changes nothing; the type is the one that creating the table gives.
#[test]
fn the_plan_shows_the_statement() {
    for (brands, statement) in [
        ((FILE, FILE), r#"ALTER TABLE "t" ADD COLUMN "w" INT;"#),
        ((MARIADB, FILE), r#"ALTER TABLE "t" ADD COLUMN "w" INT4;"#),
        ((POSTGRES, POSTGRES), r#"ALTER TABLE "t" ADD COLUMN IF NOT EXISTS "w" integer;"#),
        ((FILE, POSTGRES), r#"ALTER TABLE "t" ADD COLUMN IF NOT EXISTS "w" bigint;"#),
        ((MARIADB, MARIADB), "ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `w` int(11) NULL;"),
        ((POSTGRES, MARIADB), "ALTER TABLE `t` ADD COLUMN IF NOT EXISTS `w` int NULL;"),
    ] {
        let pair = Pair::new(brands, TABLES);
        pair.sink("CREATE TABLE t (id int PRIMARY KEY, v varchar(40)); INSERT INTO t VALUES (9, 'own');");
        let plan = pair.folder.syncline(&["plan", "live"]).well().out;
        assert!(plan.contains(statement), "{brands:?}: {plan}");
        assert!(plan.contains("note: t: column w is added at the sink, and the table is loaded again"), "{plan}");
        assert_eq!(pair.to.columns(&pair.folder, "t"), "id, v", "{brands:?}");
        pair.run().well();
        assert_eq!(pair.sink("SELECT id, v, w FROM t WHERE id < 9 ORDER BY id;"), "1|a|1\n2|b|2", "{brands:?}");
        pair.job("install: auto");
        pair.sink("ALTER TABLE t DROP COLUMN w;");
        assert!(pair.run().exits(1).err.contains("the sink has no column w"), "{brands:?}: without being asked");
    }
}

/// Names, types and what is left out are those of the rules, at a sink that had the table before.
#[test]
fn rules_decide_what_is_added() {
    for brands in PAIRS {
        let pair = Pair::new(brands, TABLES);
        pair.job(
            "install: auto, schema: add_columns, tables: {t: {to: s, columns: {w: amount, x: extra}, exclude: [v]}}",
        );
        pair.source("ALTER TABLE t ADD COLUMN x int DEFAULT 5;");
        pair.sink("CREATE TABLE s (id int PRIMARY KEY);");
        pair.run().well();
        assert_eq!(pair.to.columns(&pair.folder, "s"), "id, amount, extra", "{brands:?}");
        assert_eq!(pair.sink("SELECT id, amount, extra FROM s ORDER BY id;"), "1|1|5\n2|2|5", "{brands:?}");
    }
}

/// What the sink's user took away is added again, and filled: never a column of nothing beside rows that are followed.
#[test]
fn a_column_that_is_gone_at_the_sink_is_loaded_again() {
    for brands in PAIRS {
        let pair = Pair::new(brands, TABLES);
        pair.run().well();
        pair.sink("ALTER TABLE t DROP COLUMN w;");
        pair.arrives("t", &format!("{brands:?}"));
        // Dead between the column and its load.
        pair.sink("ALTER TABLE t DROP COLUMN w;");
        let paused = pair.folder.paused_at(&["run", "live", "--quiet"], "widened", 1).expect("a column to be added");
        paused.kill();
        pair.arrives("t", &format!("{brands:?}: killed"));
    }
}

/// Both ends were altered by hand: nothing is added, and the table is loaded.
#[test]
fn a_column_that_is_there_already_is_taken() {
    for brands in PAIRS {
        let pair = Pair::new(brands, TABLES);
        pair.run().well();
        pair.source("ALTER TABLE t ADD COLUMN x int; UPDATE t SET x = id;");
        pair.sink("ALTER TABLE t ADD COLUMN x bigint;");
        pair.arrives("t", &format!("{brands:?}"));
    }
}

/// Dead at every step of going on, again and again while the application writes; and a second process in between.
#[test]
fn killed_between_the_column_and_its_load() {
    for brands in [(FILE, FILE), (POSTGRES, POSTGRES), (MARIADB, MARIADB)] {
        let pair = Pair::new(brands, TABLES);
        pair.run().well();
        for (n, (step, times)) in
            [("widened", 1), ("lane_taken", 1), ("source_opened", 1), ("batch_written", 1), ("unit_committed", 1)]
                .into_iter()
                .enumerate()
        {
            pair.source(&format!(
                "ALTER TABLE t ADD COLUMN x{n} int DEFAULT {n}; UPDATE t SET x{n} = 100 WHERE id = 1;"
            ));
            let paused = pair.folder.paused_at(&["run", "live", "--quiet"], step, times).expect(step);
            pair.source(&format!("UPDATE t SET x{n} = id; INSERT INTO u VALUES (10 + {n}, 'beside');"));
            if n == 0 {
                // It overtakes the one that hangs, and finds the column there.
                pair.arrives("t", &format!("{brands:?}: beside {step}"));
            }
            paused.kill();
            pair.source(&format!("UPDATE t SET x{n} = -id WHERE id = 2;"));
            pair.arrives("t", &format!("{brands:?}: {step}"));
        }
    }
}

/// Each lane gets on by itself: one whose sink cannot go on stops alone.
#[test]
fn a_sink_that_cannot_take_the_column_stops_alone() {
    let pair = Pair::new((POSTGRES, POSTGRES), TABLES);
    pair.jobs("{live: {from: a, to: [b, c], capture: trigger, install: auto, schema: add_columns}}");
    let other = End::File("c.db");
    pair.folder.sql("c.db", "CREATE TABLE t (id int PRIMARY KEY, v varchar(40), w int, X varchar(3));");
    let mut running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
    until("the load", || pair.to.columns(&pair.folder, "u") == "id, v" && pair.sink("SELECT count(*) FROM u;") == "1");
    until("the other load", || other.columns(&pair.folder, "u") == "id, v");
    pair.source("ALTER TABLE t ADD COLUMN x int; UPDATE t SET x = 5;");
    until("the column", || {
        running.goes_on();
        pair.to.columns(&pair.folder, "t").ends_with('x') && pair.sink("SELECT count(*) FROM t WHERE x = 5;") == "2"
    });
    pair.source("UPDATE t SET x = 6;");
    until("what follows", || pair.sink("SELECT count(*) FROM t WHERE x = 6;") == "2");
    running.signal("TERM");
    let ended = running.ends().exits(4);
    assert!(ended.err.contains("the sink has no column x, and its column X is called the same to it"), "{}", ended.err);
    assert_eq!(other.columns(&pair.folder, "t"), "id, v, w, X");
}
