//! Two sinks of one job: one refuses, the other takes everything.

use super::parks;
use crate::support::binary::Folder;

#[test]
fn one_lane_parks_and_the_other_does_not() {
    let folder = Folder::new();
    folder.sql("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    folder.sql("b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v CHECK (v < 100))");
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db', c: 'sqlite:c.db'}\n\
         jobs: {live: {from: a, to: [b, c], capture: trigger, install: auto, on_error: park}}\n",
    );
    folder.syncline(&["run"]).well();
    folder.sql("a.db", "INSERT INTO t VALUES (1, 1), (2, 666), (3, 3); UPDATE t SET v = 4 WHERE id = 2");
    parks(&folder);
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "1|1\n3|3");
    assert_eq!(folder.sql("c.db", "SELECT * FROM t"), "1|1\n2|4\n3|3");
    assert_eq!(folder.sql("b.db", "SELECT ord FROM syncline_parked"), "2\n4");
    // Its lane has nothing to keep there.
    assert_eq!(folder.sql("c.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'syncline_parked'"), "0");
    // The source keeps nothing for a lane that has parked.
    assert_eq!(folder.sql("a.db", "SELECT count(*) FROM syncline_outbox"), "0");
    let ran = folder.syncline(&["parked", "drop", "live", "2", "--sink", "c", "--yes"]).exits(2);
    assert!(ran.err.contains("no change 2 is set aside"), "{}", ran.err);
    folder
        .sql("b.db", "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (v < 100)', '')");
    folder.syncline(&["parked", "retry", "live", "--sink", "c"]).well();
    assert_eq!(folder.sql("b.db", "SELECT ord FROM syncline_parked"), "2\n4");
    folder.syncline(&["parked", "retry", "live"]).well();
    assert_eq!(folder.sql("b.db", "SELECT * FROM t"), "1|1\n2|4\n3|3");
}
