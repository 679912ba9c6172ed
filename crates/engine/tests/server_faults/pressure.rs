//! Sinks that are slow, that can only be read for a while, and that others write to (F14, F69, F70).

use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};

use syncline_rig::{Brand, Login};

use super::{BRANDS, FEW, Held, MANY, arrived, create, fill, filled, other, rows, sums};
use crate::support::binary::{Folder, until};
use crate::support::proxy::{Proxy, Way};
use crate::support::servers::{Database, private};
use crate::support::{mariadb, psql};

/// Rows of a kilobyte.
const KILOBYTES: u64 = 60_000;

/// What was read and not yet written is a few batches, and the rest waits at the source (I13).
#[test]
fn a_fast_source_waits_for_a_slow_sink() {
    for brand in BRANDS {
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(other(brand)));
        let (numbers, sends) = match brand {
            Brand::Postgres => (
                format!("generate_series(1, {KILOBYTES}) i"),
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'",
            ),
            Brand::Mariadb => (
                format!("(SELECT seq AS i FROM seq_1_to_{KILOBYTES}) n"),
                "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND state = 'Writing to net'",
            ),
        };
        from.sql(&format!("{}INSERT INTO b SELECT i, repeat('kilobyte', 128) FROM {numbers};", create(&from, "b")));
        let (source, sink) = (Proxy::to(from.server()), Proxy::to(to.server()));
        let through = |place: &Database, proxy: &Proxy| place.server().through(proxy.port()).url(place.name());
        sink.stand_still_at(Way::ToServer, 1 << 20);
        let running = folder.started(&["copy", &through(&from, &source), &through(&to, &sink)]);
        let peak = running.peak();
        until("so far", || sink.passed(Way::ToServer) >= 1 << 20);
        until("left waiting", || {
            let before = source.passed(Way::ToClient);
            from.sql(sends) == "1" && source.passed(Way::ToClient) == before
        });
        let read = source.passed(Way::ToClient);
        assert!(read < 32 << 20, "{brand:?}: {} of {} MiB were read ahead", read >> 20, KILOBYTES >> 10);
        sink.heal();
        running.ends().well();
        assert_eq!(sums(&to, "b"), sums(&from, "b"));
        let peak = peak.join().unwrap();
        assert!(peak < 150 << 10, "{brand:?}: {} MiB", peak >> 10);
    }
}

/// As after a switch to another server, which is a replica for a while: an error that says so, and no table is half.
#[test]
fn a_sink_that_can_only_be_read_for_a_while() {
    for brand in BRANDS {
        let (folder, server) = (Folder::new(), private(brand));
        let (from, to) = (Database::shared(brand), Database::on(server.address()));
        filled(&from);
        let (only_read, as_before, says, login) = match brand {
            Brand::Postgres => (
                "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf();",
                "SET default_transaction_read_only = off; ALTER SYSTEM RESET ALL; SELECT pg_reload_conf();",
                "the server is a standby, or the login may only read",
                Login::Super,
            ),
            // The superuser may write all the same.
            Brand::Mariadb => {
                ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "the server can only be read", Login::Open)
            }
        };
        if brand == Brand::Mariadb {
            to.sql(&format!("GRANT ALL ON {}.* TO open_user", to.name()));
        }
        let proxy = Proxy::to(from.server());
        let through = from.server().through(proxy.port()).url(from.name());
        let words = ["copy".into(), through, to.url_as(login)];
        let held = Held::with(&folder, &to, proxy, Way::ToClient, words);
        to.sql(only_read);
        held.proxy.heal();
        let ran = held.running.ends().exits(4);
        assert_eq!(ran.err.matches("error:").count(), 1, "{brand:?} {ran:?}");
        assert!(ran.err.contains(says), "{brand:?} {ran:?}");
        assert!([0, u64::from(MANY)].contains(&rows(&to, "b")), "{brand:?} {ran:?}");
        assert_eq!(rows(&to, "c"), 0, "{brand:?} {ran:?}");
        to.sql(as_before);
        Held::again(&held.words, &folder).exits(0);
        arrived(&from, &to);
        drop((to, server));
    }
}

/// Somebody at a database who says one thing after the other.
struct Somebody(Child, ChildStdin);

