//! Killed at every step and run again (F01, F02): all of it or nothing, once.

use syncline::sync::step::Step;
use syncline_rig::Brand;

use super::Members;

fn killed(brands: &[Option<Brand>]) {
    for step in Step::ALL {
        let members = Members::shop(brands);
        members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', 'ann@x'), (2, 'Bob', NULL, NULL);");
        members.sql(0, "INSERT INTO customer VALUES (3, 'Only here', NULL, '3@x');");
        for times in 1..=5 {
            let words = members.words();
            // Killed before the group is made, they differ by what was written since.
            let mut arguments = vec!["sync", "--once", "--first-contact", &words[0]];
            arguments.extend(words.iter().map(String::as_str));
            let Some(paused) = members.folder.paused_at(&arguments, step.name(), times) else { break };
            paused.kill();
            // Both go on while nobody carries anything.
            members.sql(
                0,
                &format!(
                    "UPDATE customer SET city = 'a{times}' WHERE id = 1; INSERT INTO item VALUES (1, {times}, 'x', 1);"
                ),
            );
            members.sql(1, &format!("UPDATE customer SET name = 'b{times}' WHERE id = 1; INSERT INTO customer VALUES ({times}00, 'n', NULL, NULL);"));
        }
        members.run(&["--once", "--first-contact", &members.word(0)]).well();
        members.same(step.name());
        assert_eq!(members.sql(1, "SELECT COUNT(*) FROM customer WHERE id < 10;"), "3", "{step:?}");
        let before = [members.kept(0), members.kept(1)];
        members.once();
        assert_eq!([members.kept(0), members.kept(1)], before, "{step:?}: after quiet nothing is written");
    }
}

#[test]
fn two_files_killed_at_every_step() {
    killed(&[None, None]);
}

#[test]
fn servers_killed_at_every_step() {
    killed(&[Some(Brand::Postgres), Some(Brand::Mariadb)]);
}
