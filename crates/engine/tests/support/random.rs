//! Chance that can be repeated.

pub use syncline_rig::Random;

/// A new seed, told; `SYNCLINE_TEST_SEED=N` repeats an earlier one.
pub fn seed() -> u64 {
    let given = std::env::var("SYNCLINE_TEST_SEED").ok().and_then(|n| n.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_micros()).unwrap()
    });
    eprintln!("seed {seed}");
    seed
}
