//! Large tables that several connections read in ranges, all in one snapshot; psql is the judge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline::connector::{Connector, ReadOrder, Source};
use syncline::job::Job;
use syncline_model::{ChangeBatch, ErrorKind};
use syncline_rig::Login;

use super::connector;
use crate::support::binary::PATIENCE;
use crate::support::jobs::{budget, copy_job, described, drained, read_spec, rows_of, run_well};
use crate::support::place_postgres::connector_of;
use crate::support::proxy::{Proxy, Way};
use crate::support::recorder::{Effects, Recorded, Refusal};
use crate::support::servers::Database;

const SUMS: &str = "SELECT count(*), sum(id), bit_xor(('x' || left(md5(id || ':' || v), 15))::bit(60)::bigint) FROM t";

/// Sessions that read; all of them hold the snapshot's tables.
const READERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                       application_name = 'syncline' AND xact_start IS NOT NULL";

/// `t` of some 18 MB.
fn large() -> Database {
    let database = Database::postgres();
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); \
         INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 60000) i",
    );
    database
}

fn by(database: &Database, connections: usize) -> Arc<dyn Connector> {
    Arc::new(connector_of(&format!("{}?connections={connections}", database.url())))
}

async fn source(connector: &Arc<dyn Connector>) -> Box<dyn Source> {
    let tables = described(connector).await;
    connector.open_source(None, &read_spec(&tables, ReadOrder::Fastest)).await.unwrap()
}

async fn batches(source: &mut dyn Source) -> Vec<ChangeBatch> {
    drained(source, budget(100_000)).await.unwrap()
}

/// Number of rows and sum of ids of `t`, which come once each.
fn counted(batches: &[ChangeBatch]) -> String {
    let mut ids: Vec<i64> = rows_of(batches, "t")
        .iter()
        .map(|row| format!("{:?}", row[0]).replace(|c: char| !c.is_ascii_digit(), ""))
        .map(|d| d.parse().unwrap())
        .collect();
    ids.sort_unstable();
    let rows = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), rows, "a row came twice");
    format!("{rows}|{}", ids.iter().sum::<i64>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_arrives_once_as_cells_and_undecoded() {
    let from = large();
    let lite = tempfile::tempdir().unwrap();
    for connections in [2, 5] {
        let to = Database::postgres();
        run_well(&Job { budget: budget(100_000), ..copy_job(&by(&from, connections), &[&connector(&to)]) }).await;
        assert_eq!(to.sql(SUMS), from.sql(SUMS), "{connections}");
        let file = lite.path().join(format!("{connections}.db"));
        let sqlite: Arc<dyn Connector> = Arc::new(syncline::connect::sqlite::Sqlite::new(&file));
        run_well(&Job { budget: budget(100_000), ..copy_job(&by(&from, connections), &[&sqlite]) }).await;
        let back = Database::postgres();
        run_well(&copy_job(&sqlite, &[&connector(&back)])).await;
        assert_eq!(back.sql(SUMS), from.sql(SUMS), "{connections}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_one_unit_and_its_rows_have_places_of_their_own() {
    let from = large();
    from.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)");
    let mut source = source(&by(&from, 3)).await;
    assert_eq!(from.sql(READERS), "3");
    let batches = batches(&mut *source).await;
    let mut open = None;
    for batch in &batches {
        let name = batch.tables[0].schema().name.to_string();
        assert_eq!(batch.begins, open.is_none(), "{name}");
        assert!(open.is_none_or(|open| open == name), "the units of two tables are mixed");
        open = batch.ends.is_none().then_some(name);
    }
    assert_eq!(open, None);
    let of_t = batches.iter().flat_map(|b| &b.tables).filter(|t| &*t.schema().name.name == "t");
    let places: Vec<u64> = of_t.flat_map(|t| (0..t.rows()).map(|row| t.marks().ord(row)).collect::<Vec<_>>()).collect();
    assert_eq!(places, (0..60_000).collect::<Vec<u64>>());
}

/// What others write after the opening is not in it, whichever connection would read it; also a table that grew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_see_the_moment_of_the_opening() {
    let from = large();
    // Row versions that moved, and holes.
    from.sql("UPDATE t SET v = v || 'x' WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0; VACUUM t");
    from.sql("UPDATE t SET v = 'short' WHERE id % 5 = 0");
    let expected = from.sql("SELECT count(*), sum(id) FROM t");
    let mut source = source(&by(&from, 4)).await;
    from.sql(
        "UPDATE t SET id = id + 100000 WHERE id % 2 = 0; DELETE FROM t WHERE id % 11 = 0; \
         INSERT INTO t SELECT i, repeat('new', 200) FROM generate_series(300000, 340000) i",
    );
    assert_eq!(counted(&batches(&mut *source).await), expected);
}

/// What is small, empty, has children, or is sorted is read by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gains_nothing_is_read_by_one_connection() {
    let small = Database::postgres();
    small.sql("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE e (id int PRIMARY KEY); INSERT INTO t VALUES (1, 'x')");
    let mut source_of_small = source(&by(&small, 3)).await;
    assert_eq!(small.sql(READERS), "1");
    assert_eq!(counted(&batches(&mut *source_of_small).await), "1|1");
    let sorted = large();
    let reader = by(&sorted, 3);
    let tables = described(&reader).await;
    let _sorted = reader.open_source(None, &read_spec(&tables, ReadOrder::Key)).await.unwrap();
    assert_eq!(sorted.sql(READERS), "1");
    let parts = Database::postgres();
    parts.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (30000); CREATE TABLE t2 PARTITION OF t DEFAULT; \
         INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 60000) i",
    );
    let mut source_of_parts = source(&by(&parts, 3)).await;
    assert_eq!(parts.sql(READERS), "1");
    assert_eq!(counted(&batches(&mut *source_of_parts).await), parts.sql("SELECT count(*), sum(id) FROM t"));
}

