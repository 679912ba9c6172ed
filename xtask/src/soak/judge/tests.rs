use super::super::workload::{Item, Ledger, Transfer};
use super::{Rows, expected, history_holds, same};

fn rows(lines: &[&str]) -> Rows {
    lines.iter().map(|line| (*line).to_string()).collect()
}

/// Two writers; the first has moved money twice, the second once.
fn ledgers() -> [Ledger; 2] {
    let transfer = |from, to, amount| Transfer { from, to, amount };
    let mut first = Ledger { transfers: vec![transfer(1, 2, 5), transfer(2, 1, 7)], ..Ledger::default() };
    first.items.insert(("a1".into(), 3), Item { price: Some(125), note: Some("é".into()) });
    let second = Ledger { transfers: vec![transfer(2, 3, 1)], ..Ledger::default() };
    [first, second]
}

const HISTORY: [&str; 6] = ["1|1|1|1|-5", "1|2|1|2|7", "2|1|1|1|5", "2|2|2|1|-1", "2|3|1|2|-7", "3|1|2|1|1"];

#[test]
fn what_the_log_says_is_what_is_expected() {
    let account = expected("account", &ledgers()).unwrap_or_default();
    assert_eq!(account.get(..4), Some(rows(&["1|1002|2", "2|997|3", "3|1001|1", "4|1000|0"]).as_slice()));
    assert_eq!(expected("writer", &ledgers()), Some(rows(&["1|2", "2|1"])));
    assert_eq!(expected("item", &ledgers()), Some(rows(&["a1|3|125|C3A9"])));
    assert_eq!(expected("history", &ledgers()), None);
}

#[test]
fn a_history_is_whole_in_order_and_nothing_else() {
    assert_eq!(history_holds(&rows(&HISTORY), &ledgers()), Ok(()));
    let without = |place: usize| {
        let mut lost = rows(&HISTORY);
        lost.remove(place);
        history_holds(&lost, &ledgers()).err().unwrap_or_default()
    };
    assert_eq!(without(3), "history, row 2|3|1|2|-7: comes where number 2 was due");
    assert_eq!(without(5), "history: 5 rows, and the log has 6");
    let with = |place: usize, row: &str| {
        let mut other = rows(&HISTORY);
        if let Some(place) = other.get_mut(place) {
            *place = row.to_string();
        }
        history_holds(&other, &ledgers()).err().unwrap_or_default()
    };
    assert_eq!(
        with(1, "1|2|1|1|-5"),
        "history, row 1|2|1|1|-5: comes behind 1 of the same writer: doubled, or out of order"
    );
    assert_eq!(with(1, "1|2|1|3|7"), "history, row 1|2|1|3|7: never happened, says the log");
    assert_eq!(with(1, "1|2|2|1|7"), "history, row 1|2|2|1|7: never happened, says the log");
    assert_eq!(with(1, "1|2|1|2|8"), "history, row 1|2|1|2|8: the log says 7");
    assert_eq!(with(1, "1|1|1|2|7"), "history, row 1|1|1|2|7: comes where number 2 was due");
}

#[test]
fn what_differs_is_named_by_its_key() {
    let wanted = rows(&["1|1|a", "1|2|b", "2|1|c"]);
    assert_eq!(same("item", &wanted, &wanted), Ok(()));
    let says = |found: &[&str]| same("item", &wanted, &rows(found)).err().unwrap_or_default();
    let lost = says(&["1|1|a", "2|1|c"]);
    assert!(
        lost.starts_with("item, key 1|2: lost") && lost.ends_with("1 rows lost, 0 doubled or never there, 0 altered")
    );
    let doubled = says(&["1|1|a", "1|1|a", "1|2|b", "2|1|c"]);
    assert!(doubled.starts_with("item, key 1|1: doubled"), "{doubled}");
    let altered = says(&["1|1|a", "1|2|x", "2|1|c"]);
    assert!(altered.contains("altered\n  wanted [\"1|2|b\"]\n  found  [\"1|2|x\"]"), "{altered}");
    assert!(says(&["1|2|b", "1|1|a", "2|1|c"]).contains("in another order"));
}
