//! What cannot be kept in step is refused, in one sentence and before any row moves.

use syncline_rig::Brand;

use super::Members;

/// The command refuses with this in its error, and nothing is installed.
#[track_caller]
fn refuses(members: &Members, said: &str) {
    let ran = members.run(&["--once"]);
    assert!(matches!(ran.code, Some(1 | 2)), "{:?} {}", ran.code, ran.err);
    assert!(ran.err.contains(said), "{}", ran.err);
    assert_eq!(ran.err.matches("error:").count(), 1, "{}", ran.err);
    let ours = members.sql(0, "SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE '%syncline%';");
    assert_eq!(ours, "0", "something was installed");
}

fn two(a: &str, b: &str) -> Members {
    let members = Members::new(&[None, None], "CREATE TABLE other (id INTEGER PRIMARY KEY);");
    members.sql(0, a);
    members.sql(1, b);
    members
}

#[test]
fn tables_that_are_not_alike() {
    let base = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w TEXT);";
    refuses(
        &two(base, "CREATE TABLE t (id INTEGER, v TEXT PRIMARY KEY, w TEXT);"),
        "the key is (id) at one member and (v)",
    );
    refuses(&two(base, ""), "does not have this table");
    refuses(&two("CREATE TABLE t (id INTEGER, v TEXT);", "CREATE TABLE t (id INTEGER, v TEXT);"), "no key");
    refuses(&two(base, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"), "no column w");
    refuses(
        &two(base, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w TEXT, x TEXT);"),
        "only this member has column x",
    );
    refuses(&two(base, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w TEXT);"), "column v is text");
    refuses(&two(base, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE, w TEXT);"), "unique index over (v)");
    let refers = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w TEXT REFERENCES other(id));";
    refuses(&two(base, refers), "foreign key from (w)");
    let nocase = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE UNIQUE);";
    refuses(&two(nocase, nocase), "collation NOCASE");
}

#[test]
fn members_that_are_none() {
    let members = Members::files();
    let ran = members.folder.syncline(&["sync", "a.db", "a.db", "--once"]).exits(2);
    assert!(ran.err.contains("one database is named twice"), "{}", ran.err);
    let ran = members.folder.syncline(&["sync", "a.db", "--once"]).exits(2);
    assert!(ran.err.contains("two databases or more"), "{}", ran.err);
    let ran = members.run(&["--once", "--table", "nothing"]).exits(2);
    assert!(ran.err.contains("nothing"), "{}", ran.err);
    let ran = members.run(&["--once", "--first-contact", "c.db"]).exits(2);
    assert!(ran.err.contains("names no member"), "{}", ran.err);
}

/// F12: two files with one id.
#[test]
fn a_copied_file() {
    let members = Members::files();
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.once();
    std::fs::copy(members.folder.path("b.db"), members.folder.path("c.db")).unwrap();
    let ran = members.folder.syncline(&["sync", "b.db", "c.db", "--once"]).exits(2);
    assert!(ran.err.contains("one is a copy of the other"), "{}", ran.err);
    // One after the other: what the second one makes has numbers that the first one gave already.
    members.folder.sql("c.db", "UPDATE customer SET name = 'by the copy';");
    members.folder.syncline(&["sync", "a.db", "c.db", "--once"]).well();
    members.folder.sql("b.db", "UPDATE customer SET city = 'by the original'; UPDATE customer SET city = 'again';");
    let ran = members.folder.syncline(&["sync", "a.db", "b.db", "--once"]).exits(1);
    assert!(ran.err.contains("copy") || ran.err.contains("put back"), "{}", ran.err);
    assert_eq!(members.folder.sql("a.db", "SELECT name, city FROM customer;"), "by the copy|Oslo");
    members.folder.syncline(&["sync", "b.db", "--leave"]).well();
    let ran = members.folder.syncline(&["sync", "a.db", "b.db", "--once"]).exits(2);
    assert!(ran.err.contains("no member of it"), "{}", ran.err);
}

/// F13: a member from yesterday's backup.
#[test]
fn a_file_that_was_put_back() {
    let members = Members::files();
    members.everywhere("INSERT INTO customer VALUES (1, 'Ann', 'Oslo', NULL);");
    members.once();
    members.folder.sql("b.db", "PRAGMA wal_checkpoint(TRUNCATE);");
    std::fs::copy(members.folder.path("b.db"), members.folder.path("backup.db")).unwrap();
    members.sql(1, "UPDATE customer SET name = 'Anna';");
    members.once();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(members.folder.path(&format!("b.db{end}")));
    }
    std::fs::copy(members.folder.path("backup.db"), members.folder.path("b.db")).unwrap();
    let ran = members.run(&["--once"]).exits(1);
    assert!(ran.err.contains("put back"), "{}", ran.err);
}

#[test]
fn a_group_of_other_tables() {
    let members = Members::files();
    members.once();
    let ran = members.run(&["--once", "--table", "customer"]).exits(1);
    assert!(ran.err.contains("agreed on something else"), "{}", ran.err);
    let ran = members.folder.syncline(&["sync", "a.db", "new.db", "--once"]).exits(2);
    assert!(!ran.err.is_empty());
}

#[test]
fn what_fires_at_mariadb() {
    let members = Members::shop(&[None, Some(Brand::Mariadb)]);
    members.sql(1, "CREATE TRIGGER mine BEFORE INSERT ON customer FOR EACH ROW SET NEW.city = 'x';");
    refuses(&members, "has triggers");
}

/// A member is not followed by a job, and what a job follows is no member.
#[test]
fn a_job_at_a_member() {
    let members = Members::files();
    members.folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db', c: 'sqlite:c.db'}\njobs:\n  live: {from: a, to: c, capture: trigger, install: auto}\n",
    );
    members.folder.syncline(&["run", "live", "--quiet"]).exits(0);
    let ran = members.run(&["--once"]).exits(2);
    assert!(ran.err.contains("a job follows this database"), "{}", ran.err);
    members.folder.syncline(&["uninstall", "live"]).exits(0);
    members.once();
    let ran = members.folder.syncline(&["run", "live", "--quiet"]);
    assert!(ran.code != Some(0) && ran.err.contains("member of a sync group"), "{:?} {}", ran.code, ran.err);
}
