//! Two members of each pair of brands, edited on both sides while apart.

use syncline_rig::Brand;

use super::Members;

const PAIRS: [[Option<Brand>; 2]; 6] = [
    [None, None],
    [None, Some(Brand::Postgres)],
    [None, Some(Brand::Mariadb)],
    [Some(Brand::Postgres), Some(Brand::Postgres)],
    [Some(Brand::Postgres), Some(Brand::Mariadb)],
    [Some(Brand::Mariadb), Some(Brand::Mariadb)],
];

const ROWS: &str =
    "INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x'), (2, 'Bob', 'Rome', 'bob@x'), (3, 'Cy', NULL, NULL);
    INSERT INTO item VALUES (1, 1, 'pen', 1.50), (1, 2, 'ink', 7), (2, 1, 'cup', 3.25);";

fn started(brands: [Option<Brand>; 2]) -> Members {
    let members = Members::shop(&brands);
    members.everywhere(ROWS);
    members.once();
    members
}

#[test]
fn edits_on_both_sides_while_apart() {
    for brands in PAIRS {
        let members = started(brands);
        // Different columns of one row; a row on each side; a composite key.
        members.sql(
            0,
            "UPDATE customer SET city = 'Bergen' WHERE id = 1; INSERT INTO customer VALUES (10, 'Ten', 'A', NULL);",
        );
        members.sql(
            1,
            "UPDATE customer SET name = 'Anna' WHERE id = 1; INSERT INTO customer VALUES (11, 'Eleven', 'B', NULL);",
        );
        members.sql(
            0,
            "UPDATE item SET price = 2.75 WHERE customer = 1 AND line = 2; DELETE FROM item WHERE customer = 2;",
        );
        members.sql(1, "INSERT INTO item VALUES (2, 2, 'lid', 0.10); UPDATE item SET what = 'blue ink' WHERE line = 2 AND customer = 1;");
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(
            members.shown(0, super::SHOWN[0]),
            "1|Anna|Bergen|ann@x\n2|Bob|Rome|bob@x\n3|Cy|-|-\n10|Ten|A|-\n11|Eleven|B|-"
        );
        assert_eq!(members.shown(0, super::SHOWN[1]), "1|1|pen|150\n1|2|blue ink|275\n2|2|lid|10");
    }
}

#[test]
fn a_conflict_is_written_down_and_the_newest_wins_at_both() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(1, "UPDATE customer SET name = 'Robert', city = 'Pisa' WHERE id = 2;");
        std::thread::sleep(std::time::Duration::from_millis(30));
        members.sql(0, "UPDATE customer SET name = 'Bobby' WHERE id = 2;");
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(members.shown(1, "SELECT name, city FROM customer WHERE id = 2"), "Bobby|Pisa");
        for place in 0..2 {
            let ran = members.folder.syncline(&["conflicts", "ls", &members.word(place), "--json"]);
            let listed = ran.json()["conflicts"].as_array().unwrap().clone();
            assert_eq!(listed.len(), 1, "{brands:?} at {place}: {listed:?}");
            let id = listed[0]["id"].as_str().unwrap().to_owned();
            let shown = members.folder.syncline(&["conflicts", "show", &members.word(place), &id, "--json"]).json();
            assert_eq!((shown["lost"].as_str(), shown["won"].as_str()), (Some("Robert"), Some("Bobby")));
            assert_eq!(
                (shown["lost_by"].as_str(), shown["won_by"].as_str()),
                (Some(&*members.word(1)), Some(&*members.word(0)))
            );
        }
    }
}

#[test]
fn a_delete_meets_an_update() {
    for brands in PAIRS {
        let members = started(brands);
        // The newer one wins, whichever it is.
        members.sql(0, "DELETE FROM customer WHERE id = 3;");
        members.sql(1, "DELETE FROM item WHERE customer = 2; UPDATE customer SET city = 'Turin' WHERE id = 2;");
        std::thread::sleep(std::time::Duration::from_millis(30));
        members.sql(1, "UPDATE customer SET city = 'Delhi' WHERE id = 3;");
        members.sql(0, "DELETE FROM item WHERE customer = 2; DELETE FROM customer WHERE id = 2;");
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(members.shown(0, "SELECT id, city FROM customer ORDER BY id"), "1|Oslo\n3|Delhi");
    }
}

