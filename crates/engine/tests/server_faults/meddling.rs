//! Somebody defines tables anew while they are copied (F88).

use syncline_rig::Brand;

use super::{BRANDS, End, Held, arrived, create, filled, other, rows};
use crate::support::binary::Folder;
use crate::support::servers::Database;

/// What is done to the sink's `c`, which was there and empty, while `b` is copied; and a word of the error.
fn at_the_sink(meddle: [&str; 2], says: &str) {
    for (brand, meddle) in BRANDS.into_iter().zip(meddle) {
        let (folder, from, to) = (Folder::new(), Database::shared(other(brand)), Database::shared(brand));
        filled(&from);
        to.sql(&create(&to, "c"));
        let held = Held::at(&folder, &from, &to, End::Source);
        to.sql(meddle);
        held.proxy.heal();
        let ran = held.running.ends().exits(4);
        assert_eq!(ran.err.matches("error:").count(), 1, "{brand:?} {ran:?}");
        assert!(ran.err.contains("table c") && ran.err.contains(says), "{brand:?} {ran:?}");
        assert!(!ran.err.contains("please report"), "{brand:?} {ran:?}");
        assert_eq!(rows(&to, "c"), 0, "{brand:?} {ran:?}");
        to.sql(&format!("DROP TABLE IF EXISTS c; {}", create(&to, "c")));
        Held::again(&held.words, &folder).exits(0);
        arrived(&from, &to);
    }
}

#[test]
fn a_table_dropped_at_the_sink_meanwhile() {
    at_the_sink(["DROP TABLE c"; 2], "");
}

#[test]
fn a_column_dropped_at_the_sink_meanwhile() {
    at_the_sink(["ALTER TABLE c DROP COLUMN v"; 2], "column");
}

#[test]
fn a_column_made_too_short_at_the_sink_meanwhile() {
    let ways = ["ALTER TABLE c ALTER COLUMN v TYPE varchar(20)", "ALTER TABLE c MODIFY v varchar(20)"];
    at_the_sink(ways, "row 1 as read");
}

/// A table that was done and is dropped is not reported as copied.
#[test]
fn a_table_that_was_done_is_dropped() {
    for brand in BRANDS {
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(brand));
        filled(&from);
        let held = Held::at(&folder, &from, &to, End::Source);
        to.sql("DROP TABLE a");
        held.proxy.heal();
        let ran = held.running.ends().exits(4);
        assert!(ran.err.contains("table a"), "{ran:?}");
    }
}

/// MariaDB's snapshots see rows of one moment and tables of any: a table that was emptied or changed since has no rows to
/// show, and says so.
#[test]
fn a_table_changed_at_a_mariadb_source_meanwhile() {
    let ways = [
        "TRUNCATE TABLE c",
        "ALTER TABLE c ADD COLUMN w int DEFAULT 1",
        "ALTER TABLE c ADD INDEX by_v (v(10))",
        "CREATE TABLE d LIKE c; RENAME TABLE c TO old, d TO c",
        "DROP TABLE c",
    ];
    for way in ways {
        let (folder, from, to) = (Folder::new(), Database::mariadb(), Database::postgres());
        filled(&from);
        let held = Held::at(&folder, &from, &to, End::Source);
        from.sql(way);
        held.proxy.heal();
        let ran = held.running.ends();
        if ran.code == Some(0) {
            assert_eq!(super::sums(&from, "c"), super::sums(&to, "c"), "{way}: {ran:?}");
        } else {
            assert_eq!((ran.code, rows(&to, "c")), (Some(4), 0), "{way}: {ran:?}");
            assert!(ran.err.contains("table c"), "{way}: {ran:?}");
        }
    }
}

/// PostgreSQL's snapshots hold their tables: who wants to change one waits.
#[test]
fn a_table_of_a_postgres_source_is_not_changed_meanwhile() {
    let (folder, from, to) = (Folder::new(), Database::shared(Brand::Postgres), Database::postgres());
    filled(&from);
    let held = Held::at(&folder, &from, &to, End::Source);
    for way in ["TRUNCATE c", "ALTER TABLE c ADD COLUMN w int", "DROP TABLE c", "ALTER TABLE c RENAME TO d"] {
        let said = from.refused(&format!("SET lock_timeout = '100ms'; {way}"));
        assert!(said.contains("55P03"), "{said}");
    }
    held.proxy.heal();
    held.running.ends().well();
    arrived(&from, &to);
}
