//! What goes around triggers, or seems to (F24): it is carried, or noticed, or refused, or at least found by `compare`.
//!
//! That tables which MariaDB's cascades reach are refused: `follow_mariadb/installed.rs`.

use syncline_rig::Brand;

use super::{BRANDS, Source};
use crate::support::binary::{fed, until_answer};
use crate::support::mariadb;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v varchar(30)); INSERT INTO t VALUES (1, 'old'), (2, 'old')";
const ROWS: &str = "SELECT id, v FROM t ORDER BY id";

/// F24: what a reference does to other rows fires their triggers in SQLite and PostgreSQL, and is recorded in its order.
#[test]
fn what_references_do_is_captured() {
    for brand in [None, Some(Brand::Postgres)] {
        let source = Source::new(
            brand,
            "CREATE TABLE parent (id int PRIMARY KEY, v varchar(9)); \
             CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE); \
             CREATE TABLE loose (id int PRIMARY KEY, p int DEFAULT 1 REFERENCES child (id) ON DELETE SET NULL ON UPDATE SET DEFAULT); \
             INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO child VALUES (1, 1), (20, 2), (21, 2), (30, 3); \
             INSERT INTO loose VALUES (5, 20), (6, 30), (7, NULL)",
        );
        source.caught_up();
        let enforced = if brand.is_none() { "PRAGMA foreign_keys = ON; " } else { "" };
        for sql in [
            "UPDATE parent SET id = 4 WHERE id = 3",
            "UPDATE child SET id = 31 WHERE id = 30",
            "DELETE FROM parent WHERE id = 2",
            "INSERT INTO child VALUES (22, 1); UPDATE loose SET p = 22 WHERE id = 7; DELETE FROM parent",
        ] {
            source.sql(&format!("{enforced}{sql}"));
            source.caught_up();
            source.same("SELECT id, v FROM parent ORDER BY id", sql);
            for table in ["child", "loose"] {
                source.same(&format!("SELECT id, COALESCE(p, 0) FROM {table} ORDER BY id"), sql);
            }
        }
        assert_eq!(source.sql("SELECT count(*) FROM loose WHERE p IS NULL"), "3", "the server did as it was told");
    }
}

/// F24: rows that are loaded in bulk fire triggers like others, and so do those that they replace.
#[test]
fn rows_loaded_in_bulk_are_captured() {
    let source = Source::new(Some(Brand::Postgres), TABLE);
    source.caught_up();
    source.sql("COPY t FROM stdin;\n7\tcopied\n8\t\\N\n\\.\n\nUPDATE t SET v = 'then' WHERE id = 8");
    source.caught_up();
    source.same("SELECT id, v FROM t ORDER BY id", "COPY");

    let source = Source::new(
        Some(Brand::Mariadb),
        &TABLE.replace("v varchar", "u int UNIQUE, v varchar").replace("'old'", "NULL, 'old'"),
    );
    source.caught_up();
    let file = source.folder.path("rows");
    let rows = "SELECT id, COALESCE(u, 0), v FROM t ORDER BY id";
    for (text, option) in [
        ("3\t3\tnew\n4\t4\tnew\n", ""),
        ("1\t7\treplaced\n3\t4\ttwo became one\n", "REPLACE "),
        ("1\t8\tnever\n9\t7\tnever\n10\t10\tnew\n", "IGNORE "),
    ] {
        std::fs::write(&file, text).unwrap();
        let sql = format!("LOAD DATA LOCAL INFILE '{}' {option}INTO TABLE t;", file.display());
        let url = source.server.as_ref().unwrap().url();
        fed(mariadb::program(&url).arg("--local-infile=1"), &sql).printed(&sql);
        source.caught_up();
        source.same(rows, option);
    }
    assert_eq!(source.sql(rows), "1|7|replaced\n2|0|old\n3|4|two became one\n10|10|new");
}