#[test]
fn one_key_is_inserted_on_both_sides() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(0, "INSERT INTO customer VALUES (7, 'Seven A', 'A', 'a7@x');");
        std::thread::sleep(std::time::Duration::from_millis(30));
        members.sql(1, "INSERT INTO customer VALUES (7, 'Seven B', 'B', 'b7@x');");
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(members.shown(0, "SELECT name, city, email FROM customer WHERE id = 7"), "Seven B|B|b7@x");
    }
}

#[test]
fn one_unique_value_is_given_to_two_rows_and_returns() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(0, "INSERT INTO customer VALUES (20, 'First', NULL, 'same@x');");
        std::thread::sleep(std::time::Duration::from_millis(30));
        members.sql(
            1,
            "INSERT INTO customer VALUES (21, 'Second', NULL, 'same@x'); INSERT INTO item VALUES (21, 1, 'hat', 1);",
        );
        members.once();
        members.same(&format!("{brands:?}, the first claim is shown"));
        assert_eq!(members.shown(1, "SELECT id FROM customer WHERE email = 'same@x'"), "20");
        assert_eq!(members.shown(1, "SELECT COUNT(*) FROM item WHERE customer = 21"), "0", "its item waits for it");
        members.sql(1, "UPDATE customer SET email = 'other@x' WHERE id = 20;");
        members.once();
        members.same(&format!("{brands:?}, the value is free"));
        assert_eq!(members.shown(0, "SELECT id FROM customer WHERE email = 'same@x'"), "21");
        assert_eq!(members.shown(0, "SELECT what FROM item WHERE customer = 21"), "hat");
    }
}

#[test]
fn unique_values_change_hands() {
    for brands in PAIRS {
        let members = started(brands);
        let swap = "UPDATE customer SET email = NULL WHERE id = 1; UPDATE customer SET email = 'ann@x' WHERE id = 2;
            UPDATE customer SET email = 'bob@x' WHERE id = 1;";
        members.sql(0, &format!("BEGIN; {swap} COMMIT;"));
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(members.shown(1, "SELECT email FROM customer WHERE id < 3 ORDER BY id"), "bob@x\nann@x");
    }
}

#[test]
fn a_key_is_changed() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(
            0,
            "UPDATE customer SET id = 33 WHERE id = 3; UPDATE item SET line = 9 WHERE customer = 1 AND line = 1;",
        );
        members.sql(1, "UPDATE customer SET city = 'Riga' WHERE id = 2;");
        members.once();
        members.same(&format!("{brands:?}"));
        assert_eq!(members.shown(1, "SELECT id FROM customer ORDER BY id"), "1\n2\n33");
        assert_eq!(members.shown(1, "SELECT line FROM item WHERE customer = 1 ORDER BY line"), "2\n9");
    }
}

/// I9: when all is quiet nothing is written, at neither side.
#[test]
fn after_quiet_nothing_moves() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(0, "UPDATE customer SET city = 'X'; DELETE FROM item WHERE customer = 2;");
        members
            .sql(1, "UPDATE customer SET name = 'Y' WHERE id = 2; INSERT INTO customer VALUES (5, 'Z', NULL, 'z@x');");
        members.once();
        let before = [members.kept(0), members.kept(1)];
        let told = members.run(&["--once", "--json"]).json();
        for member in told["members"].as_array().unwrap() {
            assert_eq!(
                (&member["made"], &member["taken"], &member["written"]),
                (&0.into(), &0.into(), &0.into()),
                "{brands:?}"
            );
        }
        assert_eq!([members.kept(0), members.kept(1)], before, "{brands:?}");
    }
}

/// A row that nobody has touched since the group was made costs nothing.
#[test]
fn untouched_rows_are_not_kept() {
    for brands in PAIRS {
        let members = started(brands);
        assert_eq!(members.sql(0, "SELECT COUNT(*) FROM syncline_rank;"), "0", "{brands:?}");
        members.sql(1, "UPDATE customer SET city = 'X' WHERE id = 1;");
        members.once();
        assert_eq!(members.sql(0, "SELECT COUNT(*) FROM syncline_rank;"), "1", "{brands:?}");
    }
}

/// A deleted row leaves nothing behind once both have seen it.
#[test]
fn tombstones_go_when_all_have_seen_them() {
    for brands in PAIRS {
        let members = started(brands);
        members.sql(0, "DELETE FROM customer WHERE id = 3;");
        members.once();
        members.once();
        for place in 0..2 {
            let kept = members.sql(place, "SELECT (SELECT COUNT(*) FROM syncline_rank) + (SELECT COUNT(*) FROM syncline_hidden) + (SELECT COUNT(*) FROM syncline_unit);");
            assert_eq!(kept, "0", "{brands:?} at {place}");
        }
    }
}
