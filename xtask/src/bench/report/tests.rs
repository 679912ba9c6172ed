use super::*;

#[test]
fn numbers_are_grouped() {
    assert_eq!([0, 999, 1000, 5_000_000].map(grouped), ["0", "999", "1 000", "5 000 000"]);
}

#[test]
fn a_report_is_a_table() {
    let mut report = Report::new("copy", "rows/s");
    report.line(1000, "syncline copy", "7 rows/s".into(), "≥ 6");
    let text = "### copy: rows/s\n\n| rows | what | median | wanted |\n|---:|---|---:|---|\n\
                | 1 000 | syncline copy | 7 rows/s | ≥ 6 |";
    assert_eq!(report.to_string(), text);
}