/// F24: a trigger that somebody removes or switches off stops a lane, also if nothing is recorded any more that would wake
/// it; what went unseen meanwhile comes with the load.
#[test]
fn a_trigger_that_is_switched_off_stops_a_lane() {
    for (brand, meddling, said) in [
        (None, "DROP TRIGGER syncline_1_update", "syncline_1_update"),
        (Some(Brand::Postgres), "ALTER TABLE t DISABLE TRIGGER USER", "!syncline_1 was changed or switched off"),
        (Some(Brand::Mariadb), "DROP TRIGGER syncline_1_update", "trigger syncline_1_update is missing"),
    ] {
        let source = Source::new(brand, TABLE);
        let running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
        until_answer("1|old\n2|old", || {
            let there = source.folder.sql("b.db", "SELECT count(*) FROM sqlite_schema WHERE name = 't'");
            if there == "1" { source.folder.sql("b.db", ROWS) } else { there }
        });
        source.sql("UPDATE t SET v = 'seen'");
        until_answer("1|seen\n2|seen", || source.folder.sql("b.db", ROWS));
        source.sql(&format!("{meddling}; UPDATE t SET v = 'unseen'"));
        let ended = running.ends().exits(4);
        assert!(ended.err.contains(said) && ended.err.contains("syncline install"), "{brand:?}: {}", ended.err);
        assert_eq!(source.folder.sql("b.db", ROWS), "1|seen\n2|seen");
        source.caught_up();
        source.same(ROWS, meddling);
    }
}

/// F24: what the guide names as not seen is not recorded, and everything that stands beside it is; `compare` finds it, and
/// `resync` mends it.
#[test]
fn what_no_trigger_sees_is_found_by_compare() {
    let parted = "CREATE TABLE t (id int PRIMARY KEY, v varchar(30)) PARTITION BY RANGE (id)";
    let postgres = format!(
        "{parted}; CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20); \
         CREATE TABLE t3 (id int NOT NULL, v varchar(30)); INSERT INTO t VALUES (1, 'a'), (11, 'b'); INSERT INTO t3 VALUES (21, 'c')"
    );
    let mariadb = format!(
        "{parted} (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (20)); \
         CREATE TABLE other (id int PRIMARY KEY, v varchar(30)); INSERT INTO t VALUES (1, 'a'), (11, 'b'); INSERT INTO other VALUES (2, 'c')"
    );
    let lite = TABLE.to_owned();
    for (brand, schema, unseen) in [
        (None, &lite, ".dbconfig enable_trigger off\nDELETE FROM t WHERE id = 2"),
        (Some(Brand::Postgres), &postgres, "SET session_replication_role = replica; INSERT INTO t VALUES (2, 'x')"),
        (Some(Brand::Postgres), &postgres, "ALTER TABLE t ATTACH PARTITION t3 FOR VALUES FROM (20) TO (30)"),
        (Some(Brand::Postgres), &postgres, "ALTER TABLE t DETACH PARTITION t2"),
        (Some(Brand::Postgres), &postgres, "TRUNCATE t2"),
        (Some(Brand::Mariadb), &mariadb, "TRUNCATE TABLE t"),
        (Some(Brand::Mariadb), &mariadb, "ALTER TABLE t TRUNCATE PARTITION p2"),
        (Some(Brand::Mariadb), &mariadb, "ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE other"),
    ] {
        let source = Source::new(brand, schema);
        source.jobs("live: {from: a, to: b, capture: trigger, install: auto, tables: {t: {}}}");
        source.caught_up();
        let before = source.folder.sql("b.db", ROWS);
        source.sql(unseen);
        source.caught_up();
        assert_eq!(source.folder.sql("b.db", ROWS), before, "{unseen}");
        source.folder.syncline(&["compare", "a", "b", "--table", "t"]).exits(3);
        source.folder.syncline(&["resync", "live"]).well();
        source.caught_up();
        source.same(ROWS, unseen);
        source.sql("INSERT INTO t VALUES (3, 'seen again')");
        source.caught_up();
        source.same(ROWS, "what is seen");
    }
}

/// F24: an emptied table is carried where the server tells of it.
#[test]
fn an_emptied_table_is_carried() {
    for (brand, sql) in BRANDS.into_iter().zip(["DELETE FROM t", "TRUNCATE t", "DELETE FROM t"]) {
        let source = Source::new(brand, TABLE);
        source.caught_up();
        source.sql(&format!("INSERT INTO t VALUES (3, 'x'); {sql}; INSERT INTO t VALUES (4, 'after')"));
        source.caught_up();
        source.same(ROWS, sql);
        assert_eq!(source.folder.sql("b.db", ROWS), "4|after");
    }
}
