//! Killed at a random moment, again and again.

use std::time::{Duration, Instant};

use crate::support::random::{Random, seed};

use super::{JOB, ends_well, old_sink, remove_sink, rounds, whole, workshop};

fn killed_at_random(mode: &str) {
    let seed = seed();
    let mut random = Random(seed);
    let folder = workshop(400, mode);
    let fresh = || if mode == "truncate" { old_sink(&folder) } else { remove_sink(&folder) };
    fresh();
    let began = Instant::now();
    ends_well(&folder, "timed");
    let whole_run = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut killed = 0;
    for round in 0..8 * rounds() {
        fresh();
        // Up to four deaths in a row, then it is left alone.
        for death in 0..=random.below(4) {
            let what = format!("{mode}, seed {seed}, round {round}, death {death}");
            let mut running = folder.started(&[JOB]);
            std::thread::sleep(Duration::from_micros(random.below(whole_run)));
            killed += usize::from(running.runs());
            running.kill();
            whole(&folder, &what);
        }
        ends_well(&folder, &format!("{mode}, seed {seed}, round {round}"));
    }
    assert!(killed > 0, "every run was over before it was killed");
}

#[test]
fn killed_at_random_in_a_first_copy() {
    killed_at_random("upsert");
}

#[test]
fn killed_at_random_in_a_replacement() {
    killed_at_random("truncate");
}
