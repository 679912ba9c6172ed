//! Rows of 100 MB, rows that are larger than a sink takes, and very many rows: memory stays within bounds (I13).

use syncline_rig::Brand;

use crate::support::binary::{Folder, Ran};
use crate::support::servers::{Database, private_with};

/// Bytes of the large row.
const LARGE: usize = 100_000_000;
/// Memory of a copy of many small rows, by requirement.
const MEMORY_MAX_KIB: u64 = 150 << 10;
const MANY: u32 = 300_000;

/// Runs a copy; its peak of memory in KiB comes with it.
fn copied(folder: &Folder, from: &str, to: &str) -> (Ran, u64) {
    let running = folder.started(&["copy", from, to]);
    let peak = running.peak();
    let ran = running.ends();
    (ran, peak.join().unwrap())
}

#[test]
fn a_row_of_a_hundred_megabytes_goes_every_way() {
    let server = private_with(Brand::Mariadb, &[("max_allowed_packet", "1G"), ("innodb_log_file_size", "512M")]);
    let folder = Folder::new();
    let postgres = [Database::postgres(), Database::postgres(), Database::postgres()];
    let mariadb = [Database::on(server.address()), Database::on(server.address()), Database::on(server.address())];
    let quarter = LARGE / 4;
    postgres[0].sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text, b bytea); INSERT INTO t VALUES (1, repeat('a', {quarter}) || \
         repeat('\\', {quarter}), decode(repeat('00ff', {quarter}), 'hex')), (2, NULL, ''), (3, 'small', 'small')"
    ));
    let pg = |database: &Database| database.sql("SELECT id, md5(v), md5(b) FROM t ORDER BY id");
    let my = |database: &Database| database.sql("SELECT id, MD5(v), MD5(b) FROM t ORDER BY id");
    let expected = pg(&postgres[0]);
    let go = |from: &str, to: &str| {
        let (ran, peak) = copied(&folder, from, to);
        ran.exits(0);
        assert!(peak < 1200 << 10, "{from} to {to}: {} MiB", peak >> 10);
    };
    go(&postgres[0].url(), &postgres[1].url());
    assert_eq!(pg(&postgres[1]), expected);
    go(&postgres[0].url(), &mariadb[0].url());
    assert_eq!(my(&mariadb[0]), expected);
    go(&mariadb[0].url(), &mariadb[1].url());
    assert_eq!(my(&mariadb[1]), expected);
    go(&mariadb[1].url(), "lite.db");
    go("lite.db", &postgres[2].url());
    assert_eq!(pg(&postgres[2]), expected);
    go("lite.db", &mariadb[2].url());
    assert_eq!(my(&mariadb[2]), expected);
}

/// The default packet of MariaDB is 16 MiB.
#[test]
fn a_row_that_the_sink_cannot_take_is_refused_with_its_limit() {
    let (folder, from, to) = (Folder::new(), Database::postgres(), Database::mariadb());
    from.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, repeat('v', 20000000))");
    let refused = |ran: Ran| {
        let ran = ran.exits(1);
        assert!(ran.err.contains("table t") && ran.err.contains("row 2 as read"), "{ran:?}");
        assert!(ran.err.contains("16777216 bytes") && ran.err.contains("raise max_allowed_packet"), "{ran:?}");
    };
    refused(folder.syncline(&["copy", &from.url(), &to.url()]));
    // By LOAD DATA, too.
    from.sql("INSERT INTO t SELECT i, 'x' FROM generate_series(3, 100) i");
    refused(folder.syncline(&["copy", &from.url(), &to.url()]));
}

/// SQLite keeps 1,000,000,000 bytes, PostgreSQL a little more.
#[test]
fn a_value_of_a_gigabyte_is_refused_with_the_limit() {
    let (folder, from) = (Folder::new(), Database::postgres());
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, repeat('v', 1000000001))",
    );
    let (ran, peak) = copied(&folder, &from.url(), "lite.db");
    let ran = ran.exits(1);
    assert!(ran.err.contains("[table t, row 2 as read, column v"), "{ran:?}");
    assert!(ran.err.contains("1,000,000,000 bytes"), "{ran:?}");
    // The row as it came, and its cells.
    assert!(peak < 2200 << 10, "{} MiB", peak >> 10);
}

/// A value fits and its row does not: PostgreSQL itself cannot show it.
#[test]
fn a_row_that_the_source_cannot_show_is_an_error() {
    let (folder, from) = (Folder::new(), Database::postgres());
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text, w text); INSERT INTO t SELECT 1, repeat('v', 560000000);
         UPDATE t SET w = v",
    );
    let ran = folder.syncline(&["copy", &from.url(), "lite.db"]).exits(1);
    assert!(ran.err.contains("table t") && ran.err.contains("1 GB"), "{ran:?}");
    assert!(!folder.path("lite.db").exists() || folder.sql("lite.db", "SELECT count(*) FROM sqlite_schema") == "0");
}

#[test]
fn many_rows_take_little_memory() {
    let folder = Folder::new();
    let (postgres, mariadb) =
        ([Database::postgres(), Database::postgres()], [Database::mariadb(), Database::mariadb()]);
    postgres[0].sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,2), d timestamp);
         INSERT INTO t SELECT i, repeat(md5(i::text), 2), i / 7.0, '2024-01-01'::timestamp + i * interval '1 s' \
         FROM generate_series(1, {MANY}) i"
    ));
    let count = "SELECT count(*), sum(n) FROM t";
    let expected = postgres[0].sql(count);
    let go = |from: &str, to: &str| {
        let (ran, peak) = copied(&folder, from, to);
        ran.exits(0);
        assert!(peak < MEMORY_MAX_KIB, "{from} to {to}: {} MiB", peak >> 10);
    };
    go(&postgres[0].url(), &postgres[1].url());
    go(&postgres[0].url(), &mariadb[0].url());
    go(&mariadb[0].url(), &mariadb[1].url());
    go(&mariadb[0].url(), "lite.db");
    let last = Database::postgres();
    go("lite.db", &last.url());
    assert_eq!([last.sql(count), mariadb[1].sql(count), postgres[1].sql(count)], [(); 3].map(|()| expected.clone()));
}
