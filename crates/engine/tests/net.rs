//! Net effects: many changes in few statements, with the outcome of one by one (I4).

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline::connector::{Sink, WriteReport};
use syncline_model::change::ChangeBuf;
use syncline_model::{CellBuf, ChangeBatch, ErrorKind, TableSchema};

use crate::support::batches::{
    INT, Row, TEXT, changes_as_numbered, delete, image, insert, row, snapshot, table, truncate, unit, update,
};
use crate::support::binary::Folder;
use crate::support::jobs::{applied, write_spec};
use crate::support::place::{Decorated, InFile, InMemory, Place};
use crate::support::place_mariadb::InMariadb;
use crate::support::place_postgres::InPostgres;
use crate::support::random::{Random, seed};
use crate::support::servers::Database;

fn places() -> Vec<(&'static str, Box<dyn Place>)> {
    vec![
        ("memory", Box::new(InMemory::new(Decorated::BARE))),
        ("sqlite", Box::new(InFile::new(Decorated::BARE))),
        ("postgres", Box::new(InPostgres::new(Decorated::BARE))),
        ("mariadb", Box::new(InMariadb::new(Decorated::BARE))),
    ]
}

/// A key of two columns that is not in front, and two more columns.
fn pairs(name: &str) -> Arc<TableSchema> {
    Arc::new(table(name, &[("v", INT), ("b", TEXT), ("a", INT), ("w", TEXT)], &["a", "b"]))
}

/// What the tables hold, by key.
type Rows = BTreeMap<(i64, String), (CellBuf, CellBuf)>;

fn whole(key: &(i64, String), values: &(CellBuf, CellBuf)) -> Row {
    row![values.0.clone(), key.1.clone(), key.0, values.1.clone()]
}

fn expected(rows: &Rows) -> Vec<Row> {
    let mut all: Vec<Row> = rows.iter().map(|(key, values)| whole(key, values)).collect();
    all.sort();
    all
}

fn value(random: &mut Random) -> CellBuf {
    if random.below(4) == 0 { CellBuf::NULL } else { CellBuf::from(i64::try_from(random.below(1000)).unwrap()) }
}

fn words(random: &mut Random) -> CellBuf {
    let word = *random.of(&[&"", &"'", &"tab\there\n\\", &"Straße", &" blank ", &"\u{1F600}"]);
    if random.below(4) == 0 { CellBuf::NULL } else { CellBuf::from(word) }
}

/// A change that a source could have made next.
fn change(random: &mut Random, rows: &mut Rows) -> ChangeBuf {
    let name = *random.of(&[&"a", &"A", &"a ", &"ä", &"-0"]);
    let key = (i64::try_from(random.below(60)).unwrap(), name.to_owned());
    let (v, w) = (value(random), words(random));
    let Some(there) = rows.get(&key).cloned() else {
        rows.insert(key.clone(), (v.clone(), w.clone()));
        return insert(whole(&key, &(v, w)));
    };
    if random.below(3) == 0 {
        rows.remove(&key);
        return delete(whole(&key, &there).into_iter().map(Some).collect());
    }
    let carries = 1 + random.below(3);
    let (sets_v, sets_w) = (carries & 1 == 1, carries & 2 == 2);
    let after = vec![sets_v.then(|| v.clone()), None, None, sets_w.then(|| w.clone())];
    rows.insert(key.clone(), (if sets_v { v } else { there.0 }, if sets_w { w } else { there.1 }));
    update(vec![None, Some(key.1.as_str().into()), Some(key.0.into()), None], after)
}

/// Numbers the changes over both tables, as a source does.
fn batch(tables: [(&Arc<TableSchema>, Vec<ChangeBuf>); 2]) -> ChangeBatch {
    let built = tables.map(|(schema, all)| changes_as_numbered(schema, all));
    unit(built.into(), "later")
}

async fn write(sink: &mut dyn Sink, batch: &ChangeBatch) -> WriteReport {
    applied(sink, batch).await.unwrap()
}

