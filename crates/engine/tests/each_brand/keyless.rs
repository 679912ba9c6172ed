//! Rows that nothing tells apart (F27).

use super::{BRANDS, Source};

const TABLE: &str = "CREATE TABLE t (a int NOT NULL, b varchar(9) NOT NULL); INSERT INTO t VALUES (1, 'x'), (1, 'x')";
const ROWS: &str = "SELECT a, b FROM t ORDER BY a, b";

/// F27: a table without a key is refused, and identical rows are under a key that somebody has only said; never is one of
/// them taken for the other.
#[test]
fn identical_rows_are_refused_and_never_mistaken() {
    for brand in BRANDS {
        let source = Source::new(brand, TABLE);
        let refused = source.run().refusal();
        assert!(refused.contains("no key"), "{brand:?}: {refused}");
        assert!(!source.folder.path("b.db").exists(), "{brand:?}");
        source.jobs("live: {from: a, to: b, capture: trigger, install: auto, tables: {t: {key: [a, b]}}}");
        let refused = source.run().exits(1);
        assert!(refused.err.contains("table t") && !refused.err.contains("'x'"), "{brand:?}: {}", refused.err);
        source.sql("DELETE FROM t");
        source.sql("INSERT INTO t VALUES (1, 'x'), (2, 'x')");
        source.caught_up();
        source.same(ROWS, "the load");
        source.sql("UPDATE t SET b = 'y' WHERE a = 2");
        source.caught_up();
        source.same(ROWS, "an update");
        // Two that are the same: the lane stops, and the deletion of one takes nothing from the other.
        source.sql("INSERT INTO t VALUES (1, 'x')");
        source.sql("DELETE FROM t");
        source.sql("INSERT INTO t VALUES (1, 'x')");
        let stopped = source.run();
        assert_ne!(stopped.code, Some(0), "{brand:?}: {stopped:?}");
        assert!(stopped.err.contains("table t"), "{brand:?}: {}", stopped.err);
        assert_eq!(source.folder.sql("b.db", ROWS), "1|x\n2|y", "{brand:?}");
        source.folder.syncline(&["resync", "live"]).well();
        source.caught_up();
        source.same(ROWS, "resync");
    }
}
