#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use super::*;

fn seen(text: &str) -> Seen {
    Seen::parse(text).unwrap()
}

/// Which of the first transactions a condition finds.
fn found(condition: Option<String>) -> Vec<u64> {
    let Some(sql) = condition else { return Vec::new() };
    let sql = sql.replace("::pg_catalog.xid8", "").replace(['(', ')'], "");
    let part_holds = |part: &str, x: u64| {
        part.split(" AND ").all(|c| {
            let number = |s: &str| s.trim_matches(['\'', ' ']).parse::<u64>().unwrap();
            let list = |s: &str| -> Vec<u64> {
                let inner = s.split(['{', '}']).nth(1).unwrap();
                inner.split(',').map(|x| x.parse().unwrap()).collect()
            };
            match c.trim().strip_prefix("xid ").unwrap().split_once(' ').unwrap() {
                ("<", n) => x < number(n),
                (">=", n) => x >= number(n),
                ("=", l) => list(l).contains(&x),
                ("<>", l) => !list(l).contains(&x),
                other => panic!("{other:?}"),
            }
        })
    };
    (0..300).filter(|x| sql.split(" OR ").any(|part| part_holds(part, *x))).collect()
}

#[test]
fn a_range_holds_exactly_what_one_sees_and_the_other_does_not() {
    for (first, second) in [
        ("1:1:", "1:1:"),
        ("1:5:", "1:9:"),
        ("3:9:3,4,8", "4:12:4,9,11"),
        ("3:9:3,4,8", "3:9:3,4,8"),
        ("3:9:3,4,8", "9:9:"),
        ("200:210:200", "200:260:200,210,211,259"),
        (
            "100:100:",
            "100:200:100,102,104,106,108,110,112,114,116,118,120,122,124,126,128,130,132,134,136,138,140,142,144,146,148,150,152,154,156,158,160,162,164,166,168",
        ),
    ] {
        let (before, after) = (seen(first), seen(second));
        let exact: Vec<u64> = (0..300).filter(|x| after.sees(*x) && !before.sees(*x)).collect();
        assert_eq!(found(before.until(&after)), exact, "{first} {second}");
        assert_eq!(found(Some(after.all())), (0..300).filter(|x| after.sees(*x)).collect::<Vec<_>>(), "{second}");
    }
}

#[test]
fn what_is_no_snapshot_is_refused() {
    for text in ["", "5", "a:b:c", "1:2:x"] {
        assert!(Seen::parse(text).is_err(), "{text}");
    }
}

#[test]
fn one_that_has_ended_is_noticed() {
    assert!(seen("3:9:3,4").any_ended(&seen("4:9:4")));
    assert!(!seen("3:9:3,4").any_ended(&seen("3:12:3,4,10")));
}