/// The same changes in large batches and in batches of one come to the same on every place.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn random_batches_come_to_the_same_by_set_and_by_one() {
    let seed = seed();
    for (name, place) in places() {
        let mut random = Random(seed);
        let (t, u) = (pairs("t"), pairs("u"));
        let by_one = place.another();
        place.create(&t);
        let mut set = place.connector().open_sink(&write_spec("set", &[&t, &u])).await.unwrap();
        let mut one = by_one.connector().open_sink(&write_spec("one", &[&t, &u])).await.unwrap();
        let (mut in_t, mut in_u) = (Rows::new(), Rows::new());
        for large in [false, true, true, true] {
            let (mut of_t, mut of_u) = (Vec::new(), Vec::new());
            for ord in 0..if large { 700 } else { 40 } {
                let (rows, all) = if random.below(3) == 0 { (&mut in_u, &mut of_u) } else { (&mut in_t, &mut of_t) };
                all.push(ChangeBuf { ord, ..change(&mut random, rows) });
            }
            for (schema, all) in [(&t, &of_t), (&u, &of_u)] {
                for change in all {
                    write(&mut *one, &unit(vec![changes_as_numbered(schema, vec![change.clone()])], "one")).await;
                }
            }
            let count = (of_t.len() + of_u.len()) as u64;
            let report = write(&mut *set, &batch([(&t, of_t), (&u, of_u)])).await;
            assert_eq!((report.rows, report.deletes_missing), (count, 0), "{name}, seed {seed}");
            for (table, rows) in [("t", &in_t), ("u", &in_u)] {
                assert_eq!(place.rows(table).unwrap(), expected(rows), "{name}, {table} by set, seed {seed}");
                assert_eq!(by_one.rows(table).unwrap(), expected(rows), "{name}, {table} by one, seed {seed}");
            }
        }
    }
}

fn people(name: &str) -> Arc<TableSchema> {
    Arc::new(table(name, &[("id", INT), ("name", TEXT)], &["id"]))
}

fn numbered(all: Vec<ChangeBuf>) -> Vec<ChangeBuf> {
    all.into_iter().enumerate().map(|(ord, change)| ChangeBuf { ord: ord as u64, ..change }).collect()
}

/// The change that fails is named, wherever it stands, and nothing of the unit is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_change_that_fails_is_named_by_its_row() {
    for (name, place) in places() {
        let schema = people("t");
        place.create(&schema);
        place.seed("t", &(1..=300).map(|i| row![i, "there"]).collect::<Vec<_>>());
        let before = place.rows("t").unwrap();
        let fine = || -> Vec<ChangeBuf> {
            let updates = (1..=100).map(|i| update(image![i, "there"], image![_, "changed"]));
            let deletes = (101..=200).map(|i| delete(image![i, "there"]));
            updates.chain(deletes).chain((1001..=1100).map(|i| insert(row![i, "new"]))).collect()
        };
        for (what, bad) in [
            ("an update of a missing row", update(image![500, _], image![_, "x"])),
            ("an insert of a row that is there", insert(row![250, "again"])),
            ("an update of a row deleted before", update(image![101, _], image![_, "x"])),
            ("an insert of a row inserted before", insert(row![1001, "again"])),
        ] {
            let mut all = fine();
            all.insert(247, bad);
            let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
            let batch = unit(vec![changes_as_numbered(&schema, numbered(all))], "u");
            let error = applied(&mut *sink, &batch).await.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Constraint, "{name}, {what}: {error}");
            if name != "memory" {
                assert!(error.places().contains(&("row", "248 as read".into())), "{name}, {what}: {error}");
            }
            drop(sink);
            assert_eq!(place.rows("t").unwrap(), before, "{name}, {what}");
        }
    }
}

/// What came and went again must not have been there; what is deleted and is not there is counted, as one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn drift_is_noticed_as_one_by_one() {
    for (name, place) in places() {
        let schema = people("t");
        place.create(&schema);
        place.seed("t", &[row![7, "only the sink's"], row![8, "there"]]);
        let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
        let mut all: Vec<ChangeBuf> = (100..200).map(|i| insert(row![i, "new"])).collect();
        all.extend((1000..1040).map(|i| delete(image![i, _])));
        all.extend((2000..2040).flat_map(|i| [insert(row![i, "short"]), delete(image![i, _])]));
        let fine = unit(vec![changes_as_numbered(&schema, numbered(all))], "u");
        let report = applied(&mut *sink, &fine).await.unwrap();
        assert_eq!((report.rows, report.deletes_missing), (220, 40), "{name}");
        assert_eq!(place.rows("t").unwrap().len(), 102, "{name}");
        let mut all: Vec<ChangeBuf> = (3000..3100).map(|i| insert(row![i, "new"])).collect();
        all.extend([insert(row![7, "short"]), delete(image![7, _])]);
        let refused = applied(&mut *sink, &unit(vec![changes_as_numbered(&schema, numbered(all))], "v")).await;
        let error = refused.expect_err("a row that only the sink has");
        assert_eq!(error.kind(), ErrorKind::Constraint, "{name}: {error}");
        drop(sink);
        assert_eq!(place.rows("t").unwrap().len(), 102, "{name}");
    }
}

