//! Exit codes: 0 done, 1 nothing done, 2 wrong usage, 3 different, 4 done in part.

use super::shop;
use crate::support::judge;

#[test]
fn zero_when_done() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    folder.syncline(&["compare", "shop.db", "sink.db"]).well();
    folder.syncline(&["--help"]).well();
    folder.syncline(&["--version"]).well();
}

#[test]
fn one_when_nothing_was_done() {
    let folder = shop();
    folder.write("text.db", &"this is no database\n".repeat(100));
    folder.syncline(&["copy", "text.db", "sink.db"]).exits(1);
    folder
        .sql("taken.db", "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'Cy'), city TEXT);");
    folder.syncline(&["copy", "shop.db", "taken.db", "--table", "customer"]).exits(1);
    folder.syncline(&["check", "text.db"]).exits(1);
}

#[test]
fn two_when_it_was_called_wrongly() {
    let folder = shop();
    folder.syncline(&[]).exits(2);
    folder.syncline(&["copy"]).exits(2);
    folder.syncline(&["copy", "shop.db", "sink.db", "--no-such-option"]).exits(2);
    folder.syncline(&["copy", "no-such.db", "sink.db"]).exits(2);
    folder.syncline(&["run"]).exits(2);
}

#[test]
fn three_when_different() {
    let folder = shop();
    folder.syncline(&["copy", "shop.db", "sink.db"]).well();
    folder.sql("sink.db", "DELETE FROM customer WHERE id = 3;");
    folder.syncline(&["compare", "shop.db", "sink.db"]).exits(3);
    folder.syncline(&["compare", "shop.db", "sink.db", "--table", "sales_order"]).exits(0);
}

#[test]
fn four_when_one_of_several_sinks_failed() {
    let folder = shop();
    folder
        .sql("taken.db", "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'Cy'), city TEXT);");
    let ran = folder.syncline(&["copy", "shop.db", "good.db", "taken.db", "fine.db"]).exits(4);
    assert!(ran.err.contains("CHECK constraint failed") && ran.err.contains("taken.db"), "{}", ran.err);
    // Whoever can be done is done (F68).
    judge::same(&folder.path("good.db"), &folder.path("shop.db"));
    judge::same(&folder.path("fine.db"), &folder.path("shop.db"));
}

#[test]
fn four_when_one_of_several_tables_failed() {
    let folder = shop();
    folder.sql(
        "taken.db",
        "CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER, total DECIMAL(10,2) CHECK (total < 50));",
    );
    let ran = folder.syncline(&["copy", "shop.db", "taken.db"]).exits(4);
    let out = super::steady(&ran.out);
    assert!(out.contains("  customer done 3 TIME") && out.contains("  sales_order not done\n"), "{out}");
}

#[test]
fn four_when_one_of_several_jobs_failed() {
    let folder = shop();
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {shop: 'sqlite:shop.db', a: 'sqlite:a.db', gone: 'sqlite:gone.db', b: 'sqlite:b.db'}\n\
         jobs:\n  first: {from: shop, to: a}\n  middle: {from: gone, to: a}\n  third: {from: shop, to: b}\n",
    );
    let ran = folder.syncline(&["run"]).exits(4);
    assert!(ran.err.contains("there is no such database file") && ran.err.contains("job middle"), "{}", ran.err);
    judge::same(&folder.path("a.db"), &folder.path("shop.db"));
    judge::same(&folder.path("b.db"), &folder.path("shop.db"));
    // A job that alone fails gives its own code.
    folder.syncline(&["run", "middle"]).exits(2);
}
