//! Killed at a random moment, again and again.

use std::time::{Duration, Instant};

use super::{JOB, ends_well, old_sink, remove_sink, rounds, whole, workshop};

/// SplitMix64: the same seed, the same moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

/// `SYNCLINE_TEST_SEED=N` repeats the moments of an earlier run.
fn seed() -> u64 {
    let given = std::env::var("SYNCLINE_TEST_SEED").ok().and_then(|n| n.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_micros()).unwrap()
    });
    eprintln!("seed {seed}");
    seed
}

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
