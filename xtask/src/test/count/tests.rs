use super::Count;

#[test]
fn several_binaries_add_up() {
    let mut count = Count::default();
    for line in [
        "running 2 tests",
        "test cell::tests::order ... ok",
        "test sim::quiet ... FAILED",
        "test stop - should panic ... FAILED",
        "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        "test result: ok. 6 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.20s",
    ] {
        count.take(line);
    }
    let failed_names = vec!["sim::quiet".to_string(), "stop".to_string()];
    assert_eq!(count, Count { passed: 7, failed: 2, ignored: 3, failed_names });
}
