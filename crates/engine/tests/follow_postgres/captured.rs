//! What the triggers record, and what arrives of it.

use super::Followed;

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, u text UNIQUE DEFERRABLE INITIALLY DEFERRED, v text); \
    CREATE TABLE p (a int, b text COLLATE \"C\", v text, PRIMARY KEY (a, b)); \
    INSERT INTO t VALUES (1, 'a', '1'), (2, 'b', '2'), (3, 'c', '3'), (4, 'd', '4'); \
    INSERT INTO p VALUES (1, 'x', 'one'), (2, 'y', 'two');";

/// F22, F25, F26: whatever way a row is changed, the sink's row becomes the same.
#[test]
fn every_way_to_change_a_row_arrives() {
    let f = Followed::new(TABLES);
    f.caught_up();
    for sql in [
        "UPDATE t SET id = id + 100;",
        "BEGIN; UPDATE t SET id = -1 WHERE id = 101; UPDATE t SET id = 101 WHERE id = 104; UPDATE t SET id = 104 WHERE id = -1; COMMIT;",
        "BEGIN; UPDATE t SET u = 'b' WHERE id = 103; UPDATE t SET u = 'c' WHERE id = 102; COMMIT;",
        "UPDATE p SET a = 3 - a;",
        "BEGIN; UPDATE p SET a = -a; UPDATE p SET b = b || b, v = NULL; DELETE FROM p WHERE a = -1; COMMIT;",
        "INSERT INTO t VALUES (101, 'z', 'upserted') ON CONFLICT (id) DO UPDATE SET v = excluded.v;",
        "INSERT INTO t VALUES (101, 'z', 'never') ON CONFLICT DO NOTHING;",
        "MERGE INTO t USING (VALUES (101, 'm'), (9, 'n'), (102, NULL)) s (id, v) ON t.id = s.id \
         WHEN MATCHED AND s.v IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v \
         WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v, s.v);",
        "BEGIN; INSERT INTO t VALUES (11, 'k', 'k'); TRUNCATE t; INSERT INTO t VALUES (12, 'l', 'l'); COMMIT;",
        "TRUNCATE p, t;",
        "INSERT INTO t SELECT i, i, repeat('x', i) FROM generate_series(1, 300) i;",
        "DELETE FROM t WHERE id % 3 = 0; UPDATE t SET v = 'again' WHERE id % 2 = 0; UPDATE t SET v = v;",
        "WITH d AS (DELETE FROM t WHERE id < 50 RETURNING *) INSERT INTO t SELECT id + 1000, u, v FROM d;",
    ] {
        f.from.sql(sql);
        f.arrives(&["t", "p"]);
    }
}

/// An update that changes nothing writes nothing; one that changes what equality passes over does.
#[test]
fn only_what_changes_is_recorded() {
    let collation = "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);";
    let f = Followed::new(&format!(
        "{collation} CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8, s text COLLATE nocase, c char(4), i interval, j jsonb); \
         INSERT INTO t VALUES (1, 1, 0, 'a', 'x', '1 day', '1');",
    )).one_sink();
    f.to.sql(collation);
    f.caught_up();
    let recorded = |sql: &str| {
        f.from.sql(sql);
        let recorded = f.from.sql("SELECT count(*) FROM syncline_log_1;");
        f.caught_up();
        recorded
    };
    assert_eq!(recorded("UPDATE t SET n = 1, f = 0, s = 'a', c = 'x', i = '1 day', j = '1';"), "0");
    assert_eq!(recorded("UPDATE t SET n = 1.00;"), "1");
    assert_eq!(recorded("UPDATE t SET f = '-0';"), "1");
    assert_eq!(recorded("UPDATE t SET s = 'A';"), "1");
    assert_eq!(recorded("UPDATE t SET i = '24 hours';"), "1");
    assert_eq!(recorded("UPDATE t SET j = '1.0';"), "1");
    assert_eq!(recorded("UPDATE t SET c = 'x';"), "0");
    assert_eq!(recorded("UPDATE t SET c = NULL;"), "1");
}

/// F28: a long text that an update leaves alone is neither recorded nor sent, and stays as it is.
#[test]
fn an_unchanged_long_column_is_left_out() {
    let f = Followed::new("CREATE TABLE t (id int PRIMARY KEY, long text, arr int[], n int);");
    f.from
        .sql("INSERT INTO t SELECT 1, string_agg(md5(i::text), ''), array_agg(i), 1 FROM generate_series(1, 30000) i;");
    f.caught_up();
    f.from.sql("UPDATE t SET n = 2;");
    assert_eq!(f.from.sql("SELECT o1 IS NULL AND n1 IS NULL AND o2 IS NULL AND n2 IS NULL FROM syncline_log_1;"), "t");
    f.arrives(&["t"]);
}

/// What is short is recorded as one value, what may be long beside it; there may be nothing of either, and the old and new
/// row together may be wider than a page.
#[test]
fn short_and_long_columns_in_any_number_arrive() {
    let wide: String = (0..250).map(|i| format!(", w{i} varchar(40)")).collect();
    let text = "repeat('x', 20) || g";
    let filled = format!("SELECT g{} FROM generate_series(1, 3) g", format!(", {text}").repeat(250));
    let f = Followed::new(&format!(
        "CREATE TABLE long (k text PRIMARY KEY, v text); INSERT INTO long VALUES ('a', 'x'), ('b', NULL), ('c', '');
         CREATE TABLE short (k int PRIMARY KEY, v varchar(9)); INSERT INTO short VALUES (1, 'x'), (2, NULL), (3, '');
         CREATE TABLE one (k text PRIMARY KEY, n int); INSERT INTO one VALUES ('a', 1), ('b', NULL);
         CREATE TABLE bare (k int PRIMARY KEY); INSERT INTO bare VALUES (1), (2);
         CREATE TABLE wide (id int PRIMARY KEY{wide}); INSERT INTO wide {filled};"
    ));
    f.caught_up();
    f.from.sql(
        "UPDATE long SET v = 'y' WHERE k <> 'c'; UPDATE long SET k = 'd', v = NULL WHERE k = 'c'; DELETE FROM long WHERE k = 'a';
         UPDATE short SET v = '' WHERE k < 3; UPDATE short SET k = 4, v = NULL WHERE k = 3; DELETE FROM short WHERE k = 1;
         UPDATE one SET n = 2 WHERE k = 'b'; UPDATE one SET k = 'c', n = NULL WHERE k = 'a'; INSERT INTO one VALUES ('', 0);
         UPDATE bare SET k = 3 WHERE k = 1; DELETE FROM bare WHERE k = 2; INSERT INTO bare VALUES (9);
         UPDATE wide SET w7 = NULL, w249 = 'changed' WHERE id = 1; UPDATE wide SET id = 9 WHERE id = 2; DELETE FROM wide WHERE id = 3;",
    );
    f.arrives(&["long", "short", "one", "bare", "wide"]);
}

/// Values are exact whatever the application's sessions are set to, since nobody makes text of them there.
#[test]
fn odd_settings_of_the_application_change_nothing() {
    let types =
        "CREATE TYPE mood AS ENUM ('sad', 'so \"so\"'); CREATE DOMAIN pos AS numeric(10,3) NOT NULL CHECK (value > 0);";
    let f = Followed::new(&format!(
        "{types} CREATE SCHEMA \"o d'd\"; \
         CREATE TABLE \"o d'd\".\"t \"\"x\"\" \\y\" (\"a\\b\" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, f float8, r real, b bytea, ts timestamptz, d date, \
         i interval, m mood, p pos, g numeric GENERATED ALWAYS AS (p * 2) STORED, \"select\" text[], \"$1\" inet, \
         \"syncline\" money, tt timetz, x xml, ar mood[], rng int4range);",
    )).one_sink();
    f.to.sql(types);
    let table = "\"o d'd\".\"t \"\"x\"\" \\y\"";
    f.caught_up();
    let odd = "SET extra_float_digits = -10; SET TimeZone = 'Asia/Kathmandu'; SET bytea_output = 'escape'; \
        SET IntervalStyle = 'sql_standard'; SET DateStyle = 'SQL, DMY'; SET lc_monetary = 'C'; SET search_path = ''; \
        SET standard_conforming_strings = off; SET check_function_bodies = off; SET transform_null_equals = on;";
    let values = "0.1::float8 + 0.2, 1.1, '\\\\x00ff5c'::bytea, '2021-03-04 05:06:07.123456+00', '2021-03-04'::date, \
        '1 year 2 days 03:04:05.000006', 'so \"so\"', 12.345, ARRAY['a,b', NULL, '\"'], '10.0.0.1/8', '12.34', \
        '01:02:03+04:30', '<a>b</a>', '{sad,sad}', '[1,5)'";
    let columns = "f, r, b, ts, d, i, m, p, \"select\", \"$1\", \"syncline\", tt, x, ar, rng";
    f.from.sql(&format!(
        "{odd} INSERT INTO {table} ({columns}) VALUES ({values}); INSERT INTO {table} (p, ts, f) VALUES (1, 'infinity', 'NaN');"
    ));
    f.arrives(&[table]);
    f.from.sql(&format!(
        "{odd} UPDATE {table} SET f = 1.0/3, p = 99.001, ts = ts + interval '1 us', b = b || '\\\\x01'; \
         UPDATE {table} SET m = 'sad', ar = NULL WHERE m IS NULL;"
    ));
    f.arrives(&[table]);
    f.from.sql(&format!("DELETE FROM {table} WHERE f > 0 AND p > 1;"));
    f.arrives(&[table]);
}

/// Triggers of the application that touch the same row are recorded after the change that fired them.
#[test]
fn triggers_of_the_application_come_after_ours() {
    let touch = |name: &str, mark: &str| {
        format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             UPDATE t SET v = v || '{mark}' WHERE id = NEW.id; RETURN NULL; END $$; \
             CREATE TRIGGER {name} AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION {name}();"
        )
    };
    let f = Followed::new(&format!("CREATE TABLE t (id int PRIMARY KEY, v text); {}", touch("\"0touch\"", "!")));
    f.caught_up();
    f.from.sql(&touch("later", "?"));
    f.from.sql(
        "CREATE FUNCTION deferred() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         UPDATE t SET v = v || '.' WHERE id = NEW.id; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER z AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deferred();",
    );
    f.from.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b');");
    f.arrives(&["t"]);
    assert_eq!(f.to.sql("SELECT v FROM t ORDER BY id;"), "a!?.\nb!?.");
    // One that sorts before ours is named, and never quietly recorded in the wrong order.
    f.from.sql("ALTER TRIGGER later ON t RENAME TO \" first\";");
    let refused = f.folder.syncline(&["run", "live"]);
    assert!(refused.err.contains("trigger  first would run before Syncline's"), "{}", refused.err);
}

