#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const BLOCK: i64 = 8192;

/// The blocks between which a condition takes rows; open ends are none.
fn borders(condition: &str) -> (Option<i64>, Option<i64>) {
    let after = |sign: &str| {
        let (_, rest) = condition.split_once(&format!("ctid {sign} '("))?;
        rest.split_once(',')?.0.parse().ok()
    };
    (after(">="), after("<"))
}

/// A row of any block is read once, also of a block that came when the size was asked for already.
#[test]
fn every_block_is_in_one_range() {
    for blocks in [1, 2, 3, 255, 256, 257, 1024, 1025, 99_999, i64::from(u32::MAX)] {
        for readers in [2, 3, 64] {
            let all: Vec<_> = conditions(Size { blocks, block: BLOCK }, readers).iter().map(|c| borders(c)).collect();
            assert_eq!((all.first().unwrap().0, all.last().unwrap().1), (None, None), "{blocks} {readers}");
            for pair in all.windows(2) {
                assert!(pair[0].1.is_some() && pair[0].1 == pair[1].0, "{blocks} {readers}: {pair:?}");
            }
            assert!(all.len() >= 2 && all.len() <= 8 * readers as usize, "{blocks} {readers}");
        }
    }
}

#[test]
fn ranges_are_of_about_one_size() {
    let all: Vec<_> = conditions(Size { blocks: 10_007, block: BLOCK }, 2).iter().map(|c| borders(c)).collect();
    let sizes: Vec<_> = all.iter().map(|(from, below)| below.unwrap_or(10_007) - from.unwrap_or(0)).collect();
    assert_eq!(all.len(), 16);
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
}

#[test]
fn no_range_is_very_small() {
    assert_eq!(conditions(Size { blocks: 1024, block: BLOCK }, 8).len(), 4);
}
