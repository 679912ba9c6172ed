//! What is wrong in `syncline.yaml`.

use insta::assert_snapshot;

use crate::support::binary::Folder;

/// What `syncline run` says to this file.
fn refused(text: &str) -> String {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);");
    folder.write("syncline.yaml", text);
    folder.refuses(&["run"])
}

/// A good file, for one mistake each.
const GOOD: &str = "version: 1
connections:
  shop: sqlite:shop.db
  laptop: {url: 'sqlite:laptop.db'}
jobs:
  copy:
    from: shop
    to: laptop
    mode: upsert
    tables:
      t: {key: [id]}
";

/// The good file with one piece replaced.
fn with(piece: &str, other: &str) -> String {
    assert_eq!(GOOD.matches(piece).count(), 1, "{piece}");
    refused(&GOOD.replace(piece, other))
}

#[test]
fn the_good_file_is_good() {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);");
    folder.write("syncline.yaml", GOOD);
    folder.syncline(&["check"]).well();
}

#[test]
fn unknown_keys_at_each_level() {
    assert_snapshot!(with("connections:\n", "conections:\n"), @r"
    exit 2
    error: unknown key `conections`; did you mean `connections`? [file syncline.yaml:2:1]
      → known here: version, connections, jobs, sync
    ");
    assert_snapshot!(with("{url: ", "{uri: "), @r"
    exit 2
    error: unknown key `uri`; did you mean `url`? [file syncline.yaml:4:12]
      → known here: url, password
    ");
    assert_snapshot!(with("    mode:", "    modus:"), @r"
    exit 2
    error: unknown key `modus` [file syncline.yaml:9:5]
      → known here: from, to, capture, install, on_error, schema, alarm_age, alarm_size, mode, tables, batch_bytes_max
    ");
    assert_snapshot!(with("{key: [id]}", "{keys: [id]}"), @r"
    exit 2
    error: unknown key `keys`; did you mean `key`? [file syncline.yaml:11:11]
      → known here: to, columns, exclude, where, key, zero_dates, nul_in_text
    ");
}

#[test]
fn wrong_types() {
    assert_snapshot!(with("version: 1", "version: one"), @r"
    exit 2
    error: version `one` of the configuration format is not known [file syncline.yaml:1:10]
      → this syncline reads `version: 1`
    ");
    assert_snapshot!(with("to: laptop", "to: {laptop: 1}"), @r"
    exit 2
    error: a name or a list of names belongs here [file syncline.yaml:8:9]
      → correct the command line or the configuration file
    ");
    assert_snapshot!(with("{key: [id]}", "{key: id}"), @r"
    exit 2
    error: a list belongs here [file syncline.yaml:11:16]
      → correct the command line or the configuration file
    ");
    assert_snapshot!(with("  shop: sqlite:shop.db\n", "  shop: [a, b]\n"), @r"
    exit 2
    error: a URL or a map with `url` belongs here [file syncline.yaml:3:3]
      → correct the command line or the configuration file
    ");
    assert_snapshot!(with("mode: upsert", "mode: replace"), @r"
    exit 2
    error: unknown word `replace` [file syncline.yaml:9:11]
      → known here: upsert, truncate
    ");
}

#[test]
fn names_that_are_not_there() {
    assert_snapshot!(with("from: shop", "from: shopp"), @r"
    exit 2
    error: there is no connection `shopp`; did you mean `shop`? [file syncline.yaml:7:11]
      → the connections are laptop, shop
    ");
    assert_snapshot!(with("to: laptop", "to: [laptop, desktop]"), @r"
    exit 2
    error: there is no connection `desktop` [file syncline.yaml:8:18]
      → the connections are laptop, shop
    ");
    assert_snapshot!(with("to: laptop", "to: shop"), @r"
    exit 2
    error: `to` and `from` are the same connection `shop` [file syncline.yaml:8:9]
      → a job moves rows from one connection to another
    ");
}

#[test]
fn versions_and_syntax() {
    assert_snapshot!(with("version: 1", "version: 2"), @r"
    exit 2
    error: version `2` of the configuration format is not known [file syncline.yaml:1:10]
      → this syncline reads `version: 1`
    ");
    assert_snapshot!(with("version: 1\n", ""), @r"
    exit 2
    error: key `version` is missing [file syncline.yaml:4:1]
      → begin the file with `version: 1`
    ");
    assert_snapshot!(refused(""), @r"
    exit 2
    error: the configuration file is empty [file syncline.yaml]
      → `syncline init` writes one from your databases
    ");
    assert_snapshot!(refused("version: 1\njobs: [\n"), @r"
    exit 2
    error: a map (`key: value`) belongs here [file syncline.yaml:2:7]
      → correct the command line or the configuration file
    ");
    assert_snapshot!(refused("version: 1\njobs:\n\tcopy: {}\n"), @r"
    exit 2
    error: a tab is used for indentation [file syncline.yaml:3:2]
      → YAML takes only spaces for indentation
    ");
    assert_snapshot!(with("      t: {key: [id]}", "      t: {key: [id]}\n      t: {}"), @r"
    exit 2
    error: key `t` is written twice [file syncline.yaml:12:7]
      → keep one of the two
    ");
}

#[test]
fn tables_of_a_job() {
    assert_snapshot!(with("t: {key: [id]}", "tt: {}"), @r"
    exit 2
    error: no such table tt; did you mean t? [source shop, job copy]
      → `syncline check shop` lists the tables
    ");
    assert_snapshot!(with("{key: [id]}", "{key: [no]}"), @r"
    exit 2
    error: table t has no column no [table t, job copy]
      → correct the command line or the configuration file
    ");
    assert_snapshot!(with("{key: [id]}", "{where: 'id >'}"), @r"
    exit 2
    error: the filter is not a condition [table t, job copy]: sql parser error: Expected: an expression, found: EOF
      → a filter may hold comparisons of a column with a literal (= <> < <= > >=), AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, and the literals 'text', 12.5, TRUE, FALSE, NULL, DATE '2026-01-31', TIMESTAMP '2026-01-31 12:00:00'
    ");
    assert_snapshot!(with("{key: [id]}", "{exclude: [id]}"), @r"
    exit 2
    error: every column is left out [table t, job copy]
      → correct the command line or the configuration file
    ");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new();
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: there is no configuration file [file syncline.yaml]
      → `syncline init` writes one from your databases; `--config FILE` names another
    ");
    assert_snapshot!(folder.refuses(&["--config", "other.yaml", "plan"]), @r"
    exit 2
    error: there is no configuration file [file other.yaml]
      → `syncline init` writes one from your databases; `--config FILE` names another
    ");
    std::fs::create_dir(folder.path("folder.yaml")).unwrap();
    assert_snapshot!(folder.refuses(&["--config", "folder.yaml", "plan"]), @r"
    exit 2
    error: the configuration file cannot be read [file folder.yaml]: Is a directory (os error 21)
      → correct the command line or the configuration file
    ");
    std::fs::write(folder.path("binary.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_snapshot!(folder.refuses(&["--config", "binary.yaml", "plan"]), @r"
    exit 2
    error: the configuration file is not UTF-8 [file binary.yaml:1:1]
      → save it as UTF-8 text
    ");
}

#[test]
fn jobs_that_are_not_there() {
    let folder = Folder::new();
    folder.sql("shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);");
    folder.write("syncline.yaml", GOOD);
    assert_snapshot!(folder.refuses(&["run", "kopy"]), @r"
    exit 2
    error: there is no such job `kopy`
      → jobs in the file: copy
    ");
    folder.write("syncline.yaml", "version: 1\n");
    assert_snapshot!(folder.refuses(&["run"]), @r"
    exit 2
    error: the configuration has no jobs
      → add one under `jobs:`, or copy once with `syncline copy FROM TO`
    ");
}
