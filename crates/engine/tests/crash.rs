//! The real binary killed, stopped, overtaken and starved, and what the databases hold afterwards (F01, F02, F06, F08, F09).
//!
//! After every death: the sink's file is sound, each of its tables holds all of the old rows or all of the new ones
//! (I3), and the same command again ends well, with the same rows as the source and nothing of ours left behind.
//!
//! `SYNCLINE_TEST_ROUNDS=N` makes the random and the sweeping tests N times as long; 1 is what every build runs.

mod calls;
mod fence;
mod full;
mod moments;
mod signals;
mod steps;
mod system;

use std::collections::BTreeMap;

use crate::support::binary::Folder;
use crate::support::judge::{self, Stand};

/// The job that is killed: small batches, so that each table takes several.
const JOB: &str = "run";

/// Tables of the source.
const TABLES: usize = 4;

/// How much longer than usual the long tests run.
fn rounds() -> u64 {
    std::env::var("SYNCLINE_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// A shop with references, a table without rowid, an index built after the load, and a table that was emptied.
fn shop(rows: u32, text: &str) -> String {
    format!(
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE, photo BLOB);
         CREATE TABLE sales_order (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id),
            total DECIMAL(10,2), note TEXT);
         CREATE INDEX order_by_customer ON sales_order(customer_id);
         CREATE TABLE stock (place TEXT, item INTEGER, amount, PRIMARY KEY (place, item)) WITHOUT ROWID;
         CREATE TABLE nothing_yet (id INTEGER PRIMARY KEY);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO customer SELECT i, '{text} ' || i, date('1970-01-01', i || ' days'), zeroblob(i % 40) FROM n;
         INSERT INTO sales_order SELECT id, id, id * 1.25, '{text}' FROM customer;
         INSERT INTO stock SELECT name, id, iif(id % 2, id, '{text}') FROM customer;
         INSERT INTO nothing_yet SELECT 1 WHERE '{text}' = 'old';"
    )
}

/// A source `new.db`, the older `old.db`, and a job from the one to `sink.db`.
fn workshop(rows: u32, mode: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("new.db", &shop(rows, "new"));
    folder.sql("old.db", &shop(rows / 2, "old"));
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{new: 'sqlite:new.db', sink: 'sqlite:sink.db'}}\n\
             jobs: {{copy: {{from: new, to: sink, mode: {mode}, batch_bytes_max: 4 KiB}}}}\n"
        ),
    );
    if mode == "truncate" {
        old_sink(&folder);
    }
    folder
}

/// The sink as it is before a job that replaces tables.
fn old_sink(folder: &Folder) {
    remove_sink(folder);
    std::fs::copy(folder.path("old.db"), folder.path("sink.db")).unwrap();
}

/// No sink at all.
fn remove_sink(folder: &Folder) {
    for name in ["sink.db", "sink.db-journal", "sink.db-wal", "sink.db-shm"] {
        let _ = std::fs::remove_file(folder.path(name));
    }
}

/// Every table of the sink, as it was left, is wholly old or wholly new; gives how many are new.
#[track_caller]
fn whole(folder: &Folder, what: &str) -> usize {
    if !folder.path("sink.db").exists() {
        return 0;
    }
    let left = judge::set_aside(&folder.path("sink.db"), &folder.path("left"));
    let now = judge::stands(&left, &folder.path("new.db"));
    let before = judge::stands(&left, &folder.path("old.db"));
    let torn =
        |(name, stand): &(&String, &Stand)| **stand == Stand::Different && before.get(*name) != Some(&Stand::Same);
    let torn: BTreeMap<_, _> = now.iter().filter(torn).collect();
    assert!(torn.is_empty(), "{what}: neither old nor new: {torn:?}");
    now.values().filter(|stand| **stand == Stand::Same).count()
}

/// The same command once more, now left alone: it goes on and ends with the source's rows.
#[track_caller]
fn ends_well(folder: &Folder, what: &str) {
    let ran = folder.syncline(&[JOB]);
    assert_eq!(ran.code, Some(0), "{what}, then once more: {}{}", ran.out, ran.err);
    judge::same(&folder.path("sink.db"), &folder.path("new.db"));
    judge::no_trace(&folder.path("sink.db"));
}
