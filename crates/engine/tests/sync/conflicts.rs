//! Looking at conflicts, and deciding otherwise.

use syncline_rig::Brand;

use super::Members;

#[test]
fn what_was_lost_is_taken_after_all() {
    for brand in [None, Some(Brand::Postgres), Some(Brand::Mariadb)] {
        let members = Members::shop(&[None, brand]);
        members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
        members.once();
        members.sql(0, "UPDATE customer SET city = 'Lost' WHERE id = 1;");
        std::thread::sleep(std::time::Duration::from_millis(30));
        members.sql(1, "UPDATE customer SET city = 'Won' WHERE id = 1;");
        members.once();
        let word = members.word(1);
        let id = members.folder.syncline(&["conflicts", "ls", &word, "--json"]).json()["conflicts"][0]["id"].clone();
        let id = id.as_str().unwrap().to_owned();
        members.folder.syncline(&["conflicts", "resolve", &word, &id, "--take"]).well();
        members.once();
        members.same(&format!("{brand:?}"));
        assert_eq!(members.shown(0, "SELECT city FROM customer"), "Lost", "it has travelled");
        let left = members.folder.syncline(&["conflicts", "ls", &word]).well();
        assert_eq!(left.out, "no conflicts\n");
    }
}

/// An ordinary later update is none.
#[test]
fn what_was_seen_is_overwritten_in_silence() {
    let members = Members::shop(&[None, Some(Brand::Postgres), Some(Brand::Mariadb)]);
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.once();
    for round in 0..6 {
        members.sql(round % 3, &format!("UPDATE customer SET city = 'round {round}' WHERE id = 1;"));
        members.once();
        members.same("a round");
    }
    for place in 0..3 {
        assert_eq!(members.sql(place, "SELECT COUNT(*) FROM syncline_conflict;"), "0");
    }
}