/// Rows of a snapshot, an emptying and key changes among many changes: those go one by one, in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_has_no_net_effect_goes_in_order() {
    for (name, place) in places() {
        let schema = people("t");
        let mut sink = place.connector().open_sink(&write_spec("lane", &[&schema])).await.unwrap();
        let rows: Vec<Row> = (1..=200).map(|i| row![i, "loaded"]).collect();
        applied(&mut *sink, &unit(vec![snapshot(&schema, &rows)], "t")).await.unwrap();
        let mut all: Vec<ChangeBuf> = (1..=100).map(|i| delete(image![i, _])).collect();
        all.push(truncate());
        all.extend((1..=100).map(|i| insert(row![i, "again"])));
        applied(&mut *sink, &unit(vec![changes_as_numbered(&schema, numbered(all))], "u")).await.unwrap();
        let expected: Vec<Row> = (1..=100).map(|i| row![i, "again"]).collect();
        assert_eq!(place.rows("t").unwrap(), expected, "{name}");
    }
}

/// Where the sink has columns of its own: what is deleted and comes again has their defaults, as one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn columns_of_the_sink_alone_are_as_one_by_one() {
    for place in [Database::postgres(), Database::mariadb()] {
        place.sql("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(50), own varchar(20) DEFAULT 'fresh');");
        let values: Vec<String> = (1..=200).map(|i| format!("({i}, 'old', 'kept')")).collect();
        place.sql(&format!("INSERT INTO t VALUES {};", values.join(", ")));
        let mut sink = connector(&place).open_sink(&write_spec("lane", &[&people("t")])).await.unwrap();
        let mut all: Vec<ChangeBuf> = (1..=100).map(|i| update(image![i, _], image![_, "new"])).collect();
        all.extend((101..=200).flat_map(|i| [delete(image![i, _]), insert(row![i, "again"])]));
        all.push(insert(row![201, "new"]));
        let batch = unit(vec![changes_as_numbered(&people("t"), numbered(all))], "u");
        applied(&mut *sink, &batch).await.unwrap();
        let counted = place.sql("SELECT name, own, count(*) FROM t GROUP BY name, own ORDER BY 1, 2;");
        assert_eq!(counted, "again|fresh|100\nnew|fresh|1\nnew|kept|100");
    }
}

fn connector(place: &Database) -> Arc<dyn syncline::connector::Connector> {
    match place.server().brand() {
        syncline_rig::Brand::Postgres => Arc::new(crate::support::place_postgres::connector_of(&place.url())),
        syncline_rig::Brand::Mariadb => crate::support::place_mariadb::mariadb_at(&place.url()),
    }
}

/// F72: two rows exchange a unique value, by way of a third one, in the middle of many changes; and a value goes from a
/// row that is deleted to one that comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn unique_values_change_hands_within_a_unit() {
    for place in [Database::postgres(), Database::mariadb()] {
        place.sql("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(50) UNIQUE);");
        let values: Vec<String> = (1..=200).map(|i| format!("({i}, 'n{i}')")).collect();
        place.sql(&format!("INSERT INTO t VALUES {};", values.join(", ")));
        let mut sink = connector(&place).open_sink(&write_spec("lane", &[&people("t")])).await.unwrap();
        let mut all: Vec<ChangeBuf> = (1..=60).map(|i| update(image![i, _], image![_, (format!("m{i}"))])).collect();
        for (id, name) in [(101, "away"), (102, "n101"), (101, "n102")] {
            all.push(update(image![id, _], image![_, name]));
        }
        all.extend((151..=200).flat_map(|i| [delete(image![i, _]), insert(row![i + 1000, format!("n{i}")])]));
        let batch = unit(vec![changes_as_numbered(&people("t"), numbered(all))], "u");
        applied(&mut *sink, &batch).await.unwrap();
        assert_eq!(
            place.sql("SELECT id, name FROM t WHERE id IN (1, 101, 102, 150, 151, 1151) ORDER BY id;"),
            "1|m1\n101|n102\n102|n101\n150|n150\n1151|n151"
        );
    }
}

