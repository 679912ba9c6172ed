use super::super::workload::{ACCOUNTS, BALANCE};
use super::Look;

/// Numbers of some accounts and writers; the others are at 0.
fn look(balance: i64, torn: &str, accounts: &[u32], writers: &[u32]) -> Look {
    Look { balance, torn: torn.to_string(), accounts: accounts.to_vec(), writers: writers.to_vec() }
}

#[test]
fn a_look_is_what_the_clients_print() {
    assert_eq!(Look::parse("40000||1,2|3,0\n").ok(), Some(look(40000, "", &[1, 2], &[3, 0])));
    assert_eq!(Look::parse("40000\t\t1,2\t3,0").ok(), Some(look(40000, "", &[1, 2], &[3, 0])));
    assert!(Look::parse("").is_err());
    assert!(Look::parse("|||").is_err());
}

#[test]
fn states_that_the_source_never_had_are_seen() {
    let all = i64::from(ACCOUNTS) * BALANCE;
    let before = look(all, "", &[1, 1], &[1, 0]);
    let says = |look: &Look| look.holds(Some(&before), &[2, 0]).err().unwrap_or_default();
    assert_eq!(says(&look(all, "", &[2, 2], &[2, 0])), "");
    assert!(says(&look(all - 1, "", &[2, 2], &[2, 0])).contains("together hold"));
    assert!(says(&look(all, "7:2:1", &[2, 2], &[2, 0])).contains("last move"));
    // One row of a transaction without the others.
    assert!(says(&look(all, "", &[2, 1], &[1, 0])).contains("in part"));
    assert!(says(&look(all, "", &[0, 2], &[1, 0])).contains("account 1 went back"));
    assert!(says(&look(all, "", &[1, 1], &[0, 1])).contains("writer 1 went back"));
    // More than was ever committed.
    assert!(says(&look(all, "", &[3, 3], &[3, 0])).contains("never came further"));
}