impl Somebody {
    fn at(place: &Database) -> Self {
        let mut command = match place.server().brand() {
            Brand::Postgres => psql::program(&place.url()),
            Brand::Mariadb => mariadb::program(&place.url()),
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        Self(child, input)
    }

    fn says(&mut self, sql: &str) {
        writeln!(self.1, "{sql}").unwrap();
    }

    /// All of it went well.
    #[track_caller]
    fn leaves(self) {
        let Self(mut child, input) = self;
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}

/// Each holds a row that the other wants. The server takes our unit back, and it is written again as a whole.
#[test]
fn a_deadlock_with_somebody_else_is_tried_again() {
    for brand in BRANDS {
        let (folder, server) = (Folder::new(), private(brand));
        let (from, to) = (Database::shared(brand), Database::on(server.address()));
        for place in [&from, &to] {
            place.sql(&format!("{}{}", create(place, "a"), fill(place, "a", FEW)));
        }
        to.sql("UPDATE a SET v = 'old'; CREATE TABLE d (id int PRIMARY KEY)");
        let mut somebody = Somebody::at(&to);
        // Whoever has changed less, or has waited longer, is taken back: that is us.
        somebody.says(match brand {
            Brand::Postgres => "SET deadlock_timeout = '1h'; BEGIN;",
            Brand::Mariadb => "BEGIN; INSERT INTO d SELECT seq FROM seq_1_to_5000;",
        });
        somebody.says(&format!("UPDATE a SET v = 'theirs' WHERE id = {FEW};"));
        if brand == Brand::Mariadb {
            somebody.says("DO GET_LOCK('held', 0);");
        }
        let (holds, waits, struck) = match brand {
            Brand::Postgres => (
                "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass AND mode = 'RowExclusiveLock'",
                "SELECT count(*) FROM pg_locks WHERE NOT granted",
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
            ),
            Brand::Mariadb => (
                // What `innodb_trx` shows stays the same for whoever asks often.
                "SELECT 1 - IS_FREE_LOCK('held')",
                "SELECT variable_value FROM information_schema.global_status \
                 WHERE variable_name = 'innodb_row_lock_current_waits'",
                "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'innodb_deadlocks'",
            ),
        };
        until("held", || to.sql(holds) == "1");
        let mut running = folder.started(&["copy", &from.url(), &to.url()]);
        until("waited", || !running.runs() || to.sql(waits) != "0");
        running.goes_on();
        somebody.says("UPDATE a SET v = 'theirs' WHERE id = 1; COMMIT;");
        somebody.leaves();
        running.ends().exits(0);
        until("counted", || to.sql(struck) != "0");
        assert_eq!(sums(&to, "a"), sums(&from, "a"), "{brand:?}");
        drop((to, server));
    }
}

/// One row of many that are loaded at once has what another has already: it is told, and none of them is kept (F89).
#[test]
fn a_load_that_meets_one_wrong_row_keeps_none() {
    for brand in BRANDS {
        let (folder, from, to) = (Folder::new(), Database::shared(brand), Database::shared(brand));
        filled(&from);
        from.sql(&format!("UPDATE b SET v = 'twice' WHERE id IN (7, {})", MANY - 7));
        let kind = if brand == Brand::Postgres { "text" } else { "varchar(300) CHARACTER SET utf8mb4" };
        if brand == Brand::Mariadb {
            from.sql(&format!("ALTER TABLE b MODIFY v {kind}"));
        }
        to.sql(&format!("CREATE TABLE b (id int PRIMARY KEY, v {kind}); CREATE UNIQUE INDEX by_v ON b (v);"));
        let command = ["copy", &from.url(), &to.url()];
        let ran = folder.syncline(&command).exits(4);
        assert_eq!(ran.err.matches("error:").count(), 1, "{brand:?} {ran:?}");
        assert!(ran.err.contains("table b") && ran.err.contains("by_v"), "{brand:?} {ran:?}");
        assert!(!ran.err.contains("twice") || ran.err.contains("comes twice"), "{brand:?} {ran:?}");
        assert_eq!([rows(&to, "a"), rows(&to, "b"), rows(&to, "c")], [u64::from(FEW), 0, 0], "{brand:?}");
        from.sql("UPDATE b SET v = 'once' WHERE id = 7");
        folder.syncline(&command).exits(0);
        assert_eq!(sums(&to, "b"), sums(&from, "b"), "{brand:?}");
    }
}

/// Two rows exchange a unique value, and three pass theirs on, in one unit (F72).
#[test]
fn unique_values_are_exchanged_at_every_sink() {
    let folder = Folder::new();
    let table = "CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, code varchar(20) NOT NULL UNIQUE);";
    let old = format!("{table} INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e');");
    let new = format!("{table} INSERT INTO t VALUES (1, 'b'), (2, 'a'), (3, 'd'), (4, 'e'), (5, 'c');");
    let shown = "SELECT group_concat(code ORDER BY id) FROM t";
    let (postgres, maria) = (Database::postgres(), Database::mariadb());
    folder.sql("new.db", &new);
    folder.sql("old.db", &old);
    postgres.sql(&old);
    maria.sql(&old);
    for to in ["old.db", &postgres.url(), &maria.url()] {
        folder.syncline(&["copy", "new.db", to]).exits(0);
    }
    assert_eq!(folder.sql("old.db", "SELECT group_concat(code) FROM (SELECT code FROM t ORDER BY id)"), "b,a,d,e,c");
    assert_eq!(postgres.sql("SELECT string_agg(code, ',' ORDER BY id) FROM t"), "b,a,d,e,c");
    assert_eq!(maria.sql(shown), "b,a,d,e,c");
}
