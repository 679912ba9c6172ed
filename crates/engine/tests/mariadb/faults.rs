//! The network and the server fail; what was copied is right all the same.

use syncline_rig::Brand;

use crate::support::binary::Folder;
use crate::support::proxy::{Lost, Proxy, Way};
use crate::support::servers::{Database, private};

/// A file with two tables, one of them of several batches.
fn source(folder: &Folder) {
    folder.sql(
        "lite.db",
        "CREATE TABLE few (id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO few VALUES (1, 'a'), (2, 'b'); \
         CREATE TABLE many (id INTEGER PRIMARY KEY, v TEXT, b BLOB); \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO many SELECT i, 'a text of some length ' || i, randomblob(200) FROM n;",
    );
}

#[test]
fn a_copy_survives_a_cut_at_many_points_of_a_load() {
    let (place, folder) = (Database::mariadb(), Folder::new());
    source(&folder);
    let proxy = Proxy::to(place.server());
    let url = place.server().through(proxy.port()).url(place.name());
    for bytes in [3_000, 20_000, 100_000, 900_000, 2_500_000, 4_000_000] {
        place.sql("DROP TABLE IF EXISTS few, many;");
        proxy.cut_after(Way::ToServer, bytes);
        folder.syncline(&["copy", "sqlite:lite.db", &url]).exits(0);
        proxy.heal();
        folder.syncline(&["compare", "sqlite:lite.db", &place.url()]).exits(0);
        assert_eq!(place.sql("SHOW TABLES;"), "few\nmany", "{bytes}");
    }
    assert!(proxy.struck() >= 5, "{} faults have struck", proxy.struck());
}

/// F03: whether the commit happened is never guessed.
#[test]
fn a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled() {
    for lost in [Lost::Request, Lost::Answer] {
        let (place, folder) = (Database::mariadb(), Folder::new());
        source(&folder);
        let proxy = Proxy::to(place.server());
        let url = place.server().through(proxy.port()).url(place.name());
        proxy.lose(lost, "COMMIT", 1);
        folder.syncline(&["copy", "sqlite:lite.db", &url]).exits(0);
        assert_eq!(proxy.struck(), 1);
        folder.syncline(&["compare", "sqlite:lite.db", &place.url()]).exits(0);
        assert_eq!(place.sql("SHOW TABLES;"), "few\nmany");
    }
}

#[test]
fn a_source_that_is_cut_begins_its_table_again() {
    let (place, to, folder) = (Database::mariadb(), Database::mariadb(), Folder::new());
    source(&folder);
    folder.syncline(&["copy", "sqlite:lite.db", &place.url()]).exits(0);
    let proxy = Proxy::to(place.server());
    let url = place.server().through(proxy.port()).url(place.name());
    for bytes in [20_000, 1_500_000, 4_000_000] {
        to.sql("DROP TABLE IF EXISTS few, many;");
        proxy.cut_after(Way::ToClient, bytes);
        folder.syncline(&["copy", &url, &to.url()]).exits(0);
        proxy.heal();
        folder.syncline(&["compare", &place.url(), &to.url()]).exits(0);
    }
    assert!(proxy.struck() >= 2, "{} faults have struck", proxy.struck());
}

#[test]
fn a_server_that_dies_in_the_middle_is_waited_for() {
    let mut server = private(Brand::Mariadb);
    let (place, folder) = (Database::on(server.address()), Folder::new());
    source(&folder);
    let proxy = Proxy::to(server.address());
    let url = server.address().through(proxy.port()).url(place.name());
    proxy.cut_after(Way::ToServer, 2_000_000);
    let running = folder.started(&["copy", "sqlite:lite.db", &url]);
    proxy.wait_struck(1);
    server.kill().unwrap();
    server.restart().unwrap();
    running.ends().exits(0);
    folder.syncline(&["compare", "sqlite:lite.db", &place.url()]).exits(0);
    drop(place);
}
