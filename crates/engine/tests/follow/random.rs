//! Random changes of every kind while the job follows and dies: in the end both files hold the same, and no state on the
//! way was one that the source never had.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::support::binary::{Folder, PATIENCE};
use crate::support::random::{Random, seed};

use super::{caught_up, followed, same};

const TABLES: [&str; 4] = ["account", "person", "child", "pair"];

const SCHEMA: &str = "
    CREATE TABLE account (id INTEGER PRIMARY KEY, balance INT NOT NULL);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO account SELECT i, 100 FROM n;
    CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT COLLATE NOCASE UNIQUE, nick TEXT, note, UNIQUE (nick, note));
    CREATE TABLE child (id TEXT NOT NULL PRIMARY KEY, of INT REFERENCES person(id) ON DELETE CASCADE ON UPDATE CASCADE, v REAL);
    CREATE TABLE pair (b TEXT, a INT, v BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;";

/// A transaction of some random changes. What a constraint refuses stays undone, as the application would have it.
fn changed(conn: &Connection, random: &mut Random) {
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..=random.below(6) {
        let _ = conn.execute_batch(&statement(random));
    }
    let (from, to, amount) = (1 + random.below(20), 1 + random.below(20), random.below(50));
    conn.execute_batch(&format!(
        "UPDATE account SET balance = balance - {amount} WHERE id = {from}; UPDATE account SET balance = balance + {amount} WHERE id = {to};"
    ))
    .unwrap();
    conn.execute_batch(if random.below(10) == 0 { "ROLLBACK" } else { "COMMIT" }).unwrap();
}

fn statement(random: &mut Random) -> String {
    let (id, other) = (random.below(12), random.below(12));
    let word = random.of(&["'a'", "'A'", "'b'", "'c '", "'d'", "NULL", "1", "1.0", "x'31'", "'1'"]);
    let or = random.of(&["", " OR REPLACE", " OR IGNORE", " OR ABORT"]);
    match random.below(13) {
        0 | 1 => format!("INSERT{or} INTO person VALUES ({id}, {word}, 'n{other}', {word})"),
        2 => format!("UPDATE{or} person SET mail = {word} WHERE id = {id}"),
        3 => format!("UPDATE{or} person SET id = {other}, note = {word} WHERE id = {id}"),
        4 => format!(
            "INSERT INTO person VALUES ({id}, {word}, 'x', 1) ON CONFLICT (id) DO UPDATE SET note = excluded.note || 'u'"
        ),
        5 => format!("DELETE FROM person WHERE id = {id}"),
        6 | 7 => format!("INSERT{or} INTO child VALUES ({word}, {id}, {other}.5)"),
        8 => format!("UPDATE{or} child SET of = {other}, id = {word} WHERE of = {id}"),
        9 => format!("INSERT{or} INTO pair VALUES ({word}, {id}, {word})"),
        10 => format!("UPDATE{or} pair SET a = a + {other}, v = {word} WHERE a % 3 = {}", id % 3),
        11 => format!("SAVEPOINT s; DELETE FROM pair WHERE a > {id}; DELETE FROM child; ROLLBACK TO s; RELEASE s"),
        _ => "DELETE FROM pair WHERE a > 8".into(),
    }
}

/// P3: whoever reads the sink sees whole transactions; no money is made or lost.
fn watch_the_bank(folder: &Folder, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let path = folder.path("b.db");
    std::thread::spawn(move || {
        let mut looks = 0;
        while !stop.load(Ordering::Relaxed) {
            let sum = Connection::open(&path).and_then(|conn| {
                conn.busy_timeout(Duration::from_secs(5))?;
                conn.query_row("SELECT sum(balance) FROM account", [], |r| r.get::<_, Option<i64>>(0))
            });
            // Before the table is there, nobody has any money.
            if let Ok(Some(sum)) = sum {
                assert_eq!(sum, 2000, "look {looks}");
                looks += 1;
            }
        }
        looks
    })
}

fn changed_at_random(recursive: bool) {
    let seed = seed();
    let mut random = Random(seed);
    let folder = followed(SCHEMA);
    caught_up(&folder);
    let stop = Arc::new(AtomicBool::new(false));
    let bank = watch_the_bank(&folder, stop.clone());
    let conn = Connection::open(folder.path("a.db")).unwrap();
    conn.busy_timeout(PATIENCE).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF").unwrap();
    conn.pragma_update(None, "recursive_triggers", recursive).unwrap();
    for life in 0..4 {
        let running = folder.started(&["run", "live", "--follow"]);
        for _ in 0..60 {
            changed(&conn, &mut random);
            std::thread::sleep(Duration::from_micros(random.below(3000)));
        }
        match life {
            // It dies at some moment; or it is asked to stop, and does so between two units.
            0..3 => running.kill(),
            _ => {
                running.signal("TERM");
                let ran = running.ends();
                assert_eq!((ran.code, &*ran.complaints()), (Some(0), ""), "seed {seed}");
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(bank.join().unwrap() > 0, "seed {seed}: nobody looked");
    caught_up(&folder);
    same(&folder, &TABLES);
    assert_eq!(folder.sql("a.db", "SELECT count(*) FROM syncline_outbox"), "0", "seed {seed}");
}

#[test]
fn random_changes_while_it_follows_and_dies() {
    changed_at_random(false);
}

/// Delete triggers fire for `REPLACE`, and none of its rows is recorded twice.
#[test]
fn random_changes_with_recursive_triggers() {
    changed_at_random(true);
}
