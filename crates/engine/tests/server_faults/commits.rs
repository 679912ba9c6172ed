//! A hundred commits of which nobody learns whether they happened (F03).

use std::sync::Arc;

use syncline::connector::Connector;
use syncline_rig::Brand;

use crate::support::jobs::{copy_job, run_well};
use crate::support::proxy::{Lost, Proxy};
use crate::support::servers::{Database, private};
use crate::support::{place_mariadb, place_postgres};

/// Side by side, for most of each is a wait.
const LANES: u32 = 5;
/// Copies of each.
const ROUNDS: u32 = 20;

fn connector(brand: Brand, url: &str) -> Arc<dyn Connector> {
    match brand {
        Brand::Postgres => Arc::new(place_postgres::connector_of(url)),
        Brand::Mariadb => place_mariadb::mariadb_at(url),
    }
}

/// Two small tables.
const ROWS: &str =
    "CREATE TABLE a (id int, v varchar(40), PRIMARY KEY (id, v)); CREATE TABLE b (id int PRIMARY KEY, v varchar(40));
    INSERT INTO a VALUES (1, 'x'), (1, 'y'), (2, 'y'); INSERT INTO b VALUES (1, 'one'), (2, 'two');";
const SHOWN: &str = "SELECT id, v FROM a ORDER BY id, v; SELECT id, v FROM b ORDER BY id;";
const LEFT: &str = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'syncline_position'";

async fn a_hundred_times(brand: Brand) {
    // Nobody else keeps it busy: how often a lane tries again without getting on is limited.
    let server = private(brand);
    let address = server.address();
    let from = Arc::new(Database::on(address));
    from.sql(ROWS);
    let shown = from.sql(SHOWN);
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (from, shown, address) = (from.clone(), shown.clone(), address.clone());
        lanes.spawn(async move {
            let to = Database::on(&address);
            for round in 0..ROUNDS {
                let proxy = Proxy::to(to.server());
                let url = to.server().through(proxy.port()).url(to.name());
                let number = lane * ROUNDS + round;
                let lost = if number % 4 == 3 { Lost::Request } else { Lost::Answer };
                // The lane's own commit, and those of both tables.
                proxy.lose(lost, "COMMIT", number % 3);
                run_well(&copy_job(&connector(brand, &from.url()), &[&connector(brand, &url)])).await;
                assert_eq!(proxy.struck(), 1, "{number}");
                assert_eq!(to.sql(&format!("{SHOWN} DROP TABLE a; DROP TABLE b;")), shown, "{number}: {lost:?}");
            }
            let ours = if brand == Brand::Mariadb { " AND table_schema = DATABASE()" } else { "" };
            assert_eq!(to.sql(&format!("{LEFT}{ours}")), "0");
        });
    }
    while let Some(ended) = lanes.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_hundred_commits_lost_at_postgres() {
    a_hundred_times(Brand::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_hundred_commits_lost_at_mariadb() {
    a_hundred_times(Brand::Mariadb).await;
}
