//! What the application's sessions may be set to, and what they must not notice.

use super::Pair;

const TABLES: &str = "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20), ts timestamp(6) NULL, l text CHARACTER SET latin1);
     INSERT INTO t (v) VALUES ('one'), ('two')";

/// LAST_INSERT_ID() and ROW_COUNT() are the application's own, and nothing warns it.
#[test]
fn the_application_notices_nothing() {
    let pair = Pair::new(TABLES);
    let about = "SELECT ROW_COUNT(), LAST_INSERT_ID(), @@warning_count";
    let script = |session: &mut crate::support::client::Client| {
        [
            "INSERT INTO t (v) VALUES ('a'), ('b')",
            "UPDATE t SET v = CONCAT(v, '!')",
            "UPDATE t SET v = v",
            "INSERT INTO t (id, v) VALUES (1, 'x') ON DUPLICATE KEY UPDATE v = 'dup'",
            "REPLACE INTO t (id, v) VALUES (2, 'y')",
            "DELETE FROM t WHERE id > 2",
            "INSERT INTO t (v) VALUES ('c')",
        ]
        .map(|sql| session.says(&format!("{sql}; {about}")))
    };
    let mut before = pair.session();
    before.says("CREATE TABLE kept LIKE t; INSERT INTO kept SELECT * FROM t");
    let told = script(&mut before);
    before.says("DROP TABLE t; RENAME TABLE kept TO t; ALTER TABLE t AUTO_INCREMENT = 3");
    pair.caught_up();
    // So that the numbers of the outbox are others than those of the table.
    pair.from.sql("UPDATE t SET v = CONCAT(v, 1); UPDATE t SET v = REPLACE(v, 1, '');");
    assert_eq!(script(&mut pair.session()), told);
    pair.caught_up();
    pair.same(&["t"], "all");
}

/// Settings of the application's session neither break nor alter what is captured.
#[test]
fn settings_of_the_session_do_not_matter() {
    let pair = Pair::new(TABLES);
    pair.caught_up();
    for (n, settings) in [
        "sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE'",
        "sql_mode = 'ORACLE'",
        "sql_mode = 'TRADITIONAL,NO_UNSIGNED_SUBTRACTION,PAD_CHAR_TO_FULL_LENGTH'",
        "sql_mode = ''",
        "time_zone = '+13:00'",
        "time_zone = '-11:00', timestamp = 1",
        "NAMES latin1",
        "NAMES utf8mb4 COLLATE utf8mb4_general_ci",
        "character_set_client = latin1, collation_connection = latin1_german2_ci, character_set_results = NULL",
        "auto_increment_increment = 10, auto_increment_offset = 3",
        "innodb_lock_wait_timeout = 1, lock_wait_timeout = 1",
        "sql_safe_updates = 1, sql_select_limit = 1, max_statement_time = 5",
        "tx_isolation = 'SERIALIZABLE'",
        "tx_isolation = 'READ-UNCOMMITTED'",
        "foreign_key_checks = 0, unique_checks = 0, sql_auto_is_null = 1, sql_notes = 0, big_tables = 1",
        "div_precision_increment = 0, group_concat_max_len = 4, max_sort_length = 8, lc_time_names = 'de_DE'",
        "sql_quote_show_create = 0, old_mode = ''",
    ]
    .into_iter()
    .enumerate()
    {
        let mut session = pair.session();
        session.says(&format!("SET {settings}"));
        session.says(&format!(
            "INSERT INTO t (v, ts, l) VALUES ('it\"s {n}', '2024-10-27 02:30:00.123456', CONCAT('caf', CHAR(233 USING latin1)));
             UPDATE t SET v = 'changed {n}', ts = ts + INTERVAL 1 SECOND WHERE id = 1;
             DELETE FROM t WHERE id = 1000 - {n}"
        ));
        pair.caught_up();
        pair.same(&["t"], settings);
    }
    assert_eq!(pair.from.sql("SELECT COUNT(*) FROM t;"), "19");
}

/// Who changed a row is known, whatever the login that installed capture is; that user needs no right on our tables.
#[test]
fn a_user_without_rights_on_our_tables_is_captured() {
    let pair = Pair::new(TABLES);
    pair.caught_up();
    let login = syncline_rig::Login::Password;
    pair.from.sql(&format!("GRANT SELECT, INSERT, UPDATE ON {}.t TO password_user;", pair.from.name()));
    crate::support::mariadb::mariadb(&pair.from.url_as(login), "UPDATE t SET v = 'by somebody' WHERE id = 1;");
    assert!(pair.from.sql("SELECT who FROM syncline_outbox;").starts_with("password_user@"));
    pair.caught_up();
    pair.same(&["t"], "the update");
}

/// A statement over many rows draws no ids ahead: else an id drawn first could be used after one that was drawn later.
#[test]
fn ids_are_drawn_one_by_one() {
    let pair = Pair::new("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT seq, 0 FROM seq_1_to_1000");
    pair.caught_up();
    pair.from.sql("UPDATE t SET v = 1; INSERT INTO t SELECT seq, 0 FROM seq_1001_to_2000; DELETE FROM t;");
    assert_eq!(pair.from.sql("SELECT COUNT(*), MIN(id), MAX(id) FROM syncline_outbox;"), "4000|1|4000");
    pair.from.sql("INSERT INTO t VALUES (1, 1);");
    assert_eq!(pair.from.sql("SELECT MAX(id) FROM syncline_outbox;"), "4001");
    pair.caught_up();
    pair.same(&["t"], "all");
}