/// Leaving the filter is a delete, entering it an insert of the whole row.
#[test]
fn a_filter_is_applied_to_changes() {
    let f = Followed::new("CREATE TABLE t (id int PRIMARY KEY, region text, note text);");
    f.job("install: auto, tables: {t: {where: \"region = 'EU'\"}}");
    f.from.sql("INSERT INTO t VALUES (1,'EU','one'), (2,'US','two');");
    f.caught_up();
    f.from.sql("UPDATE t SET region = 'US' WHERE id = 1; UPDATE t SET region = 'EU' WHERE id = 2; INSERT INTO t VALUES (3,'US','three');");
    f.caught_up();
    assert_eq!(f.to.sql("SELECT * FROM t;"), "2|EU|two");
    f.from.sql("UPDATE t SET note = 'kept' WHERE id = 2; DELETE FROM t WHERE id = 1;");
    f.caught_up();
    assert_eq!(f.to.sql("SELECT * FROM t;"), "2|EU|kept");
}

/// Rows of a partitioned table, also those that move between partitions, and partitions that come later.
#[test]
fn partitions_are_followed() {
    let f = Followed::new(
        "CREATE TABLE t (id int, v text, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); \
         CREATE TABLE t2 (gone int, at int NOT NULL, id int NOT NULL, v text); ALTER TABLE t2 DROP COLUMN gone; \
         ALTER TABLE t ATTACH PARTITION t2 FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 11);",
    );
    f.caught_up();
    f.from.sql("UPDATE t SET at = at + 10 WHERE id = 1; UPDATE t SET v = 'direct'; UPDATE t2 SET v = v || '!';");
    f.from.sql("CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (20) TO (30); INSERT INTO t VALUES (3, 'c', 25); DELETE FROM t WHERE id = 2;");
    let rows = |d: &crate::support::servers::Database| d.sql("SELECT id, v, at FROM t ORDER BY id;");
    f.caught_up();
    assert_eq!(rows(&f.from), rows(&f.to));
    f.from.sql("TRUNCATE t; INSERT INTO t VALUES (9, 'z', 9);");
    f.caught_up();
    assert_eq!(rows(&f.from), rows(&f.to));
}

/// Cascades fire row triggers at PostgreSQL.
#[test]
fn cascades_are_seen() {
    let f = Followed::new(
        "CREATE TABLE parent (id int PRIMARY KEY); \
         CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE); \
         INSERT INTO parent SELECT generate_series(1, 5); INSERT INTO child SELECT i, i FROM generate_series(1, 5) i;",
    );
    f.caught_up();
    f.from.sql("DELETE FROM parent WHERE id = 1; UPDATE parent SET id = id + 10;");
    f.arrives(&["parent", "child"]);
}
