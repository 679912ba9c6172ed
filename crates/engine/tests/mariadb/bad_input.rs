//! What a person gets wrong about a server: one clear error, and nothing changed.

use syncline_rig::{Login, PASSWORD};

use crate::support::binary::Folder;
use crate::support::servers::{Database, private_with};

/// A text that must be in no message (I15).
const VALUE: &str = "do-not-show-me";

/// A file with one table of three rows.
fn people(folder: &Folder) {
    folder.sql(
        "lite.db",
        &format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one'), (2, '{VALUE}'), (3, '');"
        ),
    );
}

/// The copy is refused with these words, and says no value and no password.
#[track_caller]
fn refused(folder: &Folder, from: &str, to: &str, words: &[&str]) {
    let ran = folder.syncline(&["copy", from, to]);
    assert_ne!(ran.code, Some(0), "{}", ran.out);
    for word in words {
        assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
    }
    assert!(!ran.err.contains(VALUE) && !ran.err.contains("pa:ss"), "{}", ran.err);
}

#[test]
fn a_server_that_is_not_there() {
    let folder = Folder::new();
    refused(&folder, "mariadb://root@127.0.0.1:1/shop", "sqlite:new.db", &["cannot connect", "address and network"]);
}

#[test]
fn a_wrong_password_an_unknown_database_and_no_database() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    let port = place.server().port();
    let wrong = format!("mariadb://password_user:pa:ss-wrong@127.0.0.1:{port}/{}", place.name());
    refused(&folder, &wrong, "sqlite:new.db", &["1045", "check user and password"]);
    let unknown = format!("mariadb://root@127.0.0.1:{port}/no_such_database");
    refused(&folder, &unknown, "sqlite:new.db", &["there is no such database"]);
    let none = format!("mariadb://root@127.0.0.1:{port}");
    refused(&folder, &none, "sqlite:new.db", &["names no database"]);
    let misspelt = format!("{}?ssl_mod=required", place.url());
    refused(&folder, &misspelt, "sqlite:new.db", &["not known; did you mean `ssl-mode`?"]);
}

#[test]
fn encryption_is_as_it_is_asked_for() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    place.sql(&format!("GRANT ALL ON {}.* TO tls_user;", place.name()));
    let url = |query: &str| format!("{}?{query}", place.url_as(Login::Tls));
    let ca = place.server().ca_file().display().to_string();
    refused(&folder, &url("ssl-mode=disabled"), "sqlite:new.db", &["1045"]);
    let check = |query: &str| folder.syncline(&["check", &url(query)]);
    check("ssl-mode=required").exits(0);
    check(&format!("ssl-mode=verify_identity&ssl-ca={ca}")).exits(0);
    check(&format!("ssl-mode=verify_ca&ssl-ca={ca}")).exits(0);
    // The machine's own authorities have not signed the certificate.
    refused(&folder, &url("ssl-mode=verify_identity"), "sqlite:new.db", &["certificate"]);
    place.sql(&format!("REVOKE ALL ON {}.* FROM tls_user;", place.name()));
}

#[test]
fn a_missing_right_is_named_with_the_grant() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    people(&folder);
    place.sql(&format!("CREATE TABLE other (id int); GRANT SELECT ON {}.other TO password_user;", place.name()));
    let grant =
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `{}`.`t` TO 'password_user'@'%'", place.name());
    refused(&folder, "sqlite:lite.db", &place.url_as(Login::Password), &["the login lacks", &grant]);
    assert_eq!(place.sql("SHOW TABLES;"), "other");
    assert!(!PASSWORD.is_empty());
}

#[test]
fn tables_that_would_change_what_arrives_are_refused() {
    let folder = Folder::new();
    people(&folder);
    for (ddl, words) in [
        ("CREATE TABLE t (id bigint PRIMARY KEY, v longtext) ENGINE=MyISAM;", "has no transactions"),
        (
            "CREATE TABLE t (id bigint PRIMARY KEY, v longtext); \
             CREATE TRIGGER hook BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 'other';",
            "has triggers (hook)",
        ),
        ("CREATE TABLE t (id bigint PRIMARY KEY, v longtext NOT NULL);", "may be null at the source"),
        ("CREATE VIEW t AS SELECT 1 AS id, 'x' AS v;", "there is a view of this name"),
        ("CREATE TABLE t (id bigint, v longtext);", "no primary key or unique index"),
    ] {
        let place = Database::mariadb();
        place.sql(ddl);
        refused(&folder, "sqlite:lite.db", &place.url(), &[words, "nothing was written"]);
        assert_eq!(place.sql("SHOW TABLES;"), "t");
    }
}

#[test]
fn a_row_that_does_not_fit_is_named_and_nothing_of_it_is_kept() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    let many: String = (10..200).map(|i| format!(", ({i}, '{VALUE} {i}')")).collect();
    for (columns, rows, words) in [
        ("v varchar(5)", format!("(1, 'one'), (2, '{VALUE}'){many}"), "row 2 as read"),
        ("v char(9)", "(1, 'one'), (2, 'blank ')".to_owned(), "row 2 as read"),
        ("v varchar(99) CHARACTER SET latin1", format!("(1, 'one'), (2, '{VALUE} 表'){many}"), "row 2 as read"),
        ("v varchar(99) CHECK (v <> 'no')", format!("(1, 'one'), (2, 'yes'), (3, 'no'){many}"), "row 3 as read"),
        ("v varchar(99) UNIQUE", format!("(1, 'one'), (2, '{VALUE}'), (3, '{VALUE}'){many}"), "row 3 as read"),
        ("v enum('a', 'b')", "(1, 'a'), (2, 'B')".to_owned(), "row 2 as read"),
        ("v date", "(1, '2024-02-29'), (2, '2024-02-29 10:00:00')".to_owned(), "row 2 as read"),
    ] {
        let kind = if columns.starts_with("v date") { "DATE" } else { "VARCHAR(5)" };
        let _ = std::fs::remove_file(folder.path("rows.db"));
        folder.sql(
            "rows.db",
            &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind}); INSERT INTO t VALUES {rows};"),
        );
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id bigint PRIMARY KEY, {columns});"));
        refused(&folder, "sqlite:rows.db", &place.url(), &[words, "table t"]);
        assert_eq!(place.sql("SELECT count(*) FROM t;"), "0", "{columns}");
        assert_eq!(place.sql("SHOW TABLES;"), "t", "{columns}");
    }
}

#[test]
fn without_load_data_local_rows_arrive_all_the_same() {
    let server = private_with(syncline_rig::Brand::Mariadb, &[("local_infile", "0")]);
    let (place, folder) = (Database::on(server.address()), Folder::new());
    folder.sql(
        "lite.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, b BLOB, f REAL); \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
         INSERT INTO t SELECT i, 'text ' || i, randomblob(i % 300), i / 7.0 FROM n;",
    );
    let ran = folder.syncline(&["copy", "sqlite:lite.db", &place.url()]).exits(0);
    assert!(
        ran.out.contains("local_infile is off") || ran.err.contains("local_infile is off"),
        "{}{}",
        ran.out,
        ran.err
    );
    folder.syncline(&["compare", "sqlite:lite.db", &place.url()]).exits(0);
    drop(place);
}
