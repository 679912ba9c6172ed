//! `syncline copy`: what it prints, what it leaves, and what it leaves alone.

use insta::assert_snapshot;

use super::{shop, steady};
use crate::support::binary::Folder;
use crate::support::judge;

#[test]
fn a_summary() {
    let folder = shop();
    assert_snapshot!(steady(&folder.syncline(&["copy", "shop.db", "sink.db"]).well().out), @r"
    shop.db → sink.db
      table state rows seconds rows/s
      customer done 3 TIME RATE
      sales_order done 3 TIME RATE
      total 6 TIME RATE
    note: sales_order: not created at the sink: 1 check constraint
    note: big_order is left out: a view holds no rows of its own
    ");
    folder.sql("sink.db", "INSERT INTO customer VALUES (8, 'Stays', NULL);");
    assert_snapshot!(steady(&folder.syncline(&["copy", "shop.db", "sink.db"]).well().out), @r"
    shop.db → sink.db
      table state rows seconds rows/s
      customer done 3 TIME RATE
      sales_order done 3 TIME RATE
      total 6 TIME RATE
    note: customer: 1 row that the source does not have stayed; mode truncate replaces the table
    note: big_order is left out: a view holds no rows of its own
    ");
    let ran = folder.syncline(&["copy", "shop.db", "sink.db", "--mode", "truncate"]).well();
    assert_snapshot!(steady(&ran.out), @r"
    shop.db → sink.db
      table state rows seconds rows/s
      customer done 3 TIME RATE
      sales_order done 3 TIME RATE
      total 6 TIME RATE
    note: big_order is left out: a view holds no rows of its own
    ");
    judge::same(&folder.path("sink.db"), &folder.path("shop.db"));
}

#[test]
fn an_interrupted_copy_says_that_it_goes_on() {
    let folder = shop();
    let copy = ["copy", "shop.db", "sink.db"];
    let paused = folder.paused_at(&copy, "unit_committed", 1).unwrap();
    paused.kill();
    assert_snapshot!(steady(&folder.syncline(&copy).well().out), @r"
    shop.db → sink.db
      table state rows seconds rows/s
      customer done before
      sales_order done 3 TIME RATE
      total 3 TIME RATE
    note: an interrupted copy was continued; tables done before hold what they held then (`--restart` reads all again)
    note: sales_order: not created at the sink: 1 check constraint
    note: big_order is left out: a view holds no rows of its own
    ");
}

#[test]
fn a_dry_run_changes_nothing() {
    let folder = shop();
    let before = folder.contents();
    assert_snapshot!(folder.syncline(&["copy", "shop.db", "sink.db", "--dry-run"]).well().out, @r#"
    copy: shop.db → sink.db
      table customer, 3 columns
      table sales_order, 3 columns
      CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT);
      CREATE TABLE "customer" ("id" INTEGER, "name" TEXT NOT NULL, "city" VARCHAR(40), PRIMARY KEY ("id"));
      CREATE TABLE "sales_order" ("id" INTEGER, "customer_id" INTEGER NOT NULL, "total" DECIMAL(10,2), PRIMARY KEY ("id"), FOREIGN KEY ("customer_id") REFERENCES "customer" ("id"));
      CREATE INDEX "order_by_customer" ON "sales_order" ("customer_id");
      note: sales_order: not created at the sink: 1 check constraint
      note: big_order is left out: a view holds no rows of its own
    "#);
    assert!(folder.contents() == before, "a file came or changed");
    folder.sql("there.db", "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);");
    let before = folder.contents();
    assert_snapshot!(folder.syncline(&["copy", "shop.db", "there.db", "--dry-run"]).exits(1).out, @r#"
    copy: shop.db → there.db
      table customer, 3 columns
      table sales_order, 3 columns
      CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT);
      CREATE TABLE "sales_order" ("id" INTEGER, "customer_id" INTEGER NOT NULL, "total" DECIMAL(10,2), PRIMARY KEY ("id"), FOREIGN KEY ("customer_id") REFERENCES "customer" ("id"));
      CREATE INDEX "order_by_customer" ON "sales_order" ("customer_id");
      note: sales_order: not created at the sink: 1 check constraint
      does not fit: customer: the sink has no column city
      note: big_order is left out: a view holds no rows of its own
    "#);
    assert!(folder.contents() == before, "a file came or changed");
}

#[test]
fn only_some_tables() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "one.db", "--table", "cust*"]).well();
    assert_eq!(folder.sql("one.db", "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table';"), "customer");
    folder.syncline(&["copy", "shop.db", "other.db", "--exclude", "customer"]).well();
    assert_eq!(
        folder.sql("other.db", "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table';"),
        "sales_order"
    );
}

#[test]
fn a_source_is_never_written() {
    let folder = shop();
    folder.sql("shop.db", "PRAGMA journal_mode = DELETE;");
    let before = folder.contents();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    folder.syncline(&["compare", "shop.db", "sink.db"]).well();
    folder.syncline(&["check", "shop.db"]).well();
    assert_eq!(folder.contents().get("shop.db"), before.get("shop.db"));
    assert_eq!(folder.contents().into_keys().collect::<Vec<_>>(), ["shop.db", "sink.db"]);
}

/// About 1 MB at 400 KiB a second: more than a second, and everything arrives.
#[test]
fn a_rate_is_kept() {
    let folder = Folder::new();
    let rows = "INSERT INTO t SELECT value, zeroblob(1000) FROM generate_series(1, 1000)";
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    let series = "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 1000)";
    folder.sql(
        "a.db",
        &rows.replace("SELECT value", &format!("{series} SELECT value")).replace("generate_series(1, 1000)", "n"),
    );
    let began = std::time::Instant::now();
    folder.syncline(&["copy", "a.db", "b.db", "--rate", "400 KiB"]).well();
    let took = began.elapsed();
    assert!(took > std::time::Duration::from_secs(1), "{took:?}");
    folder.syncline(&["compare", "a.db", "b.db"]).well();
    let ran = folder.syncline(&["copy", "a.db", "c.db", "--rate", "fast"]).exits(2);
    assert!(ran.err.contains("a whole number and a unit"), "{ran:?}");
    assert!(!folder.path("c.db").exists());
}
