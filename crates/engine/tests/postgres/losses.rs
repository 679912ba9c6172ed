//! A network that breaks: nothing is lost, nothing comes twice (F02, F03).

use super::connector;
use crate::support::jobs::{copy_job, run_well};
use crate::support::place_postgres::connector_of;
use crate::support::proxy::{Lost, Proxy, Way};
use crate::support::servers::Database;

const ROWS: &str = "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
    INSERT INTO a SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 1500) i;
    INSERT INTO b SELECT i, md5(i::text) FROM generate_series(1, 500) i;";

const SUMS: &str = "SELECT count(*), md5(string_agg(id || v, ',' ORDER BY id)) FROM a;
    SELECT count(*), md5(string_agg(id || v, ',' ORDER BY id)) FROM b;
    SELECT count(*) FROM pg_class WHERE relname LIKE 'syncline%';";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_every_place_of_a_copy_is_mended() {
    let from = Database::postgres();
    from.sql(ROWS);
    let expected = from.sql(SUMS);
    for (way, at_source) in [(Way::ToClient, true), (Way::ToServer, false)] {
        for step in 0..8u64 {
            let to = Database::postgres();
            let broken = if at_source { &from } else { &to };
            let proxy = Proxy::to(broken.server());
            let through = std::sync::Arc::new(connector_of(&broken.server().through(proxy.port()).url(broken.name())));
            let (source, sink) = match at_source {
                true => (through as _, connector(&to)),
                false => (connector(&from), through as _),
            };
            proxy.cut_after(way, 10_000 + step * 65_536);
            run_well(&copy_job(&source, &[&sink])).await;
            assert_eq!(proxy.struck(), 1, "step {step} way {way:?}");
            assert_eq!(to.sql(SUMS), expected, "step {step} way {way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_is_never_guessed() {
    let from = Database::postgres();
    from.sql(ROWS);
    for lost in [Lost::Request, Lost::Answer] {
        // The lane's own, then each table's.
        for spared in 0..4 {
            let to = Database::postgres();
            let proxy = Proxy::to(to.server());
            let sink = std::sync::Arc::new(connector_of(&to.server().through(proxy.port()).url(to.name()))) as _;
            proxy.lose(lost, "COMMIT", spared);
            run_well(&copy_job(&connector(&from), &[&sink])).await;
            assert_eq!(to.sql(SUMS), from.sql(SUMS), "{lost:?} {spared}");
        }
    }
}
