//! `syncline compare`: it names each row and column that differs, and nothing else.

use insta::assert_snapshot;

use super::{shop, steady};

#[test]
fn differences() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    assert_snapshot!(steady(&folder.syncline(&["compare", "shop.db", "sink.db"]).well().out), @r"
    note: not compared: big_order: a view holds no rows of its own
    equal: 2 tables, 6 rows in TIME s
    ");
    folder.sql(
        "sink.db",
        "UPDATE customer SET city = 'Paris', name = 'Ida' WHERE id = 1; DELETE FROM customer WHERE id = 2;
         INSERT INTO customer VALUES (7, 'New', NULL); UPDATE sales_order SET total = '3.75 ' WHERE id = 2;",
    );
    assert_snapshot!(steady(&folder.syncline(&["compare", "shop.db", "sink.db"]).exits(3).out), @r"
    customer: 3 rows in shop.db, 3 rows in sink.db
      id=1: differs in name, city
      id=2: only in shop.db
      id=7: only in sink.db
    note: not compared: big_order: a view holds no rows of its own
    different: 1 of 2 tables, 6 rows in TIME s
    ");
    assert_snapshot!(steady(&folder.syncline(&["compare", "shop.db", "sink.db", "--limit", "1"]).exits(3).out), @r"
    customer: 3 rows in shop.db, 3 rows in sink.db
      id=1: differs in name, city
      and 2 more; `--limit 3` lists all
    note: not compared: big_order: a view holds no rows of its own
    different: 1 of 2 tables, 6 rows in TIME s
    ");
    assert_snapshot!(steady(&folder.syncline(&["compare", "sink.db", "shop.db", "--limit", "0"]).exits(3).out), @r"
    customer: 3 rows in sink.db, 3 rows in shop.db
      and 3 more; `--limit 3` lists all
    note: not compared: big_order: a view holds no rows of its own
    different: 1 of 2 tables, 6 rows in TIME s
    ");
}

#[test]
fn structure() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    folder.sql(
        "sink.db",
        "ALTER TABLE customer DROP COLUMN city; ALTER TABLE customer ADD COLUMN town; CREATE TABLE extra (id INTEGER PRIMARY KEY);
         DROP TABLE sales_order;",
    );
    assert_snapshot!(steady(&folder.syncline(&["compare", "shop.db", "sink.db"]).exits(3).out), @r"
    customer: 3 rows in shop.db, 3 rows in sink.db
      only shop.db has column city
      only sink.db has column town
    extra: only sink.db has this table
    sales_order: only shop.db has this table
    note: not compared: big_order: a view holds no rows of its own
    different: 3 of 3 tables, 3 rows in TIME s
    ");
}

#[test]
fn kinds_of_values_and_keys() {
    let folder = shop();
    let table = "CREATE TABLE t (a TEXT, b INTEGER, v, PRIMARY KEY (a, b));";
    folder.sql(
        "a.db",
        &format!("{table} INSERT INTO t VALUES ('x', 1, 1), ('x', 2, NULL), ('y\n', 3, 'same'), ('☃', 4, x'00');"),
    );
    folder.sql(
        "b.db",
        &format!("{table} INSERT INTO t VALUES ('x', 1, '1'), ('x', 2, ''), ('y\n', 3, 'same'), ('☃', 4, x'0000');"),
    );
    assert_snapshot!(steady(&folder.syncline(&["compare", "a.db", "b.db"]).exits(3).out), @r#"
    t: 4 rows in a.db, 4 rows in b.db
      a="x", b=1: differs in v
      a="x", b=2: differs in v
      a="☃", b=4: differs in v
    different: 1 of 1 table, 4 rows in TIME s
    "#);
}

#[test]
fn many_batches_find_one_row() {
    let folder = shop();
    let rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                INSERT INTO t SELECT i, printf('%.100c', 'x') FROM n;";
    folder.sql("a.db", rows);
    folder.sql(
        "b.db",
        &format!("{rows} UPDATE t SET v = replace(v, 'xx', 'xy') WHERE id = 49999; DELETE FROM t WHERE id = 25000;"),
    );
    assert_snapshot!(steady(&folder.syncline(&["compare", "a.db", "b.db"]).exits(3).out), @r"
    t: 50,000 rows in a.db, 49,999 rows in b.db
      id=25000: only in a.db
      id=49999: differs in v
    different: 1 of 1 table, 50,000 rows in TIME s
    ");
}
