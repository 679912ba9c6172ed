use super::{nearest, suggestion};

#[test]
fn suggests_what_was_probably_meant_and_nothing_else() {
    let names = ["order", "orders_old", "customer", "id"];
    assert_eq!(nearest("orders", names), Some("order"));
    assert_eq!(nearest("CUSTOMER", names), Some("customer"));
    assert_eq!(nearest("cusotmer", names), Some("customer"));
    assert_eq!(nearest("ik", names), Some("id"));
    assert_eq!(nearest("stock", names), None);
    assert_eq!(nearest("xy", names), None);
    assert_eq!(nearest("a", ["b", "c"]), None);
    assert_eq!(nearest("a", ["b", "A"]), Some("A"));
    assert_eq!(suggestion("orders", names), "; did you mean order?");
    assert_eq!(suggestion("stock", names), "");
}
