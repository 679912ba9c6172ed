//! What the triggers record, and what arrives of it.

use super::Pair;

/// F22, F25, F26: whatever way a row is changed, the sink's row becomes the same.
#[test]
fn every_way_to_change_a_row_arrives() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, u varchar(20) UNIQUE, v varchar(50)); CREATE TABLE o (id int PRIMARY KEY, v int);
         INSERT INTO t VALUES (1,'a',1),(2,'b',2),(3,'c',3),(4,'d',4); INSERT INTO o VALUES (1,1),(2,2)",
    );
    pair.caught_up();
    for sql in [
        "INSERT INTO t VALUES (10, 'j', NULL)",
        "UPDATE t SET id = id + 100",
        "UPDATE t SET id = id - 100 ORDER BY id",
        "REPLACE INTO t VALUES (2, 'bb', NULL)",
        // Takes the rows 2 and 3 away.
        "REPLACE INTO t VALUES (2, 'c', 'two became three')",
        "INSERT IGNORE INTO t VALUES (1, 'z', 'never'), (20, 'y', 'new')",
        "INSERT INTO t VALUES (1, 'a', 'upserted'), (21, 'x', 'new') ON DUPLICATE KEY UPDATE v = VALUES(v)",
        "UPDATE IGNORE t SET u = 'a' WHERE id IN (4, 20)",
        "UPDATE t JOIN o ON t.id = o.id SET t.v = 'joined', o.v = o.v + 1",
        "DELETE t, o FROM t JOIN o ON t.id = o.id WHERE t.id = 2",
        "BEGIN; DELETE FROM t WHERE id = 10; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; INSERT INTO t VALUES (11,'k',11); COMMIT",
        "BEGIN; DELETE FROM t; ROLLBACK",
        "UPDATE t SET v = 'twice' WHERE id = 11; UPDATE t SET v = 'and again' WHERE id = 11",
        "INSERT INTO t SELECT seq, seq, seq FROM seq_1000_to_2500",
        "UPDATE t SET v = CONCAT(v, '!') WHERE id >= 1000",
        "BEGIN; UPDATE t SET id = -1 WHERE id = 1000; UPDATE t SET id = 1000 WHERE id = 1001; UPDATE t SET id = 1001 WHERE id = -1; COMMIT",
        "DELETE FROM t",
        "INSERT INTO t VALUES (1, 'a', 'new')",
    ] {
        pair.arrives(sql, &["t", "o"]);
    }
}

/// The server fires the trigger of a row that `UPDATE IGNORE` leaves as it was.
#[test]
fn what_is_ignored_has_not_happened() {
    let pair = Pair::new(
        "CREATE TABLE p (id int PRIMARY KEY, u int UNIQUE, v int, k varchar(9) COLLATE utf8mb4_general_ci UNIQUE); CREATE TABLE c (id int PRIMARY KEY, p int, v int, FOREIGN KEY (p) REFERENCES p (id));
         INSERT INTO p VALUES (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, 3, 3, 'c'), (4, NULL, NULL, NULL); INSERT INTO c VALUES (1, 1, 1), (2, 1, 2)",
    );
    pair.caught_up();
    for sql in [
        "UPDATE IGNORE p SET u = 2, v = v + 1",
        "UPDATE IGNORE p SET id = 2, v = v + 1",
        "UPDATE IGNORE p SET id = id + 1",
        "UPDATE IGNORE p SET k = 'A'",
        "UPDATE IGNORE p SET k = UPPER(k)",
        "UPDATE IGNORE c SET p = 99, v = v + 1",
        "UPDATE IGNORE c SET p = 3",
        "UPDATE IGNORE p JOIN c ON c.p = p.id SET p.u = 2, c.p = 98, p.v = 7",
        "UPDATE p SET id = id + 100 WHERE id <> 3",
        "DELETE IGNORE FROM p",
        "DELETE IGNORE p FROM p",
        "INSERT IGNORE INTO p (id, u) VALUES (3, 7), (50, 2), (51, 51) ON DUPLICATE KEY UPDATE u = 51",
        "INSERT IGNORE INTO c VALUES (1, 1, 1), (9, 97, 1), (10, 3, 1)",
        "UPDATE c SET p = NULL; UPDATE p SET id = id + 1 ORDER BY id DESC; UPDATE p SET id = id - 1 ORDER BY id",
    ] {
        pair.arrives(sql, &["p", "c"]);
    }
}

