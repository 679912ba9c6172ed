//! What is installed, what stands against it, what is left of it.

use syncline_rig::Login;

use super::Pair;
use crate::support::mariadb::mariadb;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')";

/// F24: the server does what a reference says without firing triggers.
#[test]
fn a_table_that_cascades_reach_is_refused() {
    for action in ["ON DELETE CASCADE", "ON DELETE SET NULL", "ON UPDATE CASCADE"] {
        let pair = Pair::new(&format!(
            "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) {action})"
        ));
        let refused = pair.folder.syncline(&["run", "live"]).refusal();
        assert!(
            refused.contains("child refers to parent with ON ") && refused.contains("without firing triggers"),
            "{refused}"
        );
        assert_eq!(pair.from.sql("SHOW TABLES LIKE 'syncline%';"), "");
        // The parent alone is captured.
        pair.job("capture: trigger, install: auto, tables: {parent: {}}");
        pair.caught_up();
    }
}

#[test]
fn a_table_without_transactions_is_refused() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY) ENGINE=MyISAM");
    let refused = pair.folder.syncline(&["run", "live"]).refusal();
    assert!(refused.contains("t is kept by MyISAM") && refused.contains("ENGINE=InnoDB"), "{refused}");
}

/// Rights and the rule of the binary log are named before anything is installed, with what lifts them.
#[test]
fn missing_rights_are_named() {
    let pair = Pair::new(TABLE);
    let url = pair.from.url_as(Login::Password);
    pair.file(&url, "{live: {from: a, to: b, capture: trigger, install: auto}}");
    pair.from.sql(&format!("GRANT SELECT, INSERT ON {}.* TO password_user;", pair.from.name()));
    let shown = pair.folder.syncline(&["install", "live", "--dry-run"]);
    let shown = format!("{}{}", shown.out, shown.err);
    let grant =
        format!("`GRANT UPDATE, DELETE, CREATE, DROP, TRIGGER ON `{}`.* TO 'password_user'@'%'`", pair.from.name());
    assert!(shown.contains(&grant), "{shown}");
    pair.from.sql(&format!("GRANT UPDATE, DELETE, CREATE, DROP, TRIGGER ON {}.* TO password_user;", pair.from.name()));
    let refused = pair.folder.syncline(&["run", "live"]).refusal();
    assert!(refused.contains("(1419)") && refused.contains("log_bin_trust_function_creators = 1"), "{refused}");
    let check = pair.folder.syncline(&["check", "a"]);
    assert!(check.out.contains("log_bin_trust_function_creators"), "{check:?}");
    assert_eq!(pair.from.sql("SHOW TABLES LIKE 'syncline%';"), "");
}

/// I16: the plan shows it all, and removing it leaves nothing.
#[test]
fn what_is_installed_can_be_removed() {
    let pair = Pair::new(TABLE);
    let trace = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'syncline%' \
         UNION ALL SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1;";
    let planned = pair.folder.syncline(&["install", "live", "--dry-run"]).well().out;
    assert_eq!(pair.from.sql(trace), "");
    pair.folder.syncline(&["install", "live"]).well();
    for name in pair.from.sql(trace).lines() {
        assert!(planned.contains(name), "{name} in {planned}");
    }
    assert!(pair.folder.syncline(&["install", "live"]).well().out.contains("all is in place"), "twice");
    pair.caught_up();
    pair.from.sql("UPDATE t SET v = 'b';");
    pair.folder.syncline(&["uninstall"]).well();
    assert_eq!(pair.from.sql(trace), "");
    pair.from.sql("UPDATE t SET v = 'c';");
    pair.caught_up();
    pair.same(&["t"], "installing again");
}

/// F23: two lanes; what the slower one has not confirmed stays, and a lane that goes takes along what only it needed.
#[test]
fn lanes_keep_and_release_what_they_need() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
    pair.file(
        &pair.from.url(),
        "{live: {from: a, to: b, capture: trigger, install: auto}, slow: {from: a, to: lite, capture: trigger, install: auto, tables: {t: {}}}}",
    );
    pair.folder.syncline(&["run"]).well();
    pair.from.sql("INSERT INTO t VALUES (1), (2); INSERT INTO u VALUES (1);");
    pair.caught_up();
    assert_eq!(pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;"), "3");
    let status = pair.folder.syncline(&["status", "--json"]).well().json();
    let waiting = |job: usize| status["jobs"][job]["lanes"][0]["waiting"].as_u64();
    assert_eq!([waiting(0), waiting(1)], [Some(0), Some(3)], "{status:#}");
    pair.folder.syncline(&["uninstall", "live"]).well();
    assert_eq!(pair.from.sql("SELECT name FROM syncline_capture;"), "t");
    pair.folder.syncline(&["run", "slow"]).well();
    assert_eq!(pair.folder.sql("lite.db", "SELECT * FROM t"), "1\n2");
    assert_eq!(pair.from.sql("SELECT COUNT(*) FROM syncline_outbox;"), "0");
}

