//! First contact: rows on both sides when the group is made.

use syncline_rig::Brand;

use super::Members;

const BRANDS: [Option<Brand>; 3] = [None, Some(Brand::Postgres), Some(Brand::Mariadb)];

fn apart() -> Members {
    let members = Members::shop(&BRANDS);
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x'), (2, 'Bob', 'Rome', 'bob@x');");
    members.sql(0, "INSERT INTO customer VALUES (3, 'Only A', NULL, NULL); INSERT INTO item VALUES (3, 1, 'pen', 1);");
    members.sql(1, "UPDATE customer SET city = 'Pisa' WHERE id = 2;");
    members.sql(2, "INSERT INTO customer VALUES (4, 'Only C', NULL, 'c@x');");
    members
}

#[test]
fn a_dry_run_counts_and_changes_nothing() {
    let members = apart();
    let before = members.folder.contents();
    let told = members.run(&["--dry-run", "--json"]).exits(0).json();
    let customer = &told["first_contact"][0];
    assert_eq!(
        (&customer["equal"], &customer["missing"], &customer["differ"]),
        (&1.into(), &2.into(), &1.into()),
        "{told}"
    );
    assert!(members.folder.contents() == before, "a file changed");
    for place in 1..3 {
        let ours =
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE 'syncline%' AND table_schema = ";
        let schema = if place == 1 { "current_schema()" } else { "DATABASE()" };
        assert_eq!(members.sql(place, &format!("{ours}{schema};")), "0");
    }
}

#[test]
fn rows_that_differ_need_a_rule() {
    let members = apart();
    let ran = members.run(&["--once"]).exits(1);
    assert!(ran.err.contains("1 rows differ") && ran.err.contains("--first-contact"), "{}", ran.err);
    assert_eq!(members.shown(0, "SELECT COUNT(*) FROM customer"), "3", "nothing was moved");
    let winner = members.word(1);
    members.run(&["--once", "--first-contact", &winner]).well();
    members.same("first contact");
    assert_eq!(members.shown(0, "SELECT city FROM customer WHERE id = 2"), "Pisa");
    assert_eq!(members.shown(2, "SELECT id FROM customer ORDER BY id"), "1\n2\n3\n4");
    assert_eq!(members.shown(2, "SELECT what FROM item"), "pen");
}

#[test]
fn equal_rows_join_in_silence() {
    let members = Members::shop(&BRANDS);
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x'), (2, 'Bob', NULL, NULL);");
    members.once();
    for place in 0..3 {
        assert_eq!(members.sql(place, "SELECT COUNT(*) FROM syncline_rank;"), "0");
        assert_eq!(members.sql(place, "SELECT COUNT(*) FROM syncline_unit;"), "0");
    }
}

/// What was captured before the group was made is no news.
#[test]
fn a_member_that_left_comes_back() {
    let members = Members::files();
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x');");
    members.once();
    members.sql(0, "UPDATE customer SET city = 'Bergen' WHERE id = 1;");
    for place in 0..2 {
        members.folder.syncline(&["sync", &members.word(place), "--leave"]).well();
        let ours = members.sql(place, "SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE '%syncline%';");
        assert_eq!(ours, "0", "what is installed is removed (I16)");
    }
    members.run(&["--once", "--first-contact", "a.db"]).well();
    members.same("made anew");
    assert_eq!(members.shown(1, "SELECT city FROM customer"), "Bergen");
}
