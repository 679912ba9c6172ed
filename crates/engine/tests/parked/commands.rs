//! What the commands show, and what they refuse.

use super::{jobs, parking, parks};
use crate::support::binary::Folder;

fn one_parked() -> Folder {
    let folder = parking(
        "CREATE TABLE t (id, name, note, PRIMARY KEY (id, name))",
        "CREATE TABLE t (id, name, note CHECK (note <> 'poison'), PRIMARY KEY (id, name))",
    );
    folder.sql("a.db", "INSERT INTO t VALUES (7, 'seven', 'poison'); UPDATE t SET note = 'better'");
    parks(&folder);
    folder.sql("b.db", "UPDATE syncline_parked SET parked_at = '2026-01-01T00:00:00.000000Z'");
    folder
}

#[test]
fn what_is_listed_and_shown() {
    let folder = one_parked();
    insta::assert_snapshot!(folder.syncline(&["parked", "ls"]).well().out, @r"
    live at b
      id  table  key       change  since                        waiting  reason
      1   t      7, seven  insert  2026-01-01T00:00:00.000000Z  1        the sink refused a change: CHECK constraint failed: note <> 'poison'
      2   t      7, seven  update  2026-01-01T00:00:00.000000Z  0        waits behind 1
    ");
    insta::assert_snapshot!(folder.syncline(&["parked", "show", "live", "1"]).well().out, @r"
    insert of t (7, seven), at b
      since 2026-01-01T00:00:00.000000Z
      the sink refused a change: CHECK constraint failed: note <> 'poison'
      column  before  after
      id      -       7
      name    -       seven
      note    -       poison
    ");
    insta::assert_snapshot!(folder.syncline(&["parked", "show", "live", "2"]).well().out, @r"
    update of t (7, seven), at b
      since 2026-01-01T00:00:00.000000Z
      waits behind another change
      column  before  after
      id      7       -
      name    seven   -
      note    poison  better
    ");
    let status = folder.syncline(&["status"]).well().out;
    assert!(status.contains("b: 2 changes set aside; `syncline parked ls live` shows them"), "{status}");
    let document = folder.syncline(&["parked", "ls", "--json"]).well().json();
    let parked = &document["parked"][0];
    assert_eq!((&parked["id"], &parked["op"], &parked["waiting"]), (&1.into(), &"I".into(), &1.into()));
    assert_eq!(parked["key"][1]["text"], "seven");
    let document = folder.syncline(&["parked", "show", "live", "1", "--json"]).well().json();
    assert_eq!(document["change"]["after"]["note"]["text"], "poison");
    let document = folder.syncline(&["status", "--json"]).well().json();
    assert_eq!(document["connections"][1]["parked"][0]["changes"], 2);
}

/// I15: values are shown only by `show`, keys only by commands that are about them.
#[test]
fn a_run_shows_no_value() {
    let folder =
        parking("CREATE TABLE t (id PRIMARY KEY, v)", "CREATE TABLE t (id PRIMARY KEY, v CHECK (v <> 'secret'))");
    folder.sql("a.db", "INSERT INTO t VALUES ('the key', 'secret')");
    let ran = folder.syncline(&["run", "-vvv"]).exits(4);
    for value in ["secret'", "\"secret", "the key"] {
        // The rule's own text is the schema's.
        assert!(
            !ran.out.contains(value) && !ran.err.replace("CHECK constraint failed: v <> 'secret'", "").contains(value),
            "{}",
            ran.err
        );
    }
    folder.sql("a.db", "UPDATE t SET v = 'better'");
    let document = folder.syncline(&["run", "--json"]).exits(4).json();
    let changes = &document["jobs"][0]["lanes"][0]["changes"];
    assert_eq!((&changes["parked"], &changes["parked_in_all"], &changes["changes"]), (&1.into(), &2.into(), &1.into()));
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = parking("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id)");
    insta::assert_snapshot!(folder.syncline(&["parked", "ls"]).well().out, @"nothing is set aside");
    insta::assert_snapshot!(folder.syncline(&["parked", "retry", "live"]).well().out, @"live: nothing is set aside at b");
    insta::assert_snapshot!(folder.refuses(&["parked", "show", "live", "1"]), @r"
    exit 2
    error: no change 1 is set aside [job live]
      → `syncline parked ls live` shows what is; somebody may have applied it meanwhile
    ");
    insta::assert_snapshot!(folder.refuses(&["parked", "drop", "live", "1", "--yes"]), @r"
    exit 2
    error: no change 1 is set aside [job live]
      → `syncline parked ls live` shows what is; somebody may have applied it meanwhile
    ");
    insta::assert_snapshot!(folder.refuses(&["parked", "retry", "other"]), @r"
    exit 2
    error: there is no such job `other`
      → jobs in the file: live
    ");
    insta::assert_snapshot!(folder.refuses(&["parked", "retry", "live", "--sink", "c"]), @r"
    exit 2
    error: the job has no such sink [job live]
      → its sinks are b
    ");
    assert_eq!(folder.syncline(&["parked", "drop", "live"]).code, Some(2));
    assert_eq!(folder.syncline(&["parked", "show", "live", "minus"]).code, Some(2));
    insta::assert_snapshot!(folder.syncline(&["parked", "drop", "live", "--all", "--yes"]).well().out, @"live: nothing is set aside");
    let folder = one_parked();
    insta::assert_snapshot!(folder.refuses(&["parked", "drop", "live", "1"]), @r"
    exit 2
    error: nothing was dropped: nobody agreed [job live]
      → answer `y` at a terminal, or say `--yes`; what is dropped is gone for good
    ");
    insta::assert_snapshot!(folder.refuses(&["parked", "drop", "live", "1", "99", "--yes"]), @r"
    exit 2
    error: no change 99 is set aside [job live]
      → `syncline parked ls live` shows what is; somebody may have applied it meanwhile
    ");
    insta::assert_snapshot!(folder.refuses(&["uninstall"]), @r"
    exit 1
    error: changes of this job are set aside and would be lost [sink b, job live]
      → `syncline parked retry live` applies them, `syncline parked drop live --all` gives them up
    ");
    folder.syncline(&["parked", "drop", "live", "--all", "--yes"]).well();
    folder.syncline(&["uninstall"]).well();
    // I16: nothing of ours is left.
    assert_eq!(folder.sql("b.db", "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'syncline%'"), "0");
}

#[test]
fn the_option_is_checked() {
    let folder = Folder::new();
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    jobs(&folder, "on_error: parc");
    insta::assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: unknown word `parc`; did you mean `park`? [file syncline.yaml:3:98]
      → known here: stop, park
    ");
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\njobs: {once: {from: a, to: b, on_error: park}}\n",
    );
    insta::assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: `on_error: park` sets changes aside, and this job takes snapshots [file syncline.yaml:3:41]
      → say `capture: trigger`; a snapshot stops at a row that the sink refuses
    ");
}

/// A table of a user's may be called so neither at the sink nor on the way there.
#[test]
fn the_name_stays_reserved() {
    let folder = Folder::new();
    folder.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    jobs(&folder, "tables: {t: {to: syncline_parked}}");
    let ran = folder.syncline(&["run"]).exits(1);
    assert!(ran.err.contains("this name is reserved"), "{}", ran.err);
}

/// A row that somebody else has altered is said to be so, and nothing is applied of it.
#[test]
fn what_somebody_altered_is_not_applied() {
    let folder = one_parked();
    folder.sql("b.db", "UPDATE syncline_parked SET contents = '{}' WHERE ord = 1");
    let ran = folder.syncline(&["parked", "retry", "live"]).exits(1);
    assert!(ran.out.contains("is not as Syncline writes it"), "{ran:?}");
    folder.sql("b.db", "UPDATE syncline_parked SET holds = '{}' WHERE ord = 1");
    let ran = folder.syncline(&["run"]).exits(1);
    assert!(ran.err.contains("is not as Syncline writes it"), "{ran:?}");
}
