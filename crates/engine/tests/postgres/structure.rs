//! Structures: keys, references, partitions, names, columns that the database fills.

use syncline::job::prepare;
use syncline_model::ErrorKind;
use syncline_model::pattern::Selection;

use super::connector;
use crate::support::jobs::{copy_job, failure, run_well};
use crate::support::servers::Database;

fn two() -> (Database, Database) {
    (Database::postgres(), Database::postgres())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn keys_references_and_indexes_are_created() {
    let (from, to) = two();
    from.sql(
        "CREATE SCHEMA \"Sales; --\";
         CREATE TABLE \"Sales; --\".\"Order\" (b int, a text, no bigint GENERATED ALWAYS AS IDENTITY, \
             parent_b int, parent_a text, twice int GENERATED ALWAYS AS (b * 2) STORED, PRIMARY KEY (a, b), UNIQUE (no), \
             FOREIGN KEY (parent_a, parent_b) REFERENCES \"Sales; --\".\"Order\" ON DELETE CASCADE);
         CREATE INDEX by_b ON \"Sales; --\".\"Order\" (b);
         CREATE TABLE a (id serial PRIMARY KEY, b_id int); CREATE TABLE b (id serial PRIMARY KEY, a_id int REFERENCES a);
         ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b ON UPDATE SET NULL;
         CREATE TABLE unique_only (k text NOT NULL, v int DEFAULT 7, UNIQUE (k));
         CREATE TABLE nothing (id int PRIMARY KEY);
         INSERT INTO \"Sales; --\".\"Order\" (b, a, parent_b, parent_a) VALUES (2, 'x', NULL, NULL), (1, 'y', 2, 'x');
         INSERT INTO a (b_id) VALUES (NULL), (NULL); INSERT INTO b (a_id) VALUES (2); UPDATE a SET b_id = 1;
         INSERT INTO unique_only VALUES ('k', 1);",
    );
    run_well(&copy_job(&connector(&from), &[&connector(&to)])).await;
    let rows =
        "TABLE \"Sales; --\".\"Order\" ORDER BY a; TABLE a ORDER BY id; TABLE b; TABLE unique_only; TABLE nothing;";
    assert_eq!(to.sql(rows), from.sql(rows));
    let constraints = "SELECT conrelid::regclass, contype, pg_get_constraintdef(oid), convalidated FROM pg_constraint \
        WHERE connamespace <> 'pg_catalog'::regnamespace AND connamespace <> 'information_schema'::regnamespace \
        ORDER BY conrelid::regclass::text, 2, 3;";
    let differing = |text: String| text.replace("unique_only|u|UNIQUE (k)|t", "unique_only|p|PRIMARY KEY (k)|t");
    assert_eq!(to.sql(constraints), differing(from.sql(constraints)));
    let indexes = "SELECT tablename, indexdef FROM pg_indexes WHERE indexname = 'by_b';";
    assert_eq!(to.sql(indexes), from.sql(indexes));
    // Counters go on where the source's stood.
    to.sql("INSERT INTO \"Sales; --\".\"Order\" (b, a) VALUES (3, 'z'); INSERT INTO a DEFAULT VALUES;");
    assert_eq!(to.sql("SELECT no FROM \"Sales; --\".\"Order\" WHERE a = 'z'; SELECT max(id) FROM a;"), "3\n3");
    assert_eq!(to.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'syncline%';"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn partitions_are_one_table_and_children_are_tables_of_their_own() {
    let (from, to) = two();
    from.sql(
        "CREATE TABLE p (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
         CREATE TABLE p2 (v text, day date NOT NULL, id int NOT NULL);
         ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
         INSERT INTO p VALUES (1, '2020-05-05', 'a'), (2, '2021-05-05', 'b');
         CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (PRIMARY KEY (id), w int) INHERITS (parent);
         INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (1, 'c', 3);
         CREATE VIEW seen AS SELECT * FROM p;",
    );
    let described = connector(&from).describe(&Selection::default()).await.unwrap();
    let names: Vec<_> = described.tables.iter().map(|t| t.name.to_string()).collect();
    assert_eq!(names, ["child", "p", "parent"]);
    assert_eq!(described.skipped.len(), 1);
    run_well(&copy_job(&connector(&from), &[&connector(&to)])).await;
    assert_eq!(to.sql("TABLE p ORDER BY id; TABLE parent; TABLE child;"), "1|2020-05-05|a\n2|2021-05-05|b\n1|p\n1|c|3");
    // Into a partitioned table that is there, and over rows that are there.
    let other = Database::postgres();
    other.sql(
        "CREATE TABLE p (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY HASH (id);
        CREATE TABLE h0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE h1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);",
    );
    let copy = copy_job(&connector(&from), &[&connector(&other)]);
    run_well(&copy).await;
    other.sql("UPDATE p SET v = 'old';");
    run_well(&copy).await;
    assert_eq!(other.sql("TABLE p ORDER BY id;"), "1|2020-05-05|a\n2|2021-05-05|b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sinks_own_columns_triggers_and_counters_stay_its_own() {
    let (from, to) = two();
    from.sql("CREATE TABLE t (id int PRIMARY KEY, v text UNIQUE, w numeric); INSERT INTO t VALUES (1, 'b', 1.0), (2, 'a', 2), (3, 'c', 3);");
    to.sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mine text DEFAULT 'own', v text UNIQUE, w numeric, \
             long int GENERATED ALWAYS AS (length(v)) STORED);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.mine = ''fired''; RETURN NEW; END';
         CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE t DISABLE TRIGGER tr;
         INSERT INTO t (id, mine, v, w) OVERRIDING SYSTEM VALUE VALUES (1, 'kept', 'a', 1), (2, 'too', 'b', 2), (9, 'alone', 'z', 0);
         ALTER TABLE t ENABLE TRIGGER tr;",
    );
    // `a` and `b` change places, and 1 becomes 1.0.
    run_well(&copy_job(&connector(&from), &[&connector(&to)])).await;
    assert_eq!(
        to.sql("SELECT id, mine, v, w, long FROM t ORDER BY id;"),
        "1|kept|b|1.0|1\n2|too|a|2|1\n3|own|c|3|1\n9|alone|z|0|1"
    );
    to.sql("INSERT INTO t (v) VALUES ('next');");
    assert_eq!(to.sql("SELECT id, mine FROM t WHERE v = 'next';"), "10|fired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_does_not_fit_is_said_before_anything_is_written() {
    let (from, to) = two();
    from.sql(
        "CREATE DOMAIN d AS int; CREATE TABLE a (id int PRIMARY KEY, v d); CREATE TABLE b (id bigint PRIMARY KEY, v inet); \
         CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1);",
    );
    to.sql("CREATE TABLE b (id int PRIMARY KEY, v cidr); CREATE VIEW c AS SELECT 1 AS id;");
    let prepared = prepare(&copy_job(&connector(&from), &[&connector(&to)])).await.unwrap();
    let misfits: Vec<String> =
        prepared.lanes[0].plan.misfits.iter().map(|m| format!("{}: {}", m.table, m.reason)).collect();
    assert_eq!(misfits.len(), 4, "{misfits:?}");
    for (misfit, words) in
        misfits.iter().zip(["a: column v is of type d", "b: column id", "b: column v is inet", "c: it is there"])
    {
        assert!(misfit.starts_with(words), "{misfit}");
    }
    let error = failure(&copy_job(&connector(&from), &[&connector(&to)])).await;
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert_eq!(to.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'syncline%' OR relname = 'a';"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_table_of_1600_columns_and_names_of_63_bytes() {
    let (from, to) = two();
    let columns: Vec<_> = (1..1600).map(|i| format!("c{i} int")).collect();
    let long = "é".repeat(31) + "x";
    from.sql(&format!(
        "CREATE TABLE wide (id int PRIMARY KEY, {});\nINSERT INTO wide (id, c1, c1599) VALUES (1, 2, 3);\n\
         CREATE TABLE \"{long}\" (\"{long}\" int PRIMARY KEY); INSERT INTO \"{long}\" VALUES (5);",
        columns.join(", ")
    ));
    let copy = copy_job(&connector(&from), &[&connector(&to)]);
    run_well(&copy).await;
    to.sql("UPDATE wide SET c1 = 7;");
    run_well(&copy).await;
    assert_eq!(to.sql(&format!("SELECT id, c1, c1599 FROM wide; TABLE \"{long}\";")), "1|2|3\n5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rows_that_refer_to_nothing_are_said() {
    let (from, to) = two();
    from.sql(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p);
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1); SET session_replication_role = replica; INSERT INTO c VALUES (2, 9);",
    );
    let report = run_well(&copy_job(&connector(&from), &[&connector(&to)])).await;
    let notices = format!("{report:?}");
    assert!(notices.contains("1 rows refer to rows of p that the sink does not hold"), "{notices}");
    assert_eq!(to.sql("SELECT convalidated FROM pg_constraint WHERE contype = 'f'; SELECT count(*) FROM c;"), "f\n2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_created_is_said_before_anything_is_written() {
    let (from, to) = two();
    from.sql(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE TABLE a (id int PRIMARY KEY, v int DEFAULT f()); CREATE TABLE b (id int PRIMARY KEY, v int);
         CREATE INDEX taken ON b (v); CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c VALUES (1);",
    );
    to.sql("CREATE TABLE taken (id int);");
    let prepared = prepare(&copy_job(&connector(&from), &[&connector(&to)])).await.unwrap();
    let misfits = &prepared.lanes[0].plan.misfits;
    assert_eq!(misfits.iter().map(|m| m.table.as_str()).collect::<Vec<_>>(), ["a", "b"], "{misfits:?}");
    assert!(misfits[0].reason.contains("f()") && misfits[1].reason.contains("taken"), "{misfits:?}");
    assert_eq!(to.sql("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b', 'c', 'syncline_position');"), "0");
}
