#![allow(clippy::unwrap_used)]

use super::*;

fn taken(cuts: Vec<i128>) -> Vec<(String, Vec<Value>)> {
    let ranges = Ranges { column: "k".into(), cuts, taken: AtomicUsize::new(0) };
    std::iter::from_fn(|| ranges.take()).collect()
}

#[test]
fn the_first_range_and_the_last_are_open() {
    let cut = |at| Value::Int(at);
    assert_eq!(
        taken(vec![10, 20]),
        [
            (" WHERE k < ?".to_owned(), vec![cut(10)]),
            (" WHERE k >= ? AND k < ?".to_owned(), vec![cut(10), cut(20)]),
            (" WHERE k >= ?".to_owned(), vec![cut(20)]),
        ]
    );
    assert_eq!(taken(Vec::new()), [(String::new(), Vec::new())]);
    assert_eq!(taken(vec![i128::from(u64::MAX)]).last().unwrap().1, [Value::UInt(u64::MAX)]);
}

#[test]
fn cuts_lie_between_the_ends_and_rise() {
    assert_eq!(cuts(0, 100, 4), [25, 50, 75]);
    assert_eq!(cuts(7, 7, 32), []);
    assert_eq!(cuts(1, 3, 32), [2]);
    let (least, most) = (i128::from(i64::MIN), i128::from(u64::MAX));
    for (least, most) in [(least, most), (least, least + 31), (most - 1, most), (0, most)] {
        let cuts = cuts(least, most, 256);
        assert!(cuts.iter().zip(cuts.iter().skip(1)).all(|(a, b)| a < b), "{cuts:?}");
        assert!(cuts.iter().all(|cut| least < *cut && *cut <= most), "{cuts:?}");
    }
}
