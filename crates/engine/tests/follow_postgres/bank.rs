//! Many writers at once: every state of the sinks is one that the source had (I3), and each key's changes arrive in their
//! order (I4).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Followed;
use super::sessions::Session;
use crate::support::random::{Random, seed};

const WRITERS: u64 = 16;
const TRANSACTIONS: usize = 120;
const ACCOUNTS: u64 = 40;

/// F16, F17: sixteen writers move money, sleep at random before they commit, and roll back now and then. Whoever reads a
/// sink in between sees every sum constant, and no account's number of changes ever goes back.
#[test]
fn sixteen_writers_that_commit_late() {
    let f = Arc::new(Followed::new(&format!(
        "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, changes int NOT NULL); \
         CREATE TABLE moved (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int, changes int, amount int); \
         INSERT INTO account SELECT i, 100, 0 FROM generate_series(1, {ACCOUNTS}) i;"
    )));
    f.caught_up();
    let mut running = f.folder.started(&["run", "live", "--follow"]);
    let seed = seed();
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            let f = f.clone();
            std::thread::spawn(move || write(&f, seed.wrapping_add(n * 7919)))
        })
        .collect();
    let reader = std::thread::spawn({
        let (f, done) = (f.clone(), done.clone());
        move || watch(&f, &done)
    });
    writers.into_iter().for_each(|w| w.join().unwrap());
    running.goes_on();
    done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 20, "the sinks were hardly looked at");
    running.signal("TERM");
    running.ends().exits(0);
    f.arrives(&["account", "moved"]);
    let sums = "SELECT count(*), sum(balance), sum(changes) FROM account";
    assert_eq!(f.folder.sql("c.db", sums), f.from.sql(&format!("{sums};")));
    let moved = "SELECT count(*), sum(id * amount), sum(account * changes) FROM moved";
    assert_eq!(f.folder.sql("c.db", moved), f.from.sql(&format!("{moved};")));
}

fn write(f: &Followed, seed: u64) {
    let mut random = Random(seed);
    let mut session = Session::new(&f.from.url());
    for _ in 0..TRANSACTIONS {
        let (one, other) = (random.below(ACCOUNTS) + 1, random.below(ACCOUNTS) + 1);
        let (amount, sleep) = (random.below(20), random.below(6));
        let end = if random.below(5) == 0 { "ROLLBACK" } else { "COMMIT" };
        // In the order of keys: a deadlock would only make it slow.
        let (low, high) = (one.min(other), one.max(other));
        let sign = |id: u64| if id == one { "-" } else { "+" };
        let update = |id: u64| {
            format!(
                "WITH u AS (UPDATE account SET balance = balance {} {amount}, changes = changes + 1 WHERE id = {id} RETURNING id, changes) \
                 INSERT INTO moved (account, changes, amount) SELECT id, changes, {amount} FROM u;",
                sign(id)
            )
        };
        if low == high {
            continue;
        }
        session.run(&format!("BEGIN; {} {} SELECT pg_sleep(0.00{sleep}); {end};", update(low), update(high)));
    }
}

/// Looks at both sinks until it is told to stop; how often it did.
fn watch(f: &Followed, done: &AtomicBool) -> u64 {
    let sum = (100 * ACCOUNTS).to_string();
    let mut session = Session::new(&f.to.url());
    let mut looks = 0;
    let mut changes = 0;
    while !done.load(Ordering::Relaxed) {
        // Each account's last change is in the list of what was moved, and in one state of the source.
        let seen = session.run(
            "SELECT sum(balance), sum(changes), (SELECT count(*) FROM moved), \
             (SELECT count(*) FROM account a WHERE changes <> (SELECT count(*) FROM moved m WHERE m.account = a.id)) FROM account;",
        );
        let seen: Vec<&str> = seen.split('|').collect();
        assert_eq!(seen[0], sum);
        assert_eq!(seen[1], seen[2]);
        assert_eq!(seen[3], "0");
        let now: u64 = seen[1].parse().unwrap();
        assert!(now >= changes);
        changes = now;
        assert_eq!(f.folder.sql("c.db", ".timeout 20000\nSELECT sum(balance) FROM account"), sum);
        looks += 1;
    }
    looks
}
