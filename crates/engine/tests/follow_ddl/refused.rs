//! What is not guessed: the job stops with the difference, and nothing was changed at the sink.

use syncline_rig::Login;

use super::{End, FILE, MARIADB, POSTGRES, Pair};
use crate::support::binary::Folder;

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v varchar(40), w int); INSERT INTO t VALUES (1, 'a', 1);";

/// What has no room at the sink stays a misfit, with its reason.
#[test]
fn what_cannot_be_added_is_said() {
    let cases = [
        (
            (POSTGRES, POSTGRES),
            "CREATE TABLE t (k int PRIMARY KEY, v text, w int);",
            "and none is added that belongs to the key",
        ),
        (
            (POSTGRES, MARIADB),
            "CREATE TABLE t (id int PRIMARY KEY, V varchar(40), w int);",
            "its column V is called the same to it",
        ),
        (
            (POSTGRES, FILE),
            "CREATE TABLE t (id int PRIMARY KEY, V varchar(40), w int);",
            "its column V is called the same to it",
        ),
        ((FILE, FILE), "CREATE TABLE t (id INT PRIMARY KEY, w INT) STRICT;", "which knows no type varchar(40)"),
        (
            (MARIADB, POSTGRES),
            "CREATE TABLE t (id int PRIMARY KEY, w int, own text NOT NULL);",
            "the sink's column own needs a value",
        ),
    ];
    for (brands, there, reason) in cases {
        let pair = Pair::new(brands, TABLE);
        pair.sink(there);
        let before = pair.to.columns(&pair.folder, "t");
        let refused = pair.run().refusal();
        assert!(refused.contains(reason), "{brands:?}: {refused}");
        assert_eq!(pair.to.columns(&pair.folder, "t"), before);
        assert_eq!(pair.sink("SELECT count(*) FROM t;"), "0");
    }
    let pair = Pair::new((POSTGRES, POSTGRES), TABLE);
    pair.source("ALTER TABLE t ADD COLUMN g int GENERATED ALWAYS AS (w * 2) STORED;");
    pair.sink("CREATE TABLE t (id int PRIMARY KEY, v text, w int);");
    assert!(pair.run().refusal().contains("and the source computes it"));
}

/// A right that is missing is said with what gives it, before anything is changed.
#[test]
fn a_missing_right_to_alter_is_said() {
    let pair = Pair::new((POSTGRES, POSTGRES), TABLE);
    let End::Server(to) = &pair.to else { unreachable!() };
    let login = to.url_as(Login::Password);
    to.sql("CREATE TABLE t (id int PRIMARY KEY, v text); GRANT ALL ON t TO password_user; GRANT ALL ON SCHEMA public TO password_user;");
    write(&pair.folder, &pair.from.url(), &login);
    let refused = pair.run().refusal();
    assert!(refused.contains("only its owner may; GRANT postgres TO password_user, or ALTER TABLE"), "{refused}");
    assert_eq!(pair.to.columns(&pair.folder, "t"), "id, v");
    to.sql("ALTER TABLE t OWNER TO password_user;");
    pair.arrives("t", "the table is its own");

    let pair = Pair::new((MARIADB, MARIADB), TABLE);
    let End::Server(to) = &pair.to else { unreachable!() };
    let name = to.name();
    to.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, v text); GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON {name}.* TO password_user;"
    ));
    write(&pair.folder, &pair.from.url(), &to.url_as(Login::Password));
    let refused = pair.run().refusal();
    assert!(refused.contains("the login lacks ALTER at the sink: GRANT ALTER ON"), "{refused}");
    assert_eq!(pair.to.columns(&pair.folder, "t"), "id, v");
    to.sql(&format!("GRANT ALTER ON {name}.* TO password_user;"));
    pair.arrives("t", "the right is given");
}

fn write(folder: &Folder, from: &str, to: &str) {
    let job = "{live: {from: a, to: b, capture: trigger, install: auto, schema: add_columns}}";
    folder.write("syncline.yaml", &format!("version: 1\nconnections: {{a: '{from}', b: '{to}'}}\njobs: {job}\n"));
}

/// Another type is not guessed, and a column that the sink cannot do without is not given up: it ends with the difference,
/// once, and what `install` and a run make of it is the same as ever.
#[test]
fn another_type_and_a_needed_column_end_the_job() {
    for (brands, retype) in [
        ((POSTGRES, POSTGRES), "ALTER TABLE t ALTER COLUMN w TYPE bigint;"),
        ((MARIADB, MARIADB), "ALTER TABLE t MODIFY w bigint;"),
    ] {
        let pair = Pair::new(brands, TABLE);
        let running = following(&pair);
        pair.source(retype);
        pair.source("UPDATE t SET w = 5;");
        let ended = running.ends().exits(4);
        assert!(ended.err.contains("column w has another type or place"), "{brands:?}: {}", ended.err);
        // What is written before anybody looks has room in both types.
        let there = pair.sink("SELECT w FROM t;");
        assert!(there == "1" || there == "5", "{brands:?}: {there}");

        let pair = Pair::new(
            brands,
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(40), w int NOT NULL); INSERT INTO t VALUES (1, 'a', 1);",
        );
        let running = following(&pair);
        pair.source("ALTER TABLE t DROP COLUMN w;");
        let ended = running.ends().exits(4);
        assert!(ended.err.contains("the sink's column w needs a value that the source does not have"), "{}", ended.err);
        assert_eq!(pair.sink("SELECT * FROM t;"), "1|a|1", "{brands:?}");
        pair.sink("ALTER TABLE t DROP COLUMN w;");
        pair.arrives("t", "the sink does without");
    }
}

/// Where the job may not install, it ends with the difference, and goes on when somebody has installed.
#[test]
fn without_the_right_to_install_it_ends() {
    for brands in [(FILE, FILE), (POSTGRES, POSTGRES), (MARIADB, MARIADB)] {
        let pair = Pair::new(brands, TABLE);
        pair.job("schema: add_columns");
        pair.folder.syncline(&["install"]).well();
        let running = following(&pair);
        pair.source("ALTER TABLE t ADD COLUMN x int; UPDATE t SET x = 1;");
        let ended = running.ends().exits(4);
        assert!(ended.err.contains("column x was added since capture was installed"), "{}", ended.err);
        assert_eq!(pair.to.columns(&pair.folder, "t"), "id, v, w", "{brands:?}");
        pair.folder.syncline(&["install"]).well();
        pair.arrives("t", &format!("{brands:?}"));
    }
}

/// A job under way, all of whose tables are loaded.
#[track_caller]
fn following(pair: &Pair) -> crate::support::binary::Running {
    pair.run().well();
    let running = pair.folder.started(&["run", "live", "--follow", "--quiet"]);
    pair.source("UPDATE t SET v = 'seen';");
    crate::support::binary::until("the first change", || pair.sink("SELECT count(*) FROM t WHERE v = 'seen';") == "1");
    pair.source("UPDATE t SET v = 'a';");
    crate::support::binary::until("the second change", || pair.sink("SELECT count(*) FROM t WHERE v = 'a';") == "1");
    running
}
