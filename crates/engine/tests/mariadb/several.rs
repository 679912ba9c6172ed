//! A table that is read by several connections: they see one moment, and together every row once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use syncline_rig::{Brand, Login, Server};

use crate::support::binary::Folder;
use crate::support::mariadb::program;
use crate::support::proxy::{Lost, Proxy, Way};
use crate::support::servers::{Database, private};

const TOGETHER: &str = "large tables are read in ranges";
const ALONE: &str = "large tables are read by one connection";

/// A client whose session stays open until it is dropped.
struct Client(Child, Option<ChildStdin>);

impl Client {
    /// After the script has printed its first line; what comes behind goes on meanwhile.
    fn running(database: &Database, script: &str) -> Self {
        let mut command = program(&database.url());
        command.arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{script}").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "begun\n");
        Self(child, Some(input))
    }

    /// Waits until the script is done.
    fn ends(mut self) {
        drop(self.1.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server of its own, for the lock under which several connections begin waits for whatever anybody has begun at the
/// whole server.
#[track_caller]
fn alone() -> (Database, Server) {
    let server = private(Brand::Mariadb);
    (Database::on(server.address()), server)
}

fn with(url: &str, connections: u32) -> String {
    format!("{url}?connections={connections}")
}

/// Money goes from one account to another all the while, within a table and between two. A reader of two moments would
/// see it at both places or at none.
const BANK: &str = "
CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL, filler text); CREATE TABLE b LIKE a; CREATE TABLE stop (id int);
INSERT INTO a SELECT seq, 100, REPEAT('x', 1100) FROM seq_1_to_9000; INSERT INTO b SELECT * FROM a;
DELIMITER //
CREATE PROCEDURE pay_once(one int, other int) BEGIN
  DECLARE EXIT HANDLER FOR 1213, 1205 ROLLBACK;
  START TRANSACTION;
  UPDATE a SET v = v - 1 WHERE id = one;
  UPDATE b SET v = v + 1 WHERE id = other;
  UPDATE b SET v = v - 1 WHERE id = 1;
  UPDATE b SET v = v + 1 WHERE id = 8900;
  COMMIT;
END //
CREATE PROCEDURE pay() BEGIN
  REPEAT
    CALL pay_once(1 + FLOOR(RAND() * 9000), 1 + FLOOR(RAND() * 9000));
  UNTIL (SELECT count(*) FROM stop) END REPEAT;
END //
DELIMITER ;
ANALYZE TABLE a, b;";

#[test]
fn several_connections_see_one_moment() {
    let ((from, _server), folder) = (alone(), Folder::new());
    from.sql(BANK);
    // One login may stop every writer for a moment, the other those of the tables.
    from.sql(&format!("GRANT SELECT, LOCK TABLES ON {}.* TO password_user;", from.name()));
    let payers: Vec<Client> = (0..2).map(|_| Client::running(&from, "SELECT 'begun'; CALL pay();")).collect();
    for url in [from.url(), from.url_as(Login::Password)] {
        let mut together = 0;
        // Writers who wait for each other's rows can keep the lock from us for longer than we ask for it.
        for _ in 0..60 {
            let ran =
                folder.syncline(&["copy", &with(&url, 4), "sqlite:lite.db", "--table", "a", "--table", "b", "-v"]);
            together += usize::from(ran.exits(0).err.contains(&format!("{TOGETHER} connections=4 tables=2")));
            let sums = "SELECT count(*), (SELECT sum(v) FROM a) + (SELECT sum(v) FROM b) FROM a;";
            assert_eq!(folder.sql("lite.db", sums), "9000|1800000");
            std::fs::remove_file(folder.path("lite.db")).unwrap();
            if together == 4 {
                break;
            }
        }
        assert_eq!(together, 4);
    }
    from.sql("INSERT INTO stop VALUES (1);");
    payers.into_iter().for_each(Client::ends);
}

/// Keys at the ends of their types, in few and in many values, and tables that are not cut at all.
const KEYS: &str = "
CREATE TABLE unsigned_k (k bigint unsigned PRIMARY KEY, v text);
INSERT INTO unsigned_k SELECT seq * 2049638230412172, REPEAT(seq, 300) FROM seq_0_to_9000;
INSERT INTO unsigned_k VALUES (18446744073709551615, 'most');
CREATE TABLE signed_k (k bigint PRIMARY KEY, v text);
INSERT INTO signed_k SELECT (CAST(seq AS SIGNED) - 4500) * 2000000000000000, REPEAT(seq, 300) FROM seq_0_to_9000;
INSERT INTO signed_k VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'most');
CREATE TABLE two_k (g tinyint, k varchar(20), v text, PRIMARY KEY (g, k));
INSERT INTO two_k SELECT seq % 7, seq, REPEAT(seq, 300) FROM seq_0_to_9000;
CREATE TABLE skewed_k (k int PRIMARY KEY, v text);
INSERT INTO skewed_k SELECT seq, REPEAT(seq, 300) FROM seq_0_to_9000;
INSERT INTO skewed_k VALUES (2147483647, 'far away');
CREATE TABLE text_k (k varchar(20) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, v text);
INSERT INTO text_k SELECT seq, REPEAT(seq, 300) FROM seq_0_to_9000;
CREATE TABLE unique_k (k int NOT NULL UNIQUE, v text);
INSERT INTO unique_k SELECT seq, REPEAT(seq, 300) FROM seq_0_to_9000;
CREATE TABLE few (k int PRIMARY KEY, v text); INSERT INTO few VALUES (1, 'one');
CREATE TABLE nothing (k int PRIMARY KEY);
";

#[test]
fn every_row_is_read_once_whatever_its_key() {
    let ((from, _server), to, folder) = (alone(), Database::mariadb(), Folder::new());
    from.sql(&format!("{KEYS} ANALYZE TABLE unsigned_k, signed_k, two_k, skewed_k, text_k, unique_k;"));
    // A table that was emptied since the server counted it.
    from.sql("CREATE TABLE emptied LIKE skewed_k; INSERT INTO emptied SELECT * FROM skewed_k; ANALYZE TABLE emptied;");
    from.sql("SET GLOBAL innodb_stats_auto_recalc = 1; DELETE FROM emptied;");
    let ran = folder.syncline(&["copy", &with(&from.url(), 3), &to.url(), "-v"]).exits(0);
    assert!(ran.err.contains(&format!("{TOGETHER} connections=3 tables=")), "{}", ran.err);
    for table in ["unsigned_k", "signed_k", "two_k", "skewed_k", "text_k", "unique_k", "few"] {
        let shown = format!("SELECT k, MD5(v) FROM {table} ORDER BY MD5(v), k;");
        assert!(to.sql(&shown) == from.sql(&shown), "{table}");
    }
    assert_eq!(to.sql("SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM nothing);"), "0");
    folder.syncline(&["compare", &with(&from.url(), 3), &to.url()]).exits(0);
}

#[track_caller]
fn filled() -> (Database, Server) {
    let (from, server) = alone();
    from.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_12000;
         CREATE TABLE z (id int PRIMARY KEY); INSERT INTO z VALUES (1); ANALYZE TABLE t;",
    );
    (from, server)
}