/// A kill in the middle of installing leaves a table that is never taken for a captured one.
#[test]
fn what_is_half_installed_is_made_anew() {
    for left in [
        "DROP TRIGGER syncline_1_delete",
        "DROP TRIGGER syncline_1_insert; DROP TRIGGER syncline_1_update; DROP TRIGGER syncline_1_delete",
        "DROP TRIGGER syncline_1_insert; DROP TRIGGER syncline_1_update; DROP TRIGGER syncline_1_delete; DROP TABLE syncline_log_1",
        "DROP TRIGGER syncline_1_insert; DROP TRIGGER syncline_1_update; DROP TRIGGER syncline_1_delete; DELETE FROM syncline_capture",
        "DROP TABLE syncline_node",
        "DELETE FROM syncline_node",
        "DROP TRIGGER syncline_1_update; CREATE TRIGGER syncline_1_update AFTER UPDATE ON t FOR EACH ROW DO 1",
    ] {
        let pair = Pair::new(TABLE);
        pair.caught_up();
        pair.from.sql(&format!("{left}; SET foreign_key_checks = 0;"));
        // Nobody is told of it.
        pair.from.sql("DELETE FROM t; INSERT INTO t VALUES (2, 'unseen');");
        if left.contains("syncline_node") {
            // Without its number this is another database, whose rows would come beside those of the first.
            pair.to.sql("DELETE FROM t;");
        }
        pair.caught_up();
        pair.same(&["t"], left);
    }
}

/// F113: what must wait for a transaction gives up after a while and names it, and the application goes on meanwhile.
#[test]
fn a_transaction_that_is_open_is_named() {
    let pair = Pair::new(TABLE);
    let mut session = pair.session();
    session.says("BEGIN; UPDATE t SET v = 'open'");
    let id = session.says("SELECT CONNECTION_ID()");
    let refused = pair.folder.syncline(&["install", "live"]).refusal();
    assert!(refused.contains(&format!("connection {id} of root@")), "{refused}");
    session.says("COMMIT");
    pair.caught_up();
    pair.same(&["t"], "the commit");
}

/// F91: a source that was put back to yesterday is noticed; `resync` goes on from there.
#[test]
fn a_source_that_was_put_back_is_never_followed_as_if_nothing_happened() {
    let pair = Pair::new(TABLE);
    pair.caught_up();
    pair.from.sql("UPDATE t SET v = 'yesterday';");
    pair.caught_up();
    pair.from.sql("CREATE TABLE syncline_kept SELECT * FROM syncline_tick; CREATE TABLE syncline_lanes SELECT * FROM syncline_lane;");
    pair.from.sql("UPDATE t SET v = 'today';");
    pair.caught_up();
    // As many ticks as were lost, so that the numbers are the same again.
    pair.from.sql(
        "DELETE FROM syncline_tick; DELETE FROM syncline_lane; INSERT INTO syncline_tick SELECT number + 1, MD5('other') FROM syncline_kept; \
         INSERT INTO syncline_lane SELECT * FROM syncline_lanes; DROP TABLE syncline_kept, syncline_lanes;",
    );
    let refused = pair.folder.syncline(&["run", "live"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("put back to an earlier state"), "{}", refused.err);
    pair.folder.syncline(&["resync", "live"]).well();
    pair.caught_up();
    pair.same(&["t"], "resync");
}

/// I15: no value of a row is in what is said, whatever fails.
#[test]
fn names_are_quoted_and_values_are_not_told() {
    let pair = Pair::new(
        "CREATE TABLE `we``ird \"t` (`i``d` int PRIMARY KEY, `v ü` varchar(40)); INSERT INTO `we``ird \"t` VALUES (1, 'a')",
    );
    pair.caught_up();
    pair.from.sql("UPDATE `we``ird \"t` SET `v ü` = 'secret', `i``d` = 2;");
    pair.caught_up();
    assert_eq!(mariadb(&pair.to.url(), "SELECT * FROM `we``ird \"t`;"), "2|secret");
}
