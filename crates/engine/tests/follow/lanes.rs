//! Lanes that follow: several sinks, tables that come and go, resync, lost positions.

use super::{caught_up, followed, same};

/// A table that joins the job is loaded, the others are left alone; a table whose capture is made anew is loaded again.
#[test]
fn a_table_that_changes_its_columns_is_loaded_again() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    caught_up(&folder);
    folder.sql("a.db", "DELETE FROM t WHERE id = 2; ALTER TABLE t ADD COLUMN w DEFAULT 'w'; CREATE TABLE new (id INTEGER PRIMARY KEY); INSERT INTO new VALUES (7)");
    folder.sql("b.db", "ALTER TABLE t ADD COLUMN w");
    caught_up(&folder);
    same(&folder, &["t", "new"]);
}

#[test]
fn resync_loads_again() {
    let folder = followed(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1, 'a')",
    );
    caught_up(&folder);
    // Somebody's hand at the sink.
    folder.sql("b.db", "DELETE FROM t; INSERT INTO t VALUES (9, 'strange'); INSERT INTO u VALUES (9)");
    folder.sql("a.db", "INSERT INTO t VALUES (2, 'b')");
    folder.syncline(&["resync", "live", "--table", "t"]).well();
    caught_up(&folder);
    same(&folder, &["t"]);
    assert_eq!(folder.sql("b.db", "SELECT * FROM u"), "9");
    folder.syncline(&["resync", "live"]).well();
    caught_up(&folder);
    same(&folder, &["t", "u"]);
}

/// What was deleted meanwhile is not left at the sink.
#[test]
fn a_table_that_leaves_the_job_and_comes_back_is_emptied_first() {
    let folder = followed(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1), (2)",
    );
    caught_up(&folder);
    let whole = std::fs::read_to_string(folder.path("syncline.yaml")).unwrap();
    folder.write("syncline.yaml", &whole.replace("install: auto", "install: auto, tables: {t: {}}"));
    folder.sql("a.db", "INSERT INTO t VALUES (1); DELETE FROM u WHERE id = 2");
    caught_up(&folder);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM u"), "2", "nobody follows it");
    let status = folder.syncline(&["status", "b", "--json"]).well().json();
    assert_eq!(status["jobs"][0]["lanes"][0]["tables_loaded"], 1, "{status:#}");
    folder.write("syncline.yaml", &whole);
    caught_up(&folder);
    same(&folder, &["t", "u"]);
}

/// F01: what a table is to be emptied for is not forgotten when another one is loaded.
#[test]
fn a_resync_that_dies_between_two_tables_is_gone_on_with() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY)");
    caught_up(&folder);
    folder.sql("b.db", "INSERT INTO t VALUES (9); INSERT INTO u VALUES (9)");
    folder.syncline(&["resync", "live"]).well();
    folder.paused_at(&["run", "live", "--quiet"], "unit_committed", 1).unwrap().kill();
    caught_up(&folder);
    same(&folder, &["t", "u"]);
}

/// A load that was continued and failed again: the advice is one that such a job takes.
#[test]
fn a_load_that_is_not_complete_advises_what_the_job_takes() {
    let folder = followed(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY, v); INSERT INTO u VALUES (1, 'long')",
    );
    folder.sql("b.db", "CREATE TABLE u (id INTEGER PRIMARY KEY, v CHECK (length(v) < 3))");
    folder.syncline(&["run", "live"]).exits(4);
    let ran = folder.syncline(&["run", "live"]).exits(1);
    assert!(ran.out.contains("done before") && ran.out.contains("the next run goes on"), "{}", ran.out);
    assert!(!format!("{}{}", ran.out, ran.err).contains("--restart"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_table_that_somebody_dropped_at_the_sink_is_loaded_as_advised() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')");
    caught_up(&folder);
    folder.sql("b.db", "DROP TABLE t");
    let refused = folder.syncline(&["run", "live"]).exits(1);
    assert!(
        refused.err.contains("`syncline resync JOB --table t`") && !refused.err.contains("--restart"),
        "{}",
        refused.err
    );
    folder.syncline(&["resync", "live", "--table", "t"]).well();
    caught_up(&folder);
    same(&folder, &["t"]);
}

/// F91: a source that was put back to yesterday is noticed; `resync` goes on from there.
#[test]
fn a_source_that_was_put_back_is_never_followed_as_if_nothing_happened() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    caught_up(&folder);
    folder.sql("a.db", "INSERT INTO t VALUES (1, 'yesterday')");
    caught_up(&folder);
    folder.sql(
        "a.db",
        "VACUUM INTO 'backup.db'".replace("backup.db", &folder.path("backup.db").to_string_lossy()).as_str(),
    );
    folder.sql("a.db", "INSERT INTO t VALUES (2, 'today')");
    caught_up(&folder);
    for name in ["a.db-wal", "a.db-shm"] {
        let _ = std::fs::remove_file(folder.path(name));
    }
    std::fs::copy(folder.path("backup.db"), folder.path("a.db")).unwrap();
    // As many changes as were lost, so that the numbers are the same again.
    folder.sql("a.db", "INSERT INTO t VALUES (3, 'after the restore')");
    let refused = folder.syncline(&["run", "live"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("put back to an earlier state"), "{}", refused.err);
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM t"), "2");
    folder.syncline(&["resync", "live"]).well();
    caught_up(&folder);
    same(&folder, &["t"]);
}

/// F43: a file that is put in the place of the one that is followed is noticed while the job runs.
#[test]
fn a_file_that_is_replaced_under_the_job_is_noticed() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    caught_up(&folder);
    let mut running = folder.started(&["run", "live", "--follow"]);
    folder.sql("a.db", "INSERT INTO t VALUES (7, 'seen')");
    running.until_answer("1", || folder.sql("b.db", "SELECT count(*) FROM t"));
    std::fs::rename(folder.path("a.db"), folder.path("away.db")).unwrap();
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'in another file')");
    let ran = running.ends();
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert!(ran.err.contains("another file was put in the place"), "{}", ran.err);
}

/// Without a write-ahead log nobody can write beside a reader, not even Syncline beside its own snapshot.
#[test]
fn a_source_without_a_write_ahead_log_is_followed() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY)");
    folder.sql("a.db", "PRAGMA journal_mode = DELETE; INSERT INTO t VALUES (1, 'a')");
    caught_up(&folder);
    folder.sql("a.db", "INSERT INTO t VALUES (2, 'b'); INSERT INTO u VALUES (1)");
    caught_up(&folder);
    same(&folder, &["t", "u"]);
}

/// F37: a table that is renamed, or dropped and made again, is another one.
#[test]
fn a_table_that_is_renamed_or_made_again_is_loaded() {
    let folder = followed("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')");
    caught_up(&folder);
    folder.sql("a.db", "ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (2, 'b')");
    caught_up(&folder);
    same(&folder, &["u"]);
    // Nothing records for the old name.
    assert_eq!(
        folder.sql("a.db", "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'syncline_1_%'"),
        "0"
    );
    folder.sql("a.db", "DROP TABLE u; CREATE TABLE u (id INTEGER PRIMARY KEY, v); INSERT INTO u VALUES (3, 'c')");
    caught_up(&folder);
    same(&folder, &["u"]);
}
