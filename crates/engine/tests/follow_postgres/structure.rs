//! Tables that are changed while they are followed (F36, F37, F88, F113): the application is never disturbed, and no
//! change is lost or taken for another.

use super::Followed;
use super::sessions::Session;

const TABLE: &str =
    "CREATE TABLE t (id int PRIMARY KEY, v text, w int); INSERT INTO t SELECT i, 'a', i FROM generate_series(1, 20) i;";

/// What the application does after each change of the table must work, and in the end the sink has it.
#[test]
fn whatever_becomes_of_columns_the_application_goes_on() {
    for (change, after) in [
        ("ALTER TABLE t ADD COLUMN x int DEFAULT 7;", "ALTER TABLE t ADD COLUMN x int;"),
        ("ALTER TABLE t DROP COLUMN w;", "ALTER TABLE t DROP COLUMN w;"),
        ("ALTER TABLE t RENAME COLUMN v TO vv;", "ALTER TABLE t RENAME COLUMN v TO vv;"),
        ("ALTER TABLE t ALTER COLUMN w TYPE bigint;", "ALTER TABLE t ALTER COLUMN w TYPE bigint;"),
        ("ALTER TABLE t DROP COLUMN w; ALTER TABLE t ADD COLUMN w int;", ""),
        ("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text, w int); INSERT INTO t VALUES (3, 'new', 3);", ""),
    ] {
        let f = Followed::new(TABLE).one_sink();
        f.caught_up();
        let mut session = Session::new(&f.from.url());
        session.run("UPDATE t SET v = 'before' WHERE id = 1; DELETE FROM t WHERE id = 2;");
        f.from.sql(change);
        assert_eq!(session.run("UPDATE t SET id = id + 100 WHERE id = 3 RETURNING 'done';"), "done", "{change}");
        assert_eq!(session.run("INSERT INTO t (id) VALUES (50) RETURNING 'done';"), "done", "{change}");
        assert_eq!(session.run("BEGIN; DELETE FROM t WHERE id = 4; TRUNCATE t; INSERT INTO t (id) SELECT generate_series(1, 9) RETURNING 'done'; COMMIT;").lines().count(), 9, "{change}");
        f.to.sql(after);
        f.arrives(&["t"]);
        f.from.sql("UPDATE t SET id = -id;");
        f.arrives(&["t"]);
    }
}

/// While it follows, it stops with the difference; it never goes on with rows that it does not understand.
#[test]
fn a_changed_table_stops_the_lane_with_the_difference() {
    let f = Followed::new(TABLE);
    f.caught_up();
    let mut running = f.folder.started(&["run", "live", "--follow"]);
    f.from.sql("UPDATE t SET v = 'seen';");
    running.until_answer("20", || f.to.sql("SELECT count(*) FROM t WHERE v = 'seen';"));
    f.from.sql("ALTER TABLE t ADD COLUMN x int;");
    f.from.sql("UPDATE t SET x = 1;");
    let ended = running.ends();
    assert!(ended.err.contains("column x was added since capture was installed"), "{}", ended.err);
}

/// Triggers that somebody removed, switched off or changed are noticed; rows may have gone unseen, so the table is loaded
/// again.
#[test]
fn missing_triggers_are_noticed() {
    let f = Followed::new(TABLE);
    f.caught_up();
    for (meddling, said) in [
        ("DROP TRIGGER \"!syncline_1\" ON t;", "trigger !syncline_1 is missing"),
        ("ALTER TABLE t DISABLE TRIGGER USER;", "switched off"),
        ("DROP TRIGGER \"!syncline_3_truncate\" ON t;", "trigger !syncline_3_truncate is missing"),
        ("ALTER FUNCTION syncline_log_4() SECURITY INVOKER;", "changed"),
    ] {
        f.from.sql(meddling);
        f.from.sql("INSERT INTO t SELECT max(id) + 1, 'unseen', 0 FROM t;");
        let said_by = f.folder.syncline(&["install", "--dry-run"]).well().out;
        assert!(said_by.contains(said), "{said}: {said_by}");
        f.arrives(&["t"]);
    }
}
