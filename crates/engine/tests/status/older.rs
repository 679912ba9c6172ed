//! Control tables of before lanes counted their changes, at every brand.

use super::{configured, lane_to};
use crate::support::binary::Folder;
use crate::support::servers::Database;

#[test]
fn an_older_control_table_is_read_and_extended() {
    let folder = Folder::new();
    folder.sql(
        "a.db",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')",
    );
    let (postgres, mariadb) = (Database::postgres(), Database::mariadb());
    let sinks = [("b", "sqlite:b.db"), ("m", &*mariadb.url()), ("p", &*postgres.url())];
    configured(&folder, &sinks, "sqlite:a.db", "");
    folder.syncline(&["run", "--quiet"]).well();
    let columns = ["changes", "trouble"];
    for column in columns {
        let older = format!("ALTER TABLE syncline_position DROP COLUMN {column};");
        folder.sql("b.db", &older);
        mariadb.sql(&older);
        postgres.sql(&older);
    }
    let status = folder.syncline(&["status", "--json"]).well();
    for (sink, _) in sinks {
        let lane = lane_to(&status, sink);
        assert_eq!((&lane["state"], &lane["changes_total"]), (&"follows".into(), &0.into()), "{sink}");
    }
    folder.sql("a.db", "INSERT INTO t VALUES (2, 'b')");
    folder.syncline(&["run", "--quiet"]).well();
    let status = folder.syncline(&["status", "--json"]).well();
    for (sink, _) in sinks {
        assert_eq!(lane_to(&status, sink)["changes_total"], 1, "{sink}");
    }
}
