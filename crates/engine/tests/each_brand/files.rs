//! What others do to an SQLite file that is followed (F43). A file that is put in its place: `follow/lanes.rs`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::Source;
use crate::support::binary::{PATIENCE, until_answer};

const TABLE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); \
    CREATE TABLE words (w TEXT PRIMARY KEY, n INT) ; INSERT INTO t VALUES (1, 'a')";

fn sums(file: &str, source: &Source) -> String {
    source.folder.sql(
        file,
        ".timeout 20000\nSELECT count(*), sum(id), max(v) FROM t; SELECT count(*), sum(n), max(w) FROM words",
    )
}

/// F43: others empty the write-ahead log, rewrite the file from end to end, number its rows anew, change its settings.
#[test]
fn others_rewrite_the_file_and_nothing_is_lost() {
    let source = Source::new(None, TABLE);
    source.caught_up();
    let mut running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
    for (n, meddling) in [
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "VACUUM",
        "PRAGMA page_size = 8192; PRAGMA auto_vacuum = FULL; VACUUM",
        "PRAGMA wal_checkpoint(RESTART); PRAGMA wal_autocheckpoint = 1",
        "PRAGMA incremental_vacuum; ANALYZE; REINDEX",
        "CREATE TABLE beside (x); DROP TABLE beside",
        "PRAGMA user_version = 7; PRAGMA application_id = 7",
    ]
    .into_iter()
    .enumerate()
    {
        let change = format!(
            "INSERT INTO t VALUES ({n} + 10, '{n}'); UPDATE t SET v = v || '+' WHERE id % 2 = {n} % 2; \
             INSERT INTO words VALUES ('w{n}', {n}); DELETE FROM words WHERE n = {n} - 2; UPDATE words SET w = w || '!' WHERE n = {n} - 1"
        );
        source.sql(&change);
        source.sql(meddling);
        // Waited for every other time: what is meddled with has been read already, or has not.
        if n % 2 == 0 {
            let wanted = sums("a.db", &source);
            until_answer(&wanted, || sums("b.db", &source));
        }
        running.goes_on();
    }
    let wanted = sums("a.db", &source);
    until_answer(&wanted, || sums("b.db", &source));
    running.signal("TERM");
    running.ends().well();
    source.same("SELECT id, v FROM t ORDER BY id", "all");
    source.same("SELECT w, n FROM words ORDER BY w", "all");
}

/// Longest that a writer waits for its turn on a machine that has other things to do; on a quiet one it is a second.
const TURN_MAX: Duration = Duration::from_secs(60);

/// F43: whoever holds the file keeps the lane waiting, not the other way round; a program that waits a second for its turn
/// gets it, however busy the lane is.
#[test]
fn a_busy_file_is_waited_for_and_the_application_is_not() {
    let source = Source::new(None, TABLE);
    source.caught_up();
    let path = source.folder.path("a.db");
    let mut running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
    let holder = Connection::open(&path).unwrap();
    holder.busy_timeout(PATIENCE).unwrap();
    for (n, begin) in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"].into_iter().enumerate() {
        source.sql(&format!("INSERT INTO t VALUES ({n} + 10, 'before')"));
        holder.execute_batch(&format!("{begin}; INSERT INTO t VALUES ({n} + 20, 'held')")).unwrap();
        // Longer than anybody of the lane's waits for a lock.
        std::thread::sleep(Duration::from_secs(7));
        running.goes_on();
        holder.execute_batch("COMMIT").unwrap();
        let wanted = sums("a.db", &source);
        until_answer(&wanted, || sums("b.db", &source));
    }
    let (done, writers) = (AtomicBool::new(false), 3);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (path, done) = (&path, &done);
            scope.spawn(move || {
                let conn = Connection::open(path).unwrap();
                conn.busy_timeout(PATIENCE).unwrap();
                for n in 0..500 {
                    let began = std::time::Instant::now();
                    conn.execute_batch(&format!(
                        "BEGIN IMMEDIATE; INSERT INTO t VALUES ({writer}000 + 10000 + {n}, 'w'); COMMIT"
                    ))
                    .unwrap();
                    assert!(began.elapsed() < TURN_MAX, "{:?}", began.elapsed());
                }
                done.store(true, Ordering::Relaxed);
            });
        }
    });
    assert!(done.load(Ordering::Relaxed));
    let wanted = sums("a.db", &source);
    until_answer(&wanted, || sums("b.db", &source));
    running.signal("TERM");
    running.ends().exits(0);
}
