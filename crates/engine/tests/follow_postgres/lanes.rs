//! Lanes that follow: several sinks, resync, lost positions, pruning, and what is left when all goes.

use super::Followed;
use super::sessions::Session;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');";

/// Each sink of a job has its own place at the source: what the quick one has is kept for the other (F23).
#[test]
fn one_sink_never_loses_what_another_has_confirmed() {
    let f = Followed::new(TABLE);
    f.caught_up();
    f.to.sql("ALTER TABLE t RENAME TO away;");
    f.from.sql("UPDATE t SET v = 'b';");
    let partly = f.folder.syncline(&["run", "live"]);
    assert_eq!(partly.code, Some(4), "{partly:?}");
    assert_eq!(f.folder.sql("c.db", "SELECT v FROM t"), "b");
    for _ in 0..3 {
        f.from.sql("UPDATE t SET v = v || 'c';");
        f.folder.syncline(&["run", "live"]).exits(4);
    }
    f.to.sql("ALTER TABLE away RENAME TO t;");
    f.arrives(&["t"]);
    assert_eq!(f.folder.sql("c.db", "SELECT v FROM t"), "bccc");
}

#[test]
fn what_all_lanes_have_is_pruned() {
    let f = Followed::new(TABLE);
    f.caught_up();
    let mut open = Session::new(&f.from.url());
    open.run("BEGIN; INSERT INTO t VALUES (5, 'open');");
    f.from.sql("INSERT INTO t SELECT i, 'x' FROM generate_series(10, 500) i;");
    f.caught_up();
    f.caught_up();
    assert_eq!(f.from.sql("SELECT count(*) FROM syncline_log_1;"), "0");
    open.run("COMMIT;");
    f.arrives(&["t"]);
    f.caught_up();
    assert_eq!(f.from.sql("SELECT count(*) FROM syncline_log_1;"), "0");
    assert_eq!(f.from.sql("SELECT count(*) < 4 FROM syncline_tick;"), "t");
}

#[test]
fn resync_loads_again() {
    let f = Followed::new(TABLE);
    f.caught_up();
    f.to.sql("INSERT INTO t VALUES (9, 'strange');");
    f.from.sql("INSERT INTO t VALUES (2, 'b');");
    f.folder.syncline(&["resync", "live"]).well();
    f.arrives(&["t"]);
}

/// F91: a source that was put back to yesterday is noticed.
#[test]
fn a_source_that_was_put_back_is_never_followed_as_if_nothing_happened() {
    let f = Followed::new(TABLE);
    f.job("install: auto, tables: {t: {}}");
    f.caught_up();
    let save = "CREATE TABLE saved_tick AS TABLE syncline_tick; CREATE TABLE saved_lane AS TABLE syncline_lane;";
    f.from.sql(save);
    f.from.sql("INSERT INTO t VALUES (2, 'today');");
    f.caught_up();
    f.from.sql(
        "TRUNCATE syncline_tick, syncline_lane, syncline_log_1; INSERT INTO syncline_tick SELECT * FROM saved_tick; \
         INSERT INTO syncline_lane SELECT * FROM saved_lane; DROP TABLE saved_tick, saved_lane; INSERT INTO t VALUES (3, 'after');",
    );
    let refused = f.folder.syncline(&["run", "live"]).exits(1);
    assert!(refused.err.contains("put back to an earlier state"), "{}", refused.err);
    f.folder.syncline(&["resync", "live"]).well();
    f.arrives(&["t"]);
}

/// All that was installed goes again, and nothing else (I16).
#[test]
fn uninstall_removes_all_of_it() {
    let f = Followed::new(TABLE);
    let ours = "SELECT relname::text FROM pg_class WHERE relname ~ '^!?syncline' AND relname !~ 'position' \
        UNION ALL SELECT tgname::text FROM pg_trigger WHERE tgname ~ 'syncline' \
        UNION ALL SELECT proname::text FROM pg_proc WHERE proname ~ 'syncline' ORDER BY 1;";
    f.caught_up();
    assert_ne!(f.from.sql(ours), "");
    f.folder.syncline(&["uninstall", "live"]).well();
    assert_eq!(f.from.sql(ours), "");
    f.from.sql("INSERT INTO t VALUES (2, 'after');");
    f.arrives(&["t"]);
    f.folder.syncline(&["uninstall"]).well();
    assert_eq!(f.from.sql(ours), "");
}

/// A lane that goes takes only what it alone needed.
#[test]
fn uninstall_of_a_job_leaves_what_others_need() {
    let f = Followed::new("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY);");
    f.folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: '{}', b: '{}', c: 'sqlite:c.db'}}\njobs:\n  \
             one: {{from: a, to: b, capture: trigger, install: auto}}\n  \
             two: {{from: a, to: c, capture: trigger, install: auto, tables: {{u: {{}}}}}}\n",
            f.from.url(),
            f.to.url()
        ),
    );
    f.folder.syncline(&["run"]).well();
    f.folder.syncline(&["uninstall", "one"]).well();
    assert_eq!(f.from.sql("SELECT name FROM syncline_capture;"), "u");
    f.from.sql("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1);");
    f.folder.syncline(&["run", "two"]).well();
    assert_eq!(f.folder.sql("c.db", "SELECT id FROM u"), "1");
}

/// F12, F91: a dump that is loaded into another server, whose transactions count from the beginning.
#[test]
fn a_dump_loaded_elsewhere_is_never_followed_as_if_nothing_happened() {
    let f = Followed::new(TABLE);
    f.caught_up();
    f.from.sql("UPDATE syncline_tick SET snapshot = '9000000000:9000000000:', token = token;");
    f.from.sql("INSERT INTO t VALUES (2, 'never lost');");
    let refused = f.folder.syncline(&["run", "live"]).exits(1);
    assert!(refused.err.contains("loaded from a dump"), "{}", refused.err);
    f.folder.syncline(&["uninstall"]).well();
    f.arrives(&["t"]);
}
