//! How much is carried, and how fast.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{followed, lane_to, until};

#[test]
fn what_a_lane_has_committed_adds_up() {
    let folder = followed("", "");
    let total = || lane_to(&folder.syncline(&["status", "--json"]).well(), "b")["changes_total"].clone();
    assert_eq!(total(), 3);
    folder.sql("a.db", "INSERT INTO t VALUES (4, 'd'); UPDATE t SET v = 'x'; DELETE FROM t WHERE id = 1");
    folder.syncline(&["run", "--quiet"]).well();
    assert_eq!(total(), 9);
    // Nothing is carried, nothing is counted.
    folder.syncline(&["run", "--quiet"]).well();
    assert_eq!(total(), 9);
}

/// A writer at a steady pace is seen as what it is, roughly: the machine may be busy with other tests, and the writer slower
/// than it means to be.
#[test]
fn the_rate_is_that_of_the_writer() {
    const ROWS: u64 = 80;
    const EVERY: Duration = Duration::from_millis(200);
    let folder = followed("", "");
    let running = folder.started(&["run", "--follow", "--quiet"]);
    let (done, began) = (AtomicBool::new(false), Instant::now());
    let written = AtomicU64::new(0);
    let rate = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let first = 10 + n * ROWS;
                folder.sql("a.db", &format!(".timeout 20000\nWITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first} + {ROWS} - 1) INSERT INTO t SELECT i, 'x' FROM n"));
                written.fetch_add(ROWS, Ordering::Relaxed);
                let next = EVERY * (u32::try_from(n).unwrap() + 1);
                std::thread::sleep(next.saturating_sub(began.elapsed()));
            }
        });
        // It ends also when this thread fails.
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(&folder, "the writer's rate, of about 400 changes a second", |status| {
                let own = written.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
                let rates = ["b", "c"].map(|sink| lane_to(status, sink)["changes_per_second"].as_f64().unwrap_or(0.0));
                rates.iter().all(|rate| *rate > 0.0 && (own / 2.0..own * 2.0).contains(rate))
            })
        }));
        done.store(true, Ordering::Relaxed);
        status.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert!(lane_to(&rate, "b")["changes_total"].as_u64().unwrap() > ROWS);
    running.signal("TERM");
    running.ends().exits(0);
    folder.syncline(&["run", "--quiet"]).well();
    // All that came is counted once.
    let rows = folder.sql("b.db", "SELECT count(*) FROM t");
    assert_eq!(folder.sql("b.db", "SELECT changes FROM syncline_position"), rows);
}
