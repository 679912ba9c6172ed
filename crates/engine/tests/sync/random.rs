//! Random histories on three brands: whatever users write and whoever meets whom, all members end with the same rows.

use syncline_rig::Brand;

use super::Members;
use crate::support::random::{Random, seed};

/// One transaction of a user. Some are refused by the database, as they may be.
pub fn transaction(random: &mut Random) -> String {
    let mut statements = Vec::new();
    for _ in 0..=random.below(3) {
        let (id, line, value) = (1 + random.below(6), 1 + random.below(3), random.below(4));
        statements.push(match random.below(10) {
            0 | 1 => format!("INSERT INTO customer VALUES ({id}, 'n{value}', NULL, 'e{value}')"),
            2 => format!("UPDATE customer SET name = 'n{}' WHERE id = {id}", random.below(100)),
            3 => format!("UPDATE customer SET city = 'c{}' WHERE id = {id}", random.below(100)),
            4 => format!("UPDATE customer SET email = 'e{value}' WHERE id = {id}"),
            5 => format!("UPDATE customer SET email = NULL WHERE id = {id}"),
            6 => format!("DELETE FROM item WHERE customer = {id}; DELETE FROM customer WHERE id = {id}"),
            7 => format!("INSERT INTO item VALUES ({id}, {line}, 'w{value}', {value}.5)"),
            8 => format!("UPDATE item SET what = 'w{}' WHERE customer = {id}", random.below(100)),
            _ => format!("DELETE FROM item WHERE customer = {id} AND line = {line}"),
        });
    }
    format!("BEGIN; {}; COMMIT;", statements.join("; "))
}

#[test]
fn random_histories_converge() {
    let mut random = Random(seed());
    for history in 0..4 {
        let members = Members::shop(&[None, Some(Brand::Postgres), Some(Brand::Mariadb)]);
        members.once();
        for round in 0..8 {
            for place in 0..3 {
                for _ in 0..random.below(4) {
                    let sql = transaction(&mut random);
                    members.tried(place, &sql);
                }
            }
            // Not all meet each time.
            let left_out = usize::try_from(random.below(4)).unwrap();
            let words: Vec<String> =
                (0..3).filter(|place| *place != left_out).map(|place| members.word(place)).collect();
            let mut arguments = vec!["sync", "--once"];
            arguments.extend(words.iter().map(String::as_str));
            members.folder.syncline(&arguments).well();
            if left_out == 3 {
                members.same(&format!("history {history}, round {round}"));
            }
        }
        members.once();
        members.same(&format!("history {history}"));
        let before: Vec<String> = (0..3).map(|place| members.kept(place)).collect();
        members.once();
        assert_eq!(
            (0..3).map(|place| members.kept(place)).collect::<Vec<_>>(),
            before,
            "after quiet nothing is written"
        );
    }
}
