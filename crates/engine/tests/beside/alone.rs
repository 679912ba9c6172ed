//! What is left of a side lane: nothing, whatever becomes of its tables.

use syncline_rig::Brand;

use super::{PAIRS, Pair};
use crate::support::binary::until;

/// What the application has written is pruned again once a load is over, and kept while it goes on (F23).
#[test]
fn the_source_keeps_what_a_side_lane_needs_and_no_more() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        let paused = pair.folder.paused_at(&["run", "live", "--follow", "--quiet"], "batch_written", 2).unwrap();
        pair.changes(1);
        until("the others", || pair.to.sql("SELECT count(*) FROM u WHERE id = 1001;") == "1");
        assert_eq!(pair.sql("SELECT count(*) FROM syncline_lane;"), "2", "{brands:?}");
        paused.kill();
        pair.arrives(&format!("{brands:?}"));
        let status = pair.folder.syncline(&["status", "a", "--json"]).well().json();
        assert_eq!(status["connections"][0]["backlog"][0]["changes"], 0, "{brands:?}: {status:#}");
    }
}

/// A table that leaves the job while it is loaded, and comes back after others have changed it.
#[test]
fn a_table_that_leaves_in_the_middle_is_loaded_when_it_comes_back() {
    for brands in PAIRS {
        for step in ["unit_committed", "batch_written"] {
            let pair = Pair::new(brands);
            pair.joins();
            pair.folder.paused_at(&["run", "live", "--quiet"], step, 1).unwrap().kill();
            pair.job("{u: {}}", "");
            for n in 1..=2 {
                pair.folder.syncline(&["run", "live", "--quiet"]).well();
                pair.changes(n);
            }
            assert_eq!(pair.sql("SELECT count(*) FROM syncline_lane;"), "1", "{brands:?}: nothing is kept for it");
            pair.folder.syncline(&["run", "live", "--quiet"]).well();
            pair.joins();
            pair.arrives(&format!("{brands:?} {step}"));
        }
    }
}

/// `uninstall` takes the side lane away too.
#[test]
fn uninstall_in_the_middle_of_a_load_leaves_nothing() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.joins();
        pair.folder.paused_at(&["run", "live", "--quiet"], "unit_committed", 1).unwrap().kill();
        pair.folder.syncline(&["uninstall", "live"]).well();
        let tables = |database: &crate::support::servers::Database, schema: &str| {
            database.sql(&format!("SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'syncline%' AND table_schema = {schema};"))
        };
        let schema = if brands.1 == Brand::Postgres { "current_schema()" } else { "DATABASE()" };
        assert_eq!(tables(&pair.to, schema), "0", "{brands:?}");
    }
}

/// What was set aside of a table that is loaded again is forgotten with its load, and what is refused after is set aside anew.
#[test]
fn parked_changes_of_a_table_that_is_loaded_again_are_forgotten() {
    for brands in PAIRS {
        let pair = Pair::new(brands);
        pair.to.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(40), CONSTRAINT short CHECK (v <> 'poison'));");
        pair.job("{u: {}, t: {}}", ", on_error: park");
        pair.folder.syncline(&["run", "live", "--quiet"]).well();
        pair.sql("UPDATE t SET v = 'poison' WHERE id = 5; UPDATE t SET v = 'behind' WHERE id = 5; INSERT INTO u VALUES (9, 'on');");
        let parks = |parked: &str| {
            let ran = pair.folder.syncline(&["run", "live", "--quiet"]);
            assert!(matches!(ran.code, Some(0 | 4)), "{ran:?}");
            assert_eq!(pair.to.sql("SELECT count(*) FROM syncline_parked;"), parked, "{brands:?}");
        };
        parks("2");
        pair.folder.syncline(&["resync", "live", "--table", "t"]).well();
        // It dies after the load; what is refused then is found while it catches up.
        pair.folder.paused_at(&["run", "live", "--quiet"], "loaded", 2).unwrap().kill();
        assert_eq!(pair.to.sql("SELECT count(*) FROM syncline_parked;"), "0", "{brands:?}");
        pair.sql("UPDATE t SET v = 'poison' WHERE id = 6; UPDATE t SET v = 'behind' WHERE id = 6;");
        parks("2");
        pair.is_alone(&format!("{brands:?}"));
        pair.to.sql("ALTER TABLE t DROP CONSTRAINT short;");
        pair.folder.syncline(&["parked", "retry", "live"]).well();
        pair.arrives(&format!("{brands:?}"));
    }
}
