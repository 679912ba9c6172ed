use super::*;

#[test]
fn the_kernel_is_understood() {
    assert_eq!(peak_kib("Name:\tx\nVmHWM:\t    4321 kB\nVmRSS:\t 1 kB\n"), Some(4321));
    assert_eq!(peak_kib("Name:\tx\n"), None);
    let stat = times("7 (a) b (c)) S 3 7 7 0 -1 4194560 0 0 0 0 150 50 20 30 20 0 1 0 1 1 1");
    assert_eq!(stat.map(|times| (times.parent, times.own_s, times.children_s)), Some((3, 2.0, 0.5)));
    assert!(times("7 (a) S 3 7 7").is_none());
    assert_eq!(all_cpus_s("cpu  100 50 50 9999 8888 20 30 50 0 0\ncpu0 1 2 3\n"), Some(3.0));
}

#[test]
fn the_middle_is_found() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(vec![4.0, 1.0]), 2.5);
    assert!(median(Vec::new()).is_nan());
}
