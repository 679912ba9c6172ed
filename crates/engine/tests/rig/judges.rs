//! The client programs print exactly what the server holds.

use crate::support::mariadb::{mariadb, mariadb_refused};
use crate::support::psql::{psql, psql_refused};
use crate::support::servers::Database;

#[test]
fn psql_prints_what_is_there() {
    let place = Database::postgres();
    let sql = "CREATE TABLE t (id int PRIMARY KEY, v text);\n\
               INSERT INTO t VALUES (1, 'ä☃ ''x'' '), (2, NULL), (3, '');\n\
               SELECT * FROM t ORDER BY id;";
    assert_eq!(psql(&place.url(), sql), "1|ä☃ 'x' \n2|NULL\n3|");
    assert_eq!(place.sql("SELECT v FROM t WHERE id = 3;"), "");
}

#[test]
fn psql_is_not_led_by_the_servers_settings() {
    let place = Database::postgres();
    let values = "timestamptz '2026-02-01 12:00+01', interval '1 day 2 hours', '\\x00ff'::bytea, 0.1::float8 + 0.2";
    assert_eq!(
        place.sql(&format!("SELECT {values};")),
        r"2026-02-01 11:00:00+00|1 day 02:00:00|\x00ff|0.30000000000000004"
    );
    // Another session has the server's own, or the judge's settings prove nothing.
    let odd = place.sql(&format!("RESET ALL; SET timezone = DEFAULT; {RESET} SELECT {values};"));
    assert_eq!(odd, r"01/02/2026 16:30:00 IST|1 2:00:00|\000\377|0.3");
}

/// What the judge sets for its session is the session's default; these are the server's.
const RESET: &str = "SET timezone = 'Asia/Kolkata'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; \
                     SET bytea_output = 'escape'; SET extra_float_digits = 0;";

#[test]
fn psql_stops_at_the_first_error() {
    let place = Database::postgres();
    let said = psql_refused(&place.url(), "CREATE TABLE t (id int); SELECT * FROM nothing; DROP TABLE t;");
    assert!(said.contains("42P01"), "{said}");
    assert_eq!(place.sql("SELECT count(*) FROM t;"), "0");
}

#[test]
fn mariadb_prints_what_is_there() {
    let place = Database::mariadb();
    let sql = "CREATE TABLE t (id int PRIMARY KEY, v text);\n\
               INSERT INTO t VALUES (1, 'ä☃ ''x'' '), (2, NULL), (3, ''), (4, 'a\tb\\nc\\\\d|e\r\n');\n\
               SELECT * FROM t ORDER BY id;";
    assert_eq!(mariadb(&place.url(), sql), "1|ä☃ 'x' \n2|NULL\n3|\n4|a\\tb\\nc\\\\d|e\r\\n");
    assert_eq!(place.sql("SELECT hex(v) FROM t WHERE id = 4;"), "6109620A635C647C650D0A");
    assert_eq!(place.sql("SELECT unix_timestamp('2026-02-01 12:00:00'), @@session.time_zone;"), "1769947200|+00:00");
}

#[test]
fn mariadb_knows_delimiters() {
    let place = Database::mariadb();
    place.sql(
        "CREATE TABLE t (id int PRIMARY KEY);\nDELIMITER //\n\
         CREATE TRIGGER twice BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.id = NEW.id * 2; END//\n\
         DELIMITER ;\nINSERT INTO t VALUES (21);",
    );
    assert_eq!(place.sql("SELECT * FROM t;"), "42");
}

#[test]
fn mariadb_stops_at_the_first_error() {
    let place = Database::mariadb();
    let said = mariadb_refused(&place.url(), "CREATE TABLE t (id int); SELECT * FROM nothing; DROP TABLE t;");
    assert!(said.contains("ERROR 1146 (42S02)"), "{said}");
    assert_eq!(place.sql("SELECT count(*) FROM t;"), "0");
}