/// The children of a table are tables of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_gives_its_own_rows_only() {
    let from = large();
    from.sql(
        "CREATE TABLE child () INHERITS (t); INSERT INTO child SELECT 100000 + i, 'c' FROM generate_series(1, 9) i",
    );
    let mut source = source(&by(&from, 2)).await;
    assert_eq!(from.sql(READERS), "2");
    assert_eq!(counted(&batches(&mut *source).await), from.sql("SELECT count(*), sum(id) FROM ONLY t"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_refused_are_done_without() {
    let from = large();
    from.sql(&format!("GRANT SELECT ON t TO open_user; ALTER DATABASE {} CONNECTION LIMIT 2", from.name()));
    let tables = described(&connector(&from)).await;
    let limited: Arc<dyn Connector> = Arc::new(connector_of(&format!("{}?connections=5", from.url_as(Login::Open))));
    let mut source = limited.open_source(None, &read_spec(&tables, ReadOrder::Fastest)).await.unwrap();
    assert_eq!(from.sql(READERS), "2");
    assert_eq!(counted(&batches(&mut *source).await), from.sql("SELECT count(*), sum(id) FROM t"));
}

/// Each connection holds the tables itself: one that goes lets nobody empty a table that others still read (F88).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_held_though_the_first_connection_is_gone() {
    let from = large();
    let mut source = source(&by(&from, 2)).await;
    let first = "SELECT pg_terminate_backend((SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'syncline' ORDER BY backend_start LIMIT 1), 60000)";
    assert_eq!(from.sql(first), "t");
    let said = from.refused("SET lock_timeout = '100ms'; TRUNCATE t");
    assert!(said.contains("55P03"), "{said}");
    // And there is no end that would call it complete (I10).
    let error = drained(&mut *source, budget(100_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_in_the_middle_is_mended() {
    let (from, to) = (large(), Database::postgres());
    // More than the network between keeps by itself, so that each has ranges before it.
    from.sql("INSERT INTO t SELECT i, repeat(md5(i::text), 8) FROM generate_series(100001, 300000) i");
    let proxy = Proxy::to(to.server());
    let sink: Arc<dyn Connector> = Arc::new(connector_of(&to.server().through(proxy.port()).url(to.name())));
    let effects = Effects::default();
    let source = Recorded::wrap(by(&from, 3), &effects, &Refusal::none());
    let job = Job { budget: budget(100_000), ..copy_job(&source, &[&sink]) };
    proxy.stand_still_at(Way::ToServer, 1 << 20);
    let copying = tokio::spawn(async move { run_well(&job).await });
    let began = Instant::now();
    while proxy.passed(Way::ToServer) < 1 << 20 {
        assert!(began.elapsed() < PATIENCE, "{} bytes have passed", proxy.passed(Way::ToServer));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One that has not shown the snapshot but joined it.
    let last = "SELECT pg_terminate_backend((SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'syncline' AND xact_start IS NOT NULL ORDER BY backend_start DESC LIMIT 1), 240000)";
    assert_eq!(from.sql(last), "t");
    proxy.heal();
    copying.await.unwrap();
    assert_eq!(effects.taken().matches("open_source from the start").count(), 2);
    assert_eq!(to.sql(SUMS), from.sql(SUMS));
    assert_eq!(to.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'syncline%'"), "0");
}

/// What was on its way when nobody wants it any more is not read to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_dropped_hangs_up() {
    let from = large();
    from.sql("INSERT INTO t SELECT i, repeat(md5(i::text), 32) FROM generate_series(100001, 150000) i");
    let proxy = Proxy::to(from.server());
    let reader: Arc<dyn Connector> = Arc::new(connector_of(&from.server().through(proxy.port()).url(from.name())));
    let mut source = source(&reader).await;
    source.read(budget(10_000)).await.unwrap();
    drop(source);
    let began = Instant::now();
    while from.sql(READERS) != "0" {
        assert!(began.elapsed() < PATIENCE, "{} readers are left", from.sql(READERS));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let size: u64 = from.sql("SELECT sum(length(v)) FROM t").parse().unwrap();
    assert!(proxy.passed(Way::ToClient) < size / 2, "{} of {size} bytes were read", proxy.passed(Way::ToClient));
}
