//! Very large transactions (F34), and very many small ones (F35).

use std::thread;

use syncline_rig::Brand;

use super::{BRANDS, Source};
use crate::support::binary::{SYNCLINE, ended, needs, until};
use crate::support::servers::Database;

/// Most address space of the process, and what a transaction holds besides.
const ADDRESSES: usize = 512 << 20;

/// Runs the job within that limit, and asserts that what it carries is one unit, so that no reader sees a part of it.
#[track_caller]
fn caught_up_within(source: &Source, changes: usize) {
    let limit = format!("--as={ADDRESSES}");
    let arguments = [&*limit, "--core=0", SYNCLINE, "run", "live", "--json"];
    let ran = ended(&mut source.folder.program(needs("/usr/bin/prlimit"), &arguments)).exits(0);
    let done = &ran.json()["jobs"][0]["lanes"][0]["changes"];
    assert_eq!((&done["changes"], &done["units"]), (&changes.into(), &1.into()), "{}", ran.out);
}

/// F34: two million rows in one transaction, applied in one transaction, in memory that would not hold them.
#[test]
fn a_transaction_of_two_million_rows_takes_little_memory() {
    const ROWS: usize = 2_000_000;
    let source = Source::new(None, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    source.caught_up();
    let pad = "x".repeat(ADDRESSES / ROWS);
    source.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) INSERT INTO t SELECT i, '{pad}' || i FROM n"
    ));
    caught_up_within(&source, ROWS);
    source.same("SELECT count(*), sum(id), sum(length(v)) FROM t", "the transaction");
}

/// F34: the same by its bytes, from servers and to servers.
#[test]
fn a_transaction_larger_than_memory_goes_between_servers() {
    const ROWS: usize = 9_000;
    let bytes = ADDRESSES / ROWS + 1000;
    for (brand, to, filled) in [
        (
            Brand::Postgres,
            Brand::Mariadb,
            format!("INSERT INTO t SELECT i, repeat('x', {bytes}) FROM generate_series(1, {ROWS}) i"),
        ),
        (
            Brand::Mariadb,
            Brand::Postgres,
            format!("INSERT INTO t SELECT seq, REPEAT('x', {bytes}) FROM seq_1_to_{ROWS}"),
        ),
    ] {
        let long = if brand == Brand::Postgres { "text" } else { "longtext" };
        let source = Source::new(Some(brand), &format!("CREATE TABLE t (id int PRIMARY KEY, v {long})"));
        let sink = Database::shared(to);
        source.jobs_to(
            "live: {from: a, to: sink, capture: trigger, install: auto}",
            &format!(", sink: '{}'", sink.url()),
        );
        source.caught_up();
        source.sql(&filled);
        caught_up_within(&source, ROWS);
        let sums = "SELECT count(*), sum(id), sum(length(v)) FROM t";
        assert_eq!(sink.sql(&format!("{sums};")), source.sql(sums), "{brand:?} to {to:?}");
    }
}

/// How many transactions of one row each there are.
const MANY: usize = 100_000;

/// Of each pair of transactions the first counts here, the second there.
fn counted(brand: Option<Brand>) -> String {
    let (one, other) = ("UPDATE here SET n = n + 1 WHERE id = 1", "UPDATE there SET n = n + 1 WHERE id = 1");
    let pairs = MANY / 2;
    match brand {
        None => format!("PRAGMA synchronous = OFF;\n{}", format!("{one};\n{other};\n").repeat(pairs)),
        Some(Brand::Postgres) => format!(
            "SET synchronous_commit = off; DO $$ BEGIN FOR i IN 1..{pairs} LOOP {one}; COMMIT; {other}; COMMIT; END LOOP; END $$"
        ),
        Some(Brand::Mariadb) => format!(
            "DELIMITER //\nCREATE PROCEDURE flood() BEGIN DECLARE i int DEFAULT 0; WHILE i < {pairs} DO {one}; {other}; SET i = i + 1; \
             END WHILE; END //\nDELIMITER ;\nCALL flood()"
        ),
    }
}

/// F35: whoever looks at the sink sees either as many here as there, or one more here, and never fewer than before: states
/// that the source had, in its order. Nobody starves: the lane goes on while they come, and gets to the end of them.
#[test]
fn a_flood_of_small_transactions_keeps_its_order() {
    for brand in BRANDS {
        let count = "id int PRIMARY KEY, n int NOT NULL";
        let source = Source::new(
            brand,
            &format!(
                "CREATE TABLE here ({count}); CREATE TABLE there ({count}); INSERT INTO here VALUES (1, 0); INSERT INTO there VALUES (1, 0)"
            ),
        );
        source.caught_up();
        let mut running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
        let (mut last, mut states) = (0, 0);
        thread::scope(|scope| {
            let flood = scope.spawn(|| source.sql(&counted(brand)));
            let look = "SELECT (SELECT n FROM here), (SELECT n FROM there)";
            until("the end of the flood", || {
                let seen = source.folder.sql("b.db", &format!(".timeout 20000\n{look}"));
                let (here, there) = seen.split_once('|').unwrap();
                let (here, there): (usize, usize) = (here.parse().unwrap(), there.parse().unwrap());
                assert!(here == there || here == there + 1, "{brand:?}: {seen}");
                assert!(here + there >= last, "{brand:?}: {seen} after {last}");
                states += usize::from(here + there > last);
                last = here + there;
                running.goes_on();
                last == MANY
            });
            flood.join().unwrap();
        });
        assert!(states > 5, "{brand:?}: the sink was seen in {states} states only");
        running.signal("TERM");
        running.ends().exits(0);
        source.folder.syncline(&["compare", "a", "b"]).exits(0);
    }
}
