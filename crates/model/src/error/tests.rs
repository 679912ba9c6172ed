use super::{Error, ErrorKind, Retry};

#[test]
fn at_most_fifteen_kinds_each_with_its_own_name_and_advice() {
    let names: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|k| k.policy().name).collect();
    assert_eq!(names.len(), ErrorKind::ALL.len());
    assert!(ErrorKind::ALL.len() <= 15);
    for kind in ErrorKind::ALL {
        assert!(!kind.policy().advice.is_empty(), "{kind:?}");
    }
}

#[test]
fn the_text_says_what_where_and_why_in_this_order() {
    let cause = std::io::Error::other("disk on fire");
    let e = Error::new(ErrorKind::Full, "cannot write").at("table", "orders").at("row", "3").caused_by(cause);
    assert_eq!(e.to_string(), "cannot write [table orders, row 3]: disk on fire");
    assert_eq!(e.advice(), ErrorKind::Full.policy().advice);
    assert_eq!(e.hint("buy a disk").advice(), "buy a disk");
}

#[test]
fn what_was_given_up_is_not_retried_again() {
    let e = Error::new(ErrorKind::Busy, "locked");
    assert_eq!(e.retry(), Retry::Soon);
    assert_eq!(e.given_up().retry(), Retry::Never);
}