/// A copy into a new file that says these words, and is right.
#[track_caller]
fn copied(url: &str, says: &[&str]) {
    let folder = Folder::new();
    let ran = folder.syncline(&["copy", url, "sqlite:lite.db", "-v"]).exits(0);
    for words in says {
        assert!(ran.err.contains(words), "{words:?} is not in: {}", ran.err);
    }
    assert_eq!(folder.sql("lite.db", "SELECT count(*), sum(id), (SELECT id FROM z) FROM t;"), "12000|72006000|1");
}

#[test]
fn without_the_lock_or_the_right_to_it_one_connection_reads() {
    let (from, _server) = filled();
    let login = with(&from.url_as(Login::Password), 3);
    from.sql(&format!("GRANT SELECT ON {}.* TO password_user;", from.name()));
    copied(&login, &[ALONE, "1044"]);
    from.sql(&format!("GRANT LOCK TABLES ON {}.* TO password_user;", from.name()));
    copied(&login, &[TOGETHER, "connections=3 tables=1"]);
    let writes = Client::running(&from, "START TRANSACTION; UPDATE t SET v = 'y' WHERE id = 1; SELECT 'begun';");
    copied(&login, &[ALONE, "a lock was not given in time"]);
    // Who may stop all writers waits for no transaction.
    copied(&with(&from.url(), 3), &[TOGETHER, "connections=3 tables=1"]);
    drop(writes);
    // Nobody is held up any more.
    from.sql("SET lock_wait_timeout = 60, innodb_lock_wait_timeout = 60; UPDATE t SET v = 'z' WHERE id = 1;");
}

#[test]
fn connections_that_are_cut_in_the_middle_are_opened_anew() {
    let (from, _server) = filled();
    let proxy = Proxy::to(from.server());
    let url = from.server().through(proxy.port()).url(from.name());
    for bytes in [30_000, 3_000_000, 9_000_000] {
        proxy.cut_after(Way::ToClient, bytes);
        copied(&with(&url, 3), &[TOGETHER]);
        proxy.heal();
    }
    assert!(proxy.struck() >= 3, "{} faults have struck", proxy.struck());
}

/// One of them is lost alone, while the others read; what these have read does not end the unit (I10).
#[test]
fn one_connection_that_is_lost_begins_the_table_again() {
    let (from, _server) = filled();
    let proxy = Proxy::to(from.server());
    let url = from.server().through(proxy.port()).url(from.name());
    for (lost, spared) in [(Lost::Request, 0), (Lost::Answer, 1), (Lost::Answer, 2)] {
        proxy.lose(lost, "(PRIMARY) WHERE `id` >=", spared);
        copied(&with(&url, 3), &[TOGETHER, "lane opens again"]);
        proxy.heal();
    }
    assert_eq!(proxy.struck(), 3);
}

#[test]
fn the_number_of_connections_is_checked() {
    let folder = Folder::new();
    for wrong in ["0", "65", "many", ""] {
        let url = format!("mariadb://root@127.0.0.1:1/shop?connections={wrong}");
        let said = folder.refuses(&["copy", &url, "sqlite:new.db"]);
        assert!(said.contains("connections is a number from 1 to 64"), "{said}");
    }
}
