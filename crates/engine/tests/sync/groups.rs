//! Groups of the configuration file: topologies, merge modes, members that are away, and following.

use syncline_rig::Brand;

use super::Members;
use crate::support::binary::{until, until_answer};

const ALL: [Option<Brand>; 3] = [None, Some(Brand::Postgres), Some(Brand::Mariadb)];

impl Members {
    /// Writes a group `shop` of all members; `further` is what stands beside them.
    fn configured(&self, further: &str) {
        let connections: Vec<String> = (0..self.members.len())
            .map(|place| {
                let url = match &self.members[place] {
                    super::At::File(name) => format!("sqlite:{name}"),
                    super::At::Server(database) => database.url(),
                };
                format!("  m{place}: '{url}'")
            })
            .collect();
        let members: Vec<String> = (0..self.members.len()).map(|place| format!("m{place}")).collect();
        self.folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections:\n{}\nsync:\n  shop:\n    members: [{}]\n{further}",
                connections.join("\n"),
                members.join(", ")
            ),
        );
    }

    #[track_caller]
    fn group(&self) {
        self.folder.syncline(&["sync", "shop", "--once"]).well();
    }
}

#[test]
fn every_topology_converges() {
    let five = [None, Some(Brand::Postgres), None, Some(Brand::Mariadb), None];
    for further in [
        "",
        "    hub: m1\n",
        "    links: [[m0, m1], [m1, m2], [m2, m3], [m3, m4]]\n",
        "    links: [[m0, m1], [m1, m2], [m2, m3], [m3, m4], [m4, m0]]\n",
    ] {
        let members = Members::shop(&five);
        members.configured(further);
        members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x');");
        members.group();
        for place in 0..5 {
            members.sql(place, &format!("INSERT INTO customer VALUES (1{place}, 'by {place}', NULL, '{place}@x'); UPDATE customer SET city = 'c{place}' WHERE id = 1;"));
        }
        members.group();
        members.same(further);
        assert_eq!(members.shown(3, "SELECT COUNT(*) FROM customer"), "6");
        // A second time nothing moves, rings included.
        let before: Vec<String> = (0..5).map(|place| members.kept(place)).collect();
        members.group();
        assert_eq!((0..5).map(|place| members.kept(place)).collect::<Vec<_>>(), before, "{further}");
    }
}

#[test]
fn by_row_the_newest_row_wins_whole() {
    let members = Members::shop(&ALL);
    members.configured("    mode: row\n");
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.group();
    members.sql(0, "UPDATE customer SET name = 'older' WHERE id = 1;");
    std::thread::sleep(std::time::Duration::from_millis(30));
    members.sql(1, "UPDATE customer SET city = 'newer' WHERE id = 1;");
    members.group();
    members.same("mode: row");
    assert_eq!(members.shown(2, "SELECT name, city FROM customer"), "Ann|newer");
}

#[test]
fn columns_that_belong_together() {
    let members = Members::shop(&ALL);
    members.configured("    tables: {customer: {together: [[name, city]]}, item: {}}\n");
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.group();
    members.sql(0, "UPDATE customer SET name = 'older', email = 'o@x' WHERE id = 1;");
    std::thread::sleep(std::time::Duration::from_millis(30));
    members.sql(1, "UPDATE customer SET city = 'newer' WHERE id = 1;");
    members.group();
    members.same("together");
    assert_eq!(members.shown(2, "SELECT name, city, email FROM customer"), "Ann|newer|o@x");
}

#[test]
fn where_deletes_win_an_update_does_not_revive() {
    let members = Members::shop(&ALL);
    members.configured("    deletes: delete_wins\n");
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL), (2, 'Bob', NULL, NULL);");
    members.group();
    members.sql(0, "DELETE FROM customer WHERE id = 1;");
    std::thread::sleep(std::time::Duration::from_millis(30));
    members.sql(2, "UPDATE customer SET city = 'newer' WHERE id = 1;");
    members.group();
    members.same("delete_wins");
    assert_eq!(members.shown(1, "SELECT id FROM customer"), "2");
}

#[test]
fn a_member_that_is_away_stops_nobody() {
    let members = Members::shop(&[None, None, Some(Brand::Postgres)]);
    members.configured("");
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.group();
    // Nobody listens on that port.
    let there = std::fs::read_to_string(members.folder.path("syncline.yaml")).unwrap();
    let gone = there.replace(&members.word(2), "postgres://postgres@127.0.0.1:1/nothing");
    members.folder.write("syncline.yaml", &gone);
    members.sql(0, "UPDATE customer SET city = 'Bergen' WHERE id = 1;");
    let ran = members.folder.syncline(&["sync", "shop", "--once"]).exits(4);
    assert!(ran.err.contains("m2"), "{}", ran.err);
    assert_eq!(members.shown(1, "SELECT city FROM customer"), "Bergen");
    members.folder.write("syncline.yaml", &there);
    members.sql(2, "UPDATE customer SET name = 'Anna' WHERE id = 1;");
    members.group();
    members.same("back again");
    assert_eq!(members.shown(0, "SELECT name, city FROM customer"), "Anna|Bergen");
}

#[test]
fn it_follows_until_it_is_stopped() {
    let members = Members::shop(&ALL);
    members.configured("");
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    let mut running = members.folder.started(&["sync", "shop"]);
    until("the group", || {
        members.folder.sql("a.db", "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'syncline_group';") == "1"
    });
    for round in 0..6 {
        members.sql(round % 3, &format!("UPDATE customer SET city = 'round {round}' WHERE id = 1;"));
        for place in 0..3 {
            until_answer(&format!("round {round}"), || members.sql(place, "SELECT city FROM customer;"));
        }
    }
    assert!(running.runs());
    running.signal("INT");
    running.ends().exits(0);
    members.same("followed");
}

#[test]
fn mistakes_in_the_file() {
    let members = Members::files();
    for (further, said) in [
        ("    hub: m7\n", "no member of the group"),
        ("    links: [[m0, m0]]\n", "joins a member with itself"),
        ("    first_contact: nobody\n", "no member of the group"),
        ("    hub: m0\n    links: [[m0, m1]]\n", "both say who talks to whom"),
        ("    mode: column\n    tables: {customer: {mode: row, together: [[a, b]]}}\n", "a row is together anyway"),
    ] {
        members.configured(further);
        let said_so = members.folder.refuses(&["sync", "shop", "--once"]);
        assert!(said_so.contains(said) && said_so.contains("exit 2"), "{said_so}");
    }
    members.folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\nsync:\n  g: {members: [a, a]}\n",
    );
    assert!(members.folder.refuses(&["sync", "g"]).contains("twice"));
    members.folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\nsync:\n  g: {members: [a]}\n",
    );
    assert!(members.folder.refuses(&["sync", "g"]).contains("two to 7 members"));
}
