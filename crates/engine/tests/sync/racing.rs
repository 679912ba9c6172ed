//! Users who write while a group is followed (F110), on the same few rows; and one who keeps a transaction open (F16).

use std::time::Duration;

use syncline_rig::Brand;

use super::Members;
use super::random::transaction;
use crate::support::binary::{until, until_answer};
use crate::support::random::{Random, seed};

const ALL: [Option<Brand>; 3] = [None, Some(Brand::Postgres), Some(Brand::Mariadb)];

#[test]
fn writers_race_imports() {
    let seed = seed();
    let members = Members::shop(&ALL);
    members.once();
    let words = members.words();
    let mut arguments = vec!["sync"];
    arguments.extend(words.iter().map(String::as_str));
    let mut running = members.folder.started(&arguments);
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let members = &members;
            let mut random = Random(seed.wrapping_add(writer));
            scope.spawn(move || {
                for _ in 0..25 {
                    members.tried(usize::try_from(writer).unwrap() % 3, &transaction(&mut random));
                }
            });
        }
    });
    assert!(running.runs());
    running.signal("INT");
    running.ends().exits(0);
    members.once();
    members.same("races");
    let before: Vec<String> = (0..3).map(|place| members.kept(place)).collect();
    members.once();
    assert_eq!((0..3).map(|place| members.kept(place)).collect::<Vec<_>>(), before, "after quiet nothing is written");
}

/// What is committed late is not skipped, whatever number it drew; and holds nobody who writes other rows.
#[test]
fn a_late_commit_arrives() {
    for brand in [Brand::Postgres, Brand::Mariadb] {
        let members = Members::shop(&[Some(brand), None]);
        members.everywhere("INSERT INTO customer VALUES (1, 'Ann', NULL, NULL), (2, 'Bob', NULL, NULL);");
        let words = members.words();
        let running = members.folder.started(&["sync", &words[0], &words[1]]);
        until("the group", || {
            members.sql(1, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'syncline_group';") == "1"
        });
        std::thread::scope(|scope| {
            let members = &members;
            let sleep = if brand == Brand::Postgres { "SELECT pg_sleep(2);" } else { "DO SLEEP(2);" };
            let late = scope.spawn(move || {
                members.sql(0, &format!("BEGIN; UPDATE customer SET city = 'late' WHERE id = 1; {sleep} COMMIT;"));
            });
            std::thread::sleep(Duration::from_millis(300));
            members.sql(0, "UPDATE customer SET city = 'early' WHERE id = 2;");
            until_answer("early", || members.sql(1, "SELECT city FROM customer WHERE id = 2;"));
            assert!(!late.is_finished(), "it waited for the open transaction");
            late.join().unwrap();
        });
        until_answer("late", || members.sql(1, "SELECT city FROM customer WHERE id = 1;"));
        running.signal("INT");
        running.ends().exits(0);
        members.same(&format!("{brand:?}"));
    }
}
