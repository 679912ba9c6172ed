//! What is wrong on the command line.

use insta::assert_snapshot;

use crate::support::binary::Folder;

fn shop() -> Folder {
    let folder = Folder::new();
    folder.sql(
        "shop.db",
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE visit (customer INTEGER, day DATE);
         CREATE TABLE note (text TEXT);
         CREATE VIEW regulars AS SELECT * FROM customer;
         INSERT INTO customer VALUES (1, 'a'), (2, 'b');
         INSERT INTO visit VALUES (1, '2026-01-01'), (1, '2026-01-02');",
    );
    folder
}

#[test]
fn words_that_mean_nothing() {
    let folder = shop();
    assert_snapshot!(folder.refuses(&["copy", "shop", "sink.db"]), @r"
    exit 2
    error: there is no connection `shop`
      → a file would be `./shop`
    ");
    assert_snapshot!(folder.refuses(&["copy", "oracle:shop", "sink.db"]), @r"
    exit 2
    error: the URL has an unknown scheme `oracle`
      → known are sqlite, memory, postgres, postgresql, mysql, mariadb, mssql, sqlserver, odbc, http, https, file, sftp, ftp, s3, azblob, gdrive, dropbox, onedrive, webdav, kafka, nats
    ");
    assert_snapshot!(folder.refuses(&["copy", "sqlit:shop.db", "sink.db"]), @r"
    exit 2
    error: the URL has an unknown scheme `sqlit`; did you mean `sqlite`?
      → known are sqlite, memory, postgres, postgresql, mysql, mariadb, mssql, sqlserver, odbc, http, https, file, sftp, ftp, s3, azblob, gdrive, dropbox, onedrive, webdav, kafka, nats
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--mode", "replace"]), @r"
    exit 2
    error: invalid value 'replace' for '--mode <MODE>'
      [possible values: upsert, truncate]

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db"]), @r"
    exit 2
    error: the following required arguments were not provided:
      <TO>...

    Usage: syncline copy <FROM> <TO>...

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.refuses(&["xyzzy"]), @r"
    exit 2
    error: unrecognized subcommand 'xyzzy'

    Usage: syncline [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn tables_that_are_not_there() {
    let folder = shop();
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "custmer"]), @r"
    exit 2
    error: no such table custmer; did you mean customer? [source shop.db]
      → `syncline check shop.db` lists the tables
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "inv*"]), @r"
    exit 2
    error: no table matches inv* [source shop.db]
      → `syncline check shop.db` lists the tables
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "regulars"]), @r"
    exit 1
    error: regulars cannot be copied: a view holds no rows of its own [source shop.db]
      → name tables, not views; the sink can have the view over them
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "\"customer"]), @r#"
    exit 2
    error: `"customer` is not a table pattern: a quote is not closed
      → write `table` or `schema.table`; `*` and `?` stand for any characters and for one
    "#);
    assert_snapshot!(folder.refuses(&["compare", "shop.db", "shop.db", "--table", "custmer"]), @r"
    exit 2
    error: no such table custmer; did you mean customer?
      → neither shop.db nor shop.db has it
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--exclude", "*"]), @r"
    exit 2
    error: there is no table to read [source shop.db]
      → check the name; `syncline check` lists what is there
    ");
}

#[test]
fn tables_without_a_key() {
    let folder = shop();
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db"]), @r"
    exit 1
    error: 2 tables have no key: note, visit
      → name a key for each with `--key TABLE=COLUMN,...` or `key:` in the file, or leave them out with `--exclude`
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "visit"]), @r"
    exit 1
    error: the table has no key, so its rows cannot be told apart [table visit]
      → name one with `--key TABLE=COLUMN,...` or `key:`, or leave the table out with `--exclude`
    ");
    assert_snapshot!(folder.refuses(&["compare", "shop.db", "shop.db", "--table", "visit"]), @r"
    exit 1
    error: the table has no key, so its rows cannot be told apart [table visit]
      → name one with `--key TABLE=COLUMN,...` or `key:`, or leave the table out with `--exclude`
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--key", "visit"]), @r"
    exit 2
    error: --key `visit` names no columns
      → write --key TABLE=COLUMN or --key TABLE=COLUMN,COLUMN
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--key", "visit="]), @r"
    exit 2
    error: --key names no columns
      → write --key TABLE=COLUMN or --key TABLE=COLUMN,COLUMN
    ");
    assert_snapshot!(folder.refuses(&["copy", "shop.db", "sink.db", "--table", "visit", "--key", "visit=dya"]), @r"
    exit 2
    error: table visit has no column dya; did you mean day? [table visit]
      → correct the command line or the configuration file
    ");
    // A key that is named helps, if it is one.
    folder.syncline(&["copy", "shop.db", "good.db", "--table", "visit", "--key", "visit=customer,day"]).well();
    let key = ["--table", "visit", "--key", "visit=customer"];
    assert_snapshot!(folder.refuses(&[&["compare", "shop.db", "shop.db"], &key[..]].concat()), @r"
    exit 1
    error: two rows have the same key [connection shop.db, table visit]
      → name a key that is unique with `--key TABLE=COLUMN,...`
    ");
    let ran = folder.syncline(&[&["copy", "shop.db", "sink.db"], &key[..]].concat()).exits(1);
    assert_snapshot!(ran.err, @r"
    error: the sink refused a change [table visit, row 2 as read, connection sink.db]: UNIQUE constraint failed: visit.customer
      → look at the row named here, on both sides
    ");
    assert_eq!(folder.sql("sink.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'visit';"), "0");
}

#[test]
fn a_key_that_hits_nothing() {
    let folder = shop();
    let wrong = ["copy", "shop.db", "sink.db", "--table", "customer", "--key", "vist=customer,day"];
    assert_snapshot!(folder.refuses(&wrong), @r"
    exit 2
    error: no such table vist; did you mean visit? [source shop.db]
      → `syncline check shop.db` lists the tables
    ");
}

#[test]
fn one_database_twice() {
    let folder = shop();
    std::os::unix::fs::symlink(folder.path("shop.db"), folder.path("link.db")).unwrap();
    let table = ["--table", "customer"];
    let refused = |to: &[&str]| folder.refuses(&[&["copy", "shop.db"], to, &table[..]].concat());
    assert_snapshot!(refused(&["shop.db"]), @r"
    exit 2
    error: source and sink are the same database [source shop.db, sink shop.db]
      → name another sink
    ");
    assert_snapshot!(refused(&["./shop.db"]), @r"
    exit 2
    error: source and sink are the same database [source shop.db, sink ./shop.db]
      → name another sink
    ");
    assert_snapshot!(refused(&["link.db"]), @r"
    exit 2
    error: source and sink are the same database [source shop.db, sink link.db]
      → name another sink
    ");
    assert_snapshot!(refused(&["sink.db", "./sink.db"]), @r"
    exit 2
    error: two sinks are the same database [sink sink.db, sink ./sink.db]
      → name each sink once
    ");
}

#[test]
fn a_configuration_is_not_overwritten() {
    let folder = shop();
    folder.syncline(&["init", "shop.db", "sink.db"]).well();
    assert_snapshot!(folder.refuses(&["init", "shop.db", "sink.db"]), @r"
    exit 2
    error: the file is already there; nothing was written [file syncline.yaml]
      → remove it first, or name another with `--config FILE`
    ");
}
