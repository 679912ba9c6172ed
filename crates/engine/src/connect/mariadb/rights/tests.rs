#![allow(clippy::unwrap_used)]

use super::*;

fn granted(lines: &[&str]) -> Grants {
    let mut grants = Grants::default();
    for line in lines {
        match grant(line) {
            Some(grant) => grants.lines.push(grant),
            None => grants.by_role = true,
        }
    }
    grants
}

#[test]
fn rights_count_where_they_were_granted() {
    let grants = granted(&[
        "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*0'",
        "GRANT SELECT, CREATE TEMPORARY TABLES ON `sh\\_op%`.* TO `app`@`%`",
        "GRANT INSERT, UPDATE (`a`, `b`) ON `other`.`t``x` TO `app`@`%`",
    ]);
    let missing = |right, database, table| !grants.missing(&[right], database, table).is_empty();
    assert!(!missing("SELECT", "sh_op", None) && !missing("CREATE TEMPORARY TABLES", "sh_op_2", Some("t")));
    assert!(missing("SELECT", "shXop", None), "an escaped wildcard is a letter");
    assert!(missing("INSERT", "sh_op", None));
    assert!(!missing("INSERT", "other", Some("t`x")) && missing("INSERT", "other", None));
    assert!(missing("UPDATE", "other", Some("t`x")), "a right on columns is none on the table");
    assert!(granted(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`%`"]).missing(&OF_A_SINK, "any", None).is_empty());
    assert!(granted(&["GRANT `writers` TO `app`@`%`"]).missing(&OF_A_SINK, "any", None).is_empty());
}