/// An update that changes nothing writes nothing; one that changes case, blanks, a sign or a label's number does.
#[test]
fn only_what_changes_is_recorded() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(20) COLLATE utf8mb4_general_ci, l text COLLATE utf8mb4_general_ci, d double,
         e enum('x', 'y'), s set('p', 'q'), n decimal(6,2), b varbinary(9), g geometry, j json, ts timestamp(6) NULL);
         INSERT INTO t VALUES (1, 'x', 'x', 0, 'x', 'p', 1, 'x', POINT(1, 2), '{\"a\":1}', '2024-01-01 00:00:00')",
    );
    pair.caught_up();
    for (sql, recorded) in [
        (
            "UPDATE t SET a = 'x', l = 'x', d = 0, e = 'x', s = 'p', n = 1.00, b = 'x', g = POINT(1, 2), j = '{\"a\":1}'",
            "0",
        ),
        ("UPDATE t SET a = 'X'", "1"),
        ("UPDATE t SET a = 'X '", "1"),
        ("UPDATE t SET a = NULL", "1"),
        ("UPDATE t SET a = ''", "1"),
        ("UPDATE t SET l = 'X'", "1"),
        ("UPDATE t SET d = -0e0", "1"),
        ("UPDATE t SET e = 'y'", "1"),
        ("UPDATE t SET s = 'p,q'", "1"),
        ("UPDATE t SET b = 'x\\0'", "1"),
        ("UPDATE t SET g = POINT(1, 3)", "1"),
        ("UPDATE t SET j = '{\"a\": 1}'", "1"),
        ("UPDATE t SET ts = ts + INTERVAL 1 MICROSECOND", "1"),
    ] {
        pair.from.sql(&format!("{sql};"));
        assert_eq!(pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;"), recorded, "{sql}");
        pair.caught_up();
        pair.same(&["t"], sql);
    }
}

/// F28: a long text that an update leaves alone is neither recorded nor sent, and stays as it is.
#[test]
fn an_unchanged_long_column_is_left_out() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, l longtext, n int, b blob, v varchar(2000)); INSERT INTO t VALUES (1, REPEAT('x', 1000000), 1, 'b', 'v')",
    );
    pair.caught_up();
    pair.from.sql("UPDATE t SET n = 2;");
    assert_eq!(
        pair.from.sql("SELECT o1 IS NULL, n1 IS NULL, o3 IS NULL, n4 IS NULL, o4 FROM syncline_log_1;"),
        "1|1|1|1|v"
    );
    assert_eq!(pair.from.sql("SELECT bytes FROM syncline_outbox;"), "1");
    pair.caught_up();
    pair.same(&["t"], "the update");
}

/// Every type, and values that only a lax session can store.
#[test]
fn every_type_is_captured_exactly() {
    let pair = Pair::new(
        "CREATE TABLE t (id int unsigned AUTO_INCREMENT PRIMARY KEY, latin varchar(20) CHARACTER SET latin1, u16 text CHARACTER SET utf16,
         note longtext, created datetime(6), updated timestamp(3) NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
         bal decimal(65,30), flag tinyint(1), meta json, photo mediumblob, kind enum('a','b,c','d''e'), tags set('x','y','z'),
         f float, d double, tm time(3), dt date, y year, b bit(64), u uuid, ip inet6, g geometry, big bigint unsigned,
         fixed binary(4), c char(5), twice decimal(65,30) AS (bal * 2), stored int AS (flag + 1) STORED, `odd name ü` int, z int(5) zerofill,
         varb varbinary(300))",
    );
    pair.caught_up();
    for sql in [
        "INSERT INTO t (latin, u16, note, created, bal, flag, meta, photo, kind, tags, f, d, tm, dt, y, b, u, ip, g, big, fixed, c, `odd name ü`, z, varb) VALUES
         ('café', '🎉', 'tab\\there\\nnl\\\\bs\\0nul', '2024-02-29 12:34:56.123456', -12.34, 2, '{\"b\":1,  \"a\":[1.0]}', X'00ff0a0d5c0927',
         'b,c', 'x,z', 1.17549e-38, 0.1, '23:59:59.999', '9999-12-31', 2155, ~0, '123e4567-e89b-12d3-a456-426614174000', '::1',
         POINT(1.5, -2.25), 18446744073709551615, X'00010200', 'ab', -7, 42, REPEAT(X'00ff', 150))",
        "INSERT INTO t (note) VALUES (NULL), ('')",
        "SET sql_mode = ''; INSERT INTO t (dt, created, tm, tags, y) VALUES ('2000-02-31', '0000-00-00', '-838:59:59', 'none', 0)",
        "SET sql_mode = 'ALLOW_INVALID_DATES'; INSERT INTO t (dt, created) VALUES ('2001-00-01', '2001-01-00 01:02:03.000004')",
        "UPDATE t SET kind = 'a' WHERE kind IS NULL; UPDATE t SET d = -0e0, f = -0e0, bal = -1e-30 WHERE id < 4",
        "SET sql_mode = ''; UPDATE t SET dt = '0000-00-00', created = '2000-00-00' WHERE id > 1",
        "UPDATE t SET latin = 'CAFÉ', u16 = NULL, note = REPEAT('é', 70000), photo = NULL, u = UUID(), ip = '::ffff:1.2.3.4', g = NULL, b = 0, tags = '' WHERE id = 1",
        "UPDATE t SET id = id + 1000",
        "DELETE FROM t WHERE id > 1001",
    ] {
        pair.arrives(sql, &["t"]);
    }
}

