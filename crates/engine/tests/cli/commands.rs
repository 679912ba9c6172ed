//! The commands around a configuration file, in the order in which the README uses them.

use insta::assert_snapshot;

use super::{shop, steady};
use crate::support::binary::Folder;
use crate::support::judge;

#[test]
fn init_check_plan_run_status() {
    let folder = shop();
    assert_snapshot!(folder.syncline(&["init", "shop.db", "laptop.db"]).well().out, @r"
    wrote syncline.yaml with 2 tables
    next: `syncline check`, `syncline plan`, then `syncline run`
    ");
    assert_snapshot!(std::fs::read_to_string(folder.path("syncline.yaml")).unwrap(), @r#"
    version: 1
    connections:
      shop: "sqlite:shop.db"
      laptop: "sqlite:laptop.db"
    jobs:
      shop-to-laptop:
        from: shop
        to: laptop
        # upsert: rows are inserted or replaced by key, others stay; truncate: each table is replaced
        mode: upsert
        tables:
          customer: {}  # 3 columns, key (id)
          sales_order: {}  # 3 columns, key (id)
          # not a table: big_order: a view holds no rows of its own
    "#);
    let check = folder.syncline(&["check"]).well().out;
    assert_snapshot!(steady(&check.replace(rusqlite::version(), "[version]")), @r"
    laptop: not there yet; the first run creates it
    shop: SQLite [version]
      ok: journal mode wal
      ok: text is stored as UTF-8
      ok: can be written
      2 tables
        customer 3 columns key (id)
        sales_order 3 columns key (id)
      not a table: big_order: a view holds no rows of its own
    job shop-to-laptop: fits
    ");
    assert_snapshot!(folder.syncline(&["plan"]).well().out, @r#"
    shop-to-laptop: shop → laptop
      table customer, 3 columns
      table sales_order, 3 columns
      CREATE TABLE IF NOT EXISTS syncline_position (job TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT NOT NULL, layout TEXT, position TEXT, changed_at TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0, trouble TEXT);
      CREATE TABLE "customer" ("id" INTEGER, "name" TEXT NOT NULL, "city" VARCHAR(40), PRIMARY KEY ("id"));
      CREATE TABLE "sales_order" ("id" INTEGER, "customer_id" INTEGER NOT NULL, "total" DECIMAL(10,2), PRIMARY KEY ("id"), FOREIGN KEY ("customer_id") REFERENCES "customer" ("id"));
      CREATE INDEX "order_by_customer" ON "sales_order" ("customer_id");
      note: sales_order: not created at the sink: 1 check constraint
    "#);
    assert!(!folder.path("laptop.db").exists(), "looking created the sink");
    assert_snapshot!(steady(&folder.syncline(&["run"]).well().out), @r"
    shop → laptop
      table state rows seconds rows/s
      customer done 3 TIME RATE
      sales_order done 3 TIME RATE
      total 6 TIME RATE
    note: sales_order: not created at the sink: 1 check constraint
    ");
    judge::same(&folder.path("laptop.db"), &folder.path("shop.db"));
    assert_snapshot!(folder.syncline(&["status"]).well().out, @r"
    shop-to-laptop: shop → laptop: no run is under way
    ");
    folder.syncline(&["compare", "shop", "laptop"]).well();
    folder.syncline(&["run", "shop-to-laptop"]).well();
    judge::same(&folder.path("laptop.db"), &folder.path("shop.db"));
}

#[test]
fn a_configuration_elsewhere_finds_its_databases() {
    let folder = shop();
    std::fs::create_dir(folder.path("conf")).unwrap();
    folder.syncline(&["--config", "conf/s.yaml", "init", "shop.db", "laptop.db"]).well();
    folder.syncline(&["--config", "conf/s.yaml", "run"]).well();
    judge::same(&folder.path("laptop.db"), &folder.path("shop.db"));
}

#[test]
fn what_init_writes_can_be_read() {
    let folder = Folder::new();
    // No table with a key; names that mean something to YAML, and the same name twice.
    folder.sql("null.db", "CREATE TABLE log (line TEXT);");
    folder.syncline(&["init", "null.db", "true.db"]).well();
    let check = folder.syncline(&["check"]).exits(1);
    assert!(check.out.contains("the table has no key"), "{}{}", check.out, check.err);
    std::fs::remove_file(folder.path("syncline.yaml")).unwrap();
    std::fs::create_dir(folder.path("a ${b} c")).unwrap();
    folder.sql("a ${b} c/12:30.db", "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);");
    folder.syncline(&["init", "a ${b} c/12:30.db", "./12-30.db"]).well();
    folder.syncline(&["run"]).well();
    judge::same(&folder.path("12-30.db"), &folder.path("a ${b} c/12:30.db"));
}

#[test]
fn status_of_an_interrupted_copy() {
    let folder = shop();
    let paused = folder.paused_at(&["copy", "shop.db", "sink.db"], "unit_committed", 1).unwrap();
    paused.kill();
    let out = folder.syncline(&["status", "sink.db"]).well().out;
    assert!(out.starts_with("sink.db: lane ") && out.contains(": done up to customer;"), "{out}");
}

#[test]
fn an_empty_folder() {
    let folder = Folder::new();
    for command in ["run", "check", "plan", "status"] {
        let refusal = folder.refuses(&[command]);
        assert!(
            refusal.starts_with("exit 2\nerror: there is no configuration file [file syncline.yaml]\n"),
            "{refusal}"
        );
        assert!(refusal.contains("`syncline init` writes one"), "{refusal}");
    }
}

#[test]
fn a_demo() {
    let folder = Folder::new();
    let ran = folder.syncline(&["demo"]).well();
    // A screen and a half.
    assert!(ran.out.lines().count() <= 60, "{} lines\n{}", ran.out.lines().count(), ran.out);
    assert_eq!(ran.out.lines().filter(|line| line.trim_start().starts_with("equal:")).count(), 1, "{}", ran.out);
    let merged = "Ada in Bergen, Customer 8 in Rome; orders: 20000, number 13: gone";
    assert_eq!(ran.out.lines().filter(|line| line.ends_with(merged)).count(), 2, "{}", ran.out);
    let listed = |line: &&str| line.ends_with('Z') && line.contains("  customer  ") && line.contains("  city  ");
    assert_eq!(ran.out.lines().filter(listed).count(), 1, "the conflict is listed\n{}", ran.out);
    let folders: Vec<_> = std::fs::read_dir(folder.root()).unwrap().map(|e| e.unwrap().path()).collect();
    let [demo] = &folders[..] else { panic!("{folders:?}") };
    judge::same(&demo.join("laptop.db"), &demo.join("shop.db"));
    judge::no_trace(&demo.join("laptop.db"));
    judge::no_trace(&demo.join("shop.db"));
    // A second one is not in its way.
    folder.syncline(&["demo"]).well();
}

#[test]
fn help() {
    let folder = Folder::new();
    assert_snapshot!(folder.syncline(&["--help"]).well().out, @r"
    Keeps databases of any brand in step: capture, carry, merge, apply.

    Usage: syncline [OPTIONS] <COMMAND>

    Commands:
      demo       Two SQLite databases kept in step: the whole story, nothing to install
      copy       Copy tables from one database to others, once
      sync       Keep databases in step that are written on all sides
      conflicts  What was lost where two members of a sync group changed the same: look at it, decide
                 otherwise
      compare    Prove that two databases hold the same rows; exit code 3 if they do not
      run        Run jobs of the configuration file until they are done, or follow their sources
      install    Install at the sources what jobs with `capture: trigger` need
      uninstall  Remove it, all of it
      resync     Load tables of a job again, from a snapshot
      check      Look at connections and jobs: reach, rights, settings, tables; changes nothing
      plan       Show every statement that jobs would run at their sinks; changes nothing
      init       Write a configuration file from live databases
      status     Show how far each job got, by its sinks' own account
      parked     What jobs with `on_error: park` have set aside: look at it, apply it again, give it up

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Options of every command:
          --config <FILE>  Configuration file [default: syncline.yaml, if it is there]
          --json           Print one JSON document instead of text
      -q, --quiet          Print errors only
      -v, --verbose...     Say more on standard error; twice for every batch, three times for every step
    ");
    let help = folder.syncline(&["copy", "--help"]).well().out;
    assert_snapshot!(help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"), @r"
    Copy tables from one database to others, once

    Usage: syncline copy [OPTIONS] <FROM> <TO>...

    Arguments:
      <FROM>
              Where rows come from: a connection's name, a URL, or a file

      <TO>...
              Where they go; several sinks are written side by side

    Options:
          --table <TABLE>
              Only this table, or these by `*` and `?`; may be given several times

          --exclude <TABLE>
              Not this table; may be given several times

          --key <TABLE=COLUMN,...>
              The key of a table that has none of its own

          --mode <MODE>
              What happens to rows that the sink already holds

              Possible values:
              - upsert:   Rows of the source are inserted or replaced by key; other rows of the sink
                stay
              - truncate: The sink's tables are emptied first, each in one transaction with its new rows

              [default: upsert]

          --zero-dates <WHAT>
              What becomes of dates with a year, month or day of zero, which MariaDB and MySQL have

              Possible values:
              - error: A sink that cannot hold one refuses it by row
              - null:  They become null

              [default: error]

          --nul-in-text <WHAT>
              What becomes of U+0000 in text, which PostgreSQL does not have

              Possible values:
              - error: A sink that cannot hold it refuses it by row
              - strip: It is taken out

              [default: error]

          --rate <SIZE>
              Read at most so much a second (`20 MiB`), to leave room for the application

          --restart
              Start over instead of continuing a copy that was interrupted

          --dry-run
              Show every statement that would run, and run nothing

      -h, --help
              Print help (see a summary with '-h')

    Options of every command:
          --config <FILE>
              Configuration file [default: syncline.yaml, if it is there]

          --json
              Print one JSON document instead of text

      -q, --quiet
              Print errors only

      -v, --verbose...
              Say more on standard error; twice for every batch, three times for every step
    ");
    assert_snapshot!(folder.syncline(&["compare", "--help"]).well().out, @r"
    Prove that two databases hold the same rows; exit code 3 if they do not

    Usage: syncline compare [OPTIONS] <A> <B>

    Arguments:
      <A>  One database: a connection's name, a URL, or a file
      <B>  The other

    Options:
          --table <TABLE>           Only this table, or these by `*` and `?`; may be given several times
          --exclude <TABLE>         Not this table; may be given several times
          --key <TABLE=COLUMN,...>  The key of a table that has none of its own
          --settle <TIME>           Look again at rows that differ for so long (`30s`, `5m`), and report
                                    those that differ every time: for databases that are being written
          --limit <N>               Differences to list per table; all are counted [default: 20]
      -h, --help                    Print help

    Options of every command:
          --config <FILE>  Configuration file [default: syncline.yaml, if it is there]
          --json           Print one JSON document instead of text
      -q, --quiet          Print errors only
      -v, --verbose...     Say more on standard error; twice for every batch, three times for every step
    ");
    for command in ["demo", "run", "check", "plan", "init", "status"] {
        let out = folder.syncline(&[command, "--help"]).well().out;
        assert!(out.contains("Usage: syncline "), "{out}");
    }
}
