use super::*;

fn looks(seen: &[(i64, u64)]) -> Looks {
    Looks(seen.iter().map(|(at_us, highest)| Look { at_us: *at_us, highest: *highest }).collect())
}

#[test]
fn a_row_is_visible_from_the_first_look_that_saw_it_or_a_later_one() {
    let looks = looks(&[(5_000, 1), (9_000, 3)]);
    let latencies = looks.latencies(&[(1, 1_000), (2, 2_000), (3, 8_000)]);
    let told = latencies.ok().map(|latencies| (latencies.to_string(), latencies.0));
    assert_eq!(told, Some(("p50 4.0 ms, p99 7.0 ms, longest 7.0 ms".to_string(), vec![1_000, 4_000, 7_000])));
    assert!(looks.latencies(&[(4, 8_000)]).is_err());
}

#[test]
fn one_of_a_hundred_may_be_later() {
    let latencies = Latencies((1..=200).map(|ms| ms * 1000).collect());
    assert_eq!([50, 99, 100].map(|percent| latencies.percentile(percent)), [100.0, 198.0, 200.0]);
    assert!(Latencies(Vec::new()).percentile(50).is_nan());
}

#[test]
fn rows_say_their_times() {
    assert_eq!(times("1|1000|a|b\n2|2000|c\n").ok(), Some(vec![(1, 1000), (2, 2000)]));
    assert!(times("1|x|a").is_err());
}

#[test]
fn a_log_says_how_long_something_took() {
    let log = "x TRACE tick tick=3 us=2000\nx TRACE range opened upto=3 us=5\nx TRACE tick tick=4 us=1000\n";
    assert_eq!(spent(log, " tick tick=").ok().map(|spent| spent.0), Some(vec![1000, 2000]));
    assert!(spent(log, "nothing").is_err());
    assert!(spent("a tick without a time", "tick").is_err());
}