/// A label that is none, as a lax session can store it, is captured and never held against the application.
#[test]
fn an_enum_without_a_label_is_captured() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, e enum('a', 'b'), s set('x', 'y'))");
    pair.caught_up();
    pair.from.sql(
        "SET sql_mode = ''; INSERT INTO t VALUES (1, 'none', 'none'); UPDATE t SET e = 'a'; UPDATE t SET e = 'none';",
    );
    assert_eq!(pair.from.sql("SELECT o1 + 0, n1 + 0 FROM syncline_log_1;"), "NULL|0\n0|1\n1|0");
}

/// A trigger of the application that writes to another table must not be recorded before the change that fired it, whether
/// it was there before ours or came later.
#[test]
fn triggers_of_the_application_come_after_ours() {
    let pair = Pair::new(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent int NOT NULL, FOREIGN KEY (parent) REFERENCES parent (id));
         CREATE TRIGGER early AFTER INSERT ON parent FOR EACH ROW INSERT INTO child VALUES (NEW.id * 10, NEW.id)",
    );
    pair.caught_up();
    let order = "SELECT c.name FROM syncline_outbox o JOIN syncline_capture c ON c.log = o.log ORDER BY o.id;";
    pair.from.sql("INSERT INTO parent VALUES (1);");
    assert_eq!(pair.from.sql(order), "parent\nchild");
    pair.caught_up();
    pair.from.sql("CREATE TRIGGER later AFTER INSERT ON parent FOR EACH ROW PRECEDES syncline_1_insert INSERT INTO child VALUES (NEW.id * 10 + 1, NEW.id);");
    let logs = pair.from.sql("SELECT log, name FROM syncline_capture ORDER BY log;");
    // Seen at the start, and mended because the job may install; nothing was missed, so nothing is loaded again.
    pair.caught_up();
    assert_eq!(pair.from.sql("SELECT log, name FROM syncline_capture ORDER BY log;"), logs);
    pair.from.sql("INSERT INTO parent VALUES (2);");
    assert_eq!(pair.from.sql(order), "parent\nchild\nchild");
    pair.caught_up();
    pair.same(&["parent", "child"], "both");
}

/// Leaving the filter is a delete, entering it an insert of the whole row.
#[test]
fn a_filter_is_applied_to_changes() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, region text, note text)");
    pair.job("capture: trigger, install: auto, tables: {t: {where: \"region = 'EU'\"}}");
    pair.from.sql("INSERT INTO t VALUES (1,'EU','one'), (2,'US','two');");
    pair.caught_up();
    pair.from.sql("UPDATE t SET region = 'US' WHERE id = 1; UPDATE t SET region = 'EU' WHERE id = 2; INSERT INTO t VALUES (3,'US','three');");
    pair.caught_up();
    assert_eq!(pair.to.sql("SELECT * FROM t;"), "2|EU|two");
    pair.from.sql("UPDATE t SET note = 'kept' WHERE id = 2; DELETE FROM t WHERE id = 1;");
    pair.caught_up();
    assert_eq!(pair.to.sql("SELECT * FROM t;"), "2|EU|kept");
}

/// The same changes arrive in a file of another brand.
#[test]
fn a_sink_of_another_brand_follows() {
    let pair = Pair::new(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), d datetime(6)); INSERT INTO t VALUES (1, 'a', '2024-01-02 03:04:05.6')",
    );
    pair.file(&pair.from.url(), "{live: {from: a, to: lite, capture: trigger, install: auto}}");
    pair.caught_up();
    pair.from.sql("UPDATE t SET v = 'b'; INSERT INTO t VALUES (2, 'c', NULL); UPDATE t SET id = 7 WHERE id = 1;");
    pair.caught_up();
    assert_eq!(pair.folder.sql("lite.db", "SELECT * FROM t ORDER BY id"), "2|c|\n7|b|2024-01-02 03:04:05.600");
}
