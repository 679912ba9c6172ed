use super::*;

#[test]
fn types_are_taken_apart() {
    let native = Native::parse("enum('a','b,c','d''e',')') CHARACTER SET latin1 COLLATE latin1_swedish_ci");
    assert_eq!(native.labels, ["a", "b,c", "d'e", ")"]);
    assert_eq!((native.charset.as_deref(), native.collation.as_deref()), (Some("latin1"), Some("latin1_swedish_ci")));
    let native = Native::parse("decimal(65,30) unsigned zerofill");
    assert_eq!((native.word.as_str(), native.numbers.as_slice(), native.unsigned), ("decimal", &[65, 30][..], true));
    assert_eq!(native.logical(), LogicalType::Decimal { precision: Some(65), scale: Some(30) });
    assert_eq!(Native::parse("bigint(20) unsigned").logical(), LogicalType::Int { bits: 64, signed: false });
    assert_eq!(Native::parse("tinyint(1)").logical(), LogicalType::Int { bits: 8, signed: true });
    assert_eq!(Native::parse("set('x','y')").labels, ["x", "y"]);
    assert_eq!(Native::parse("inet6").logical(), LogicalType::Other);
}