/// References are enforced, and triggers see what is done: few statements for many changes, deletes child first, inserts
/// parent first, whatever the order of the changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn parents_and_children_come_and_go_in_one_unit() {
    let place = Database::postgres();
    place.sql(
        "CREATE TABLE p (id bigint PRIMARY KEY, name text); CREATE TABLE c (id bigint PRIMARY KEY, name text); \
         INSERT INTO p SELECT i, 'old' FROM generate_series(1, 100) i; INSERT INTO c SELECT i, 'old' FROM generate_series(1, 100) i; \
         CREATE TABLE done (n int GENERATED ALWAYS AS IDENTITY, what text); \
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO done (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$; \
         CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON p EXECUTE FUNCTION note(); \
         CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON c EXECUTE FUNCTION note(); \
         ALTER TABLE p ENABLE ALWAYS TRIGGER note; ALTER TABLE c ENABLE ALWAYS TRIGGER note;",
    );
    let (p, c) = (people("p"), people("c"));
    let mut sink = connector(&place).open_sink(&write_spec("lane", &[&p, &c])).await.unwrap();
    let (mut of_p, mut of_c) = (Vec::new(), Vec::new());
    for i in 1..=50u64 {
        let (id, new) = (i64::try_from(i).unwrap(), i64::try_from(i).unwrap() + 1000);
        of_p.push(ChangeBuf { ord: i * 10, ..insert(row![new, "new"]) });
        of_c.push(ChangeBuf { ord: i * 10 + 1, ..insert(row![new, "new"]) });
        of_c.push(ChangeBuf { ord: i * 10 + 2, ..delete(image![id, _]) });
        of_p.push(ChangeBuf { ord: i * 10 + 3, ..delete(image![id, _]) });
        of_p.push(ChangeBuf { ord: i * 10 + 4, ..update(image![(id + 50), _], image![_, "changed"]) });
    }
    // The tables stand in the batch in another order than parents first.
    applied(&mut *sink, &batch([(&c, of_c), (&p, of_p)])).await.unwrap();
    assert_eq!(
        place.sql("SELECT string_agg(what, ', ' ORDER BY n) FROM done;"),
        "DELETE c, DELETE p, UPDATE p, INSERT p, INSERT c"
    );
    assert_eq!(place.sql("SELECT name, count(*) FROM p GROUP BY 1 ORDER BY 1;"), "changed|50\nnew|50");
}

/// I13: a unit of 200,000 changes takes no more memory than one of 20,000.
#[test]
fn memory_does_not_grow_with_a_unit() {
    for place in [Database::postgres(), Database::mariadb()] {
        let folder = Folder::new();
        folder.sql(
            "a.db",
            "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, v TEXT); \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
             INSERT INTO t SELECT i, i, printf('%0400d', i) FROM n;",
        );
        folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections: {{a: 'sqlite:a.db', b: '{}'}}\n\
                 jobs: {{live: {{from: a, to: b, capture: trigger, install: auto, batch_bytes_max: 1 MiB}}}}\n",
                place.url()
            ),
        );
        folder.syncline(&["run", "live"]).well();
        let mut peaks = Vec::new();
        for changes in [20_000, 200_000] {
            let rest = changes / 4;
            folder.sql(
                "a.db",
                &format!(
                    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rest}) \
                     INSERT INTO t SELECT i + 1000000, i, printf('%0400d', i) FROM n; \
                     UPDATE t SET a = a + 1, v = v || 'x' WHERE id > 1000000; UPDATE t SET a = a + 1 WHERE id > 1000000; \
                     DELETE FROM t WHERE id > 1000000; COMMIT;"
                ),
            );
            let running = folder.started(&["run", "live"]);
            let peak = running.peak();
            running.ends().exits(0);
            peaks.push(peak.join().unwrap() >> 10);
        }
        assert!(peaks[1] < peaks[0] + 40, "{peaks:?} MiB");
        assert_eq!(place.sql("SELECT count(*), sum(a) FROM t;"), "50000|1250025000");
    }
}
