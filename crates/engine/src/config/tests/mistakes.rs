//! Every mistake is named with its place and, where there is one, the word that was meant.

use super::*;

#[test]
fn unknown_keys_at_every_level() {
    insta::assert_snapshot!(mistake("version: 1\nconections: {}\n"), @r#"
    unknown key `conections`; did you mean `connections`? [file conf/syncline.yaml:2:1]
    -> known here: version, connections, jobs, sync
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {url: 'sqlite:a', pasword: x}\n"), @r#"
    unknown key `pasword`; did you mean `password`? [file conf/syncline.yaml:3:27]
    -> known here: url, password
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night:\n    from: shop\n    to: laptop\n    tabels:\n      orders: {{}}\n")), @r#"
    unknown key `tabels`; did you mean `tables`? [file conf/syncline.yaml:9:5]
    -> known here: from, to, capture, install, on_error, schema, alarm_age, alarm_size, mode, tables, batch_bytes_max
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night:\n    from: shop\n    to: laptop\n    tables:\n      orders:\n        wher: a = 1\n")), @r#"
    unknown key `wher`; did you mean `where`? [file conf/syncline.yaml:11:9]
    -> known here: to, columns, exclude, where, key, zero_dates, nul_in_text
    "#);
    insta::assert_snapshot!(mistake("version: 1\nzzz: {}\n"), @r#"
    unknown key `zzz` [file conf/syncline.yaml:2:1]
    -> known here: version, connections, jobs, sync
    "#);
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(mistake("version: 1\nconnections: 5\n"), @r#"
    a map (`key: value`) belongs here [file conf/syncline.yaml:2:14]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: 5\n"), @r#"
    a URL or a map with `url` belongs here [file conf/syncline.yaml:3:3]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: [a]\n"), @r#"
    a URL or a map with `url` belongs here [file conf/syncline.yaml:3:3]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {url: {a: b}}\n"), @r#"
    a single value belongs here [file conf/syncline.yaml:3:15]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n"), @r#"
    a URL or a map with `url` belongs here [file conf/syncline.yaml:3:3]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: {{a: b}}}}\n")), @r#"
    a name or a list of names belongs here [file conf/syncline.yaml:6:27]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: laptop, tables: [orders]}}\n")), @r#"
    a map (`key: value`) belongs here [file conf/syncline.yaml:6:43]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: laptop, tables: {{a: {{key: id}}}}}}\n")), @r#"
    a list belongs here [file conf/syncline.yaml:6:53]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("- version: 1\n"), @r#"
    a map (`key: value`) belongs here [file conf/syncline.yaml:1:1]
    -> correct the command line or the configuration file
    "#);
}

#[test]
fn missing_and_unknown_versions() {
    insta::assert_snapshot!(mistake("connections: {}\n"), @r#"
    key `version` is missing [file conf/syncline.yaml:1:1]
    -> begin the file with `version: 1`
    "#);
    insta::assert_snapshot!(mistake("version: 2\nnew_key: {}\n"), @r#"
    version `2` of the configuration format is not known [file conf/syncline.yaml:1:10]
    -> this syncline reads `version: 1`
    "#);
    insta::assert_snapshot!(mistake("version: \"1.0\"\n"), @r#"
    version `1.0` of the configuration format is not known [file conf/syncline.yaml:1:10]
    -> this syncline reads `version: 1`
    "#);
    insta::assert_snapshot!(mistake("verison: 1\n"), @r#"
    unknown key `verison`; did you mean `version`? [file conf/syncline.yaml:1:1]
    -> known here: version, connections, jobs, sync
    "#);
    insta::assert_snapshot!(mistake("version: [1]\n"), @r#"
    a single value belongs here [file conf/syncline.yaml:1:10]
    -> correct the command line or the configuration file
    "#);
}

#[test]
fn missing_keys() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: {password: x}\n"), @r#"
    key `url` is missing [file conf/syncline.yaml:3:10]
    -> add `url:` to the map that begins here
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop}}\n")), @r#"
    key `to` is missing [file conf/syncline.yaml:6:11]
    -> add `to:` to the map that begins here
    "#);
}

#[test]
fn keys_that_are_written_twice() {
    insta::assert_snapshot!(mistake("version: 1\nversion: 1\n"), @r#"
    key `version` is written twice [file conf/syncline.yaml:2:1]
    -> keep one of the two
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: sqlite:a\n  shop: sqlite:b\n"), @r#"
    key `shop` is written twice [file conf/syncline.yaml:4:3]
    -> keep one of the two
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, tables: {{t: {{}}, t: {{}}}}}}\n")), @r#"
    key `t` is written twice [file conf/syncline.yaml:6:47]
    -> keep one of the two
    "#);
}

#[test]
fn connections_that_are_not_there() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shp, to: laptop}}\n")), @r#"
    there is no connection `shp`; did you mean `shop`? [file conf/syncline.yaml:6:17]
    -> the connections are laptop, shop
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: [laptop, archive]}}\n")), @r#"
    there is no connection `archive` [file conf/syncline.yaml:6:36]
    -> the connections are laptop, shop
    "#);
    insta::assert_snapshot!(mistake("version: 1\njobs:\n  night: {from: shop, to: laptop}\n"), @r#"
    there is no connection `shop` [file conf/syncline.yaml:3:17]
    -> `connections` is empty; name your databases there
    "#);
}

#[test]
fn sinks_that_make_no_sense() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: shop}}\n")), @r#"
    `to` and `from` are the same connection `shop` [file conf/syncline.yaml:6:27]
    -> a job moves rows from one connection to another
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: []}}\n")), @r#"
    `to` names no connection [file conf/syncline.yaml:6:27]
    -> name one, or a list
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  night: {{from: shop, to: [laptop, laptop]}}\n")), @r#"
    `to` names `laptop` twice [file conf/syncline.yaml:6:36]
    -> keep one
    "#);
}

#[test]
fn words_that_are_not_known_or_not_yet() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, capture: triger}}\n")), @r#"
    unknown word `triger`; did you mean `trigger`? [file conf/syncline.yaml:6:40]
    -> known here: auto, snapshot, trigger, log, watermark, compare, outbox
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, capture: log}}\n")), @r#"
    capture `log` is not available yet [file conf/syncline.yaml:6:40]
    -> `capture: trigger` and `capture: snapshot` are
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, mode: replace}}\n")), @r#"
    unknown word `replace` [file conf/syncline.yaml:6:37]
    -> known here: upsert, truncate
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, batch_bytes_max: 2 MB}}\n")), @r#"
    this is not a size [file conf/syncline.yaml:6:48]
    -> a whole number and a unit (B, KiB, MiB, GiB), for example `8 MiB`
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, batch_bytes_max: 1 B}}\n")), @r#"
    `batch_bytes_max` lies between 4 KiB and 1 GiB [file conf/syncline.yaml:6:48]
    -> for example `8 MiB`; without it, 2 MiB
    "#);
    let follows =
        |option: &str| mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, capture: trigger, {option}}}\n"));
    insta::assert_snapshot!(follows("alarm_age: 5"), @r"
    this is not a time [file conf/syncline.yaml:6:60]
    -> a whole number and a unit (ms, s, m, h, d), for example `30s`
    ");
    insta::assert_snapshot!(follows("alarm_age: 0 s"), @r"
    `alarm_age` is at least 1 s [file conf/syncline.yaml:6:60]
    -> for example `6 h`; without it, 1 day
    ");
    insta::assert_snapshot!(follows("alarm_age: [1 d]"), @r"
    a single value belongs here [file conf/syncline.yaml:6:60]
    -> correct the command line or the configuration file
    ");
    insta::assert_snapshot!(follows("alarm_size: 1 GB"), @r"
    this is not a size [file conf/syncline.yaml:6:61]
    -> a whole number and a unit (B, KiB, MiB, GiB), for example `8 MiB`
    ");
    insta::assert_snapshot!(follows("alarm_size: 1 KiB"), @r"
    `alarm_size` is at least 1 MiB [file conf/syncline.yaml:6:61]
    -> for example `500 MiB`; without it, 1 GiB
    ");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, alarm_size: 1 GiB}}\n")), @r"
    `alarm_age` and `alarm_size` are for jobs that follow, and this job takes snapshots [file conf/syncline.yaml:6:43]
    -> say `capture: trigger`, or take them out
    ");
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, alarm_age: 1 d, capture: snapshot}}\n")), @r"
    `alarm_age` and `alarm_size` are for jobs that follow, and this job takes snapshots [file conf/syncline.yaml:6:42]
    -> say `capture: trigger`, or take them out
    ");
}

#[test]
fn sections_left_empty() {
    assert!(plan("version: 1\nconnections:\njobs:\n").is_ok());
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n:\n    from: shop\n    to: laptop\n    tables:\n")), @r#"
    `tables` names no table [file conf/syncline.yaml:9:11]
    -> leave `tables` out for all tables
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, tables: {{}}}}\n")), @r#"
    `tables` names no table [file conf/syncline.yaml:6:39]
    -> leave `tables` out for all tables
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n: {{from: shop, to: laptop, batch_bytes_max: 8}}\n")), @r#"
    this is not a size [file conf/syncline.yaml:6:48]
    -> a whole number and a unit (B, KiB, MiB, GiB), for example `8 MiB`
    "#);
}

#[test]
fn names_that_would_be_paths() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop.db: sqlite:a\n"), @r#"
    this is not a name for a connection [file conf/syncline.yaml:3:3]
    -> a name has letters, digits, `_` and `-`, and does not begin with `-`
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  a/b: {{from: shop, to: laptop}}\n")), @r#"
    this is not a name for a job [file conf/syncline.yaml:6:3]
    -> a name has letters, digits, `_` and `-`, and does not begin with `-`
    "#);
}

#[test]
fn patterns() {
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n:\n    from: shop\n    to: laptop\n    tables:\n      a.b.c: {{}}\n")), @r#"
    `a.b.c` is not a table pattern: it has more than two parts [file conf/syncline.yaml:10:7]
    -> write `table` or `schema.table`; `*` and `?` stand for any characters and for one
    "#);
    insta::assert_snapshot!(mistake(&format!("{SHOP}jobs:\n  n:\n    from: shop\n    to: laptop\n    tables:\n      a: {{}}\n      '\"a\"': {{}}\n")), @r#"
    the table patterns `a` and `"a"` both mean table a and neither is more specific [file conf/syncline.yaml:11:7]
    -> name the table itself, or make one of the two patterns narrower
    "#);
}

#[test]
fn files_that_are_not_yaml() {
    insta::assert_snapshot!(mistake(""), @r#"
    the configuration file is empty [file conf/syncline.yaml]
    -> `syncline init` writes one from your databases
    "#);
    insta::assert_snapshot!(mistake("# nothing yet\n\n"), @r#"
    the configuration file is empty [file conf/syncline.yaml]
    -> `syncline init` writes one from your databases
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n\tshop: sqlite:a\n"), @r#"
    a tab is used for indentation [file conf/syncline.yaml:3:2]
    -> YAML takes only spaces for indentation
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections: {shop: sqlite:a\n"), @r#"
    this is not YAML: unclosed bracket '{' [file conf/syncline.yaml:2:14]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: 'sqlite:a\n"), @r#"
    this is not YAML: invalid indentation in multiline quoted scalar [file conf/syncline.yaml:4:1]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n shop: sqlite:a\n   b: c\n"), @r#"
    this is not YAML: mapping values are not allowed in this context [file conf/syncline.yaml:4:5]
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\n---\nversion: 1\n"), @r#"
    there is a second YAML document [file conf/syncline.yaml:3:1]
    -> one file holds one configuration; remove the line `---`
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections: *all\n"), @r#"
    this alias (`*…`) has no anchor [file conf/syncline.yaml:2:14]
    -> put a text that begins with `*` in quotes
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections: !all {}\n"), @r#"
    YAML tags (`!…`) have no meaning here [file conf/syncline.yaml:2:19]
    -> remove the tag
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  a: &a {url: 'sqlite:a'}\n  b: {<<: *a}\n"), @r#"
    merge keys (`<<`) are not part of YAML 1.2 [file conf/syncline.yaml:4:7]
    -> write the keys out; aliases of whole values work
    "#);
    let error = parse::parse(Path::new("syncline.yaml"), b"version: 1\nconnections:\n  \xe4: x\n").unwrap_err();
    insta::assert_snapshot!(shown(&error), @r#"
    the configuration file is not UTF-8 [file syncline.yaml:3:3]
    -> save it as UTF-8 text
    "#);
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    assert!(plan("\u{feff}version: 1").is_ok());
    assert_eq!(mistake("\u{feff}verison: 1"), mistake("verison: 1"));
}

#[test]
fn references_that_lead_nowhere() {
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop:\n    url: sqlite:a\n    password: ${SHOP_PASSWORD}\n"), @r#"
    environment variable `SHOP_PASSWORD` is not set [file conf/syncline.yaml:5:15]
    -> set it, or give a default: `${SHOP_PASSWORD:-default}`
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${file:missing.txt}\"\n"), @r#"
    file `conf/missing.txt` cannot be read [file conf/syncline.yaml:3:9]: No such file or directory (os error 2)
    -> correct the command line or the configuration file
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${A\"\n"), @r#"
    a reference `${` has no closing `}` [file conf/syncline.yaml:3:9]
    -> for a literal `${` write `$${`
    "#);
    insta::assert_snapshot!(mistake("version: 1\nconnections:\n  shop: \"sqlite:${A B}\"\n"), @r#"
    a reference is neither `${NAME}`, `${NAME:-default}` nor `${file:PATH}` [file conf/syncline.yaml:3:9]
    -> for a literal `${` write `$${`
    "#);
}

#[test]
fn columns_are_added_only_where_changes_are_carried() {
    let job = |rest: &str| mistake(&format!("{SHOP}jobs:\n  live: {{from: shop, to: laptop, {rest}}}\n"));
    insta::assert_snapshot!(job("schema: add_columns"), @r"
    `schema: add_columns` is for jobs that follow, and this job takes snapshots [file conf/syncline.yaml:6:42]
    -> say `capture: trigger`; a snapshot needs a sink that has the columns
    ");
    insta::assert_snapshot!(job("capture: trigger, schema: add_colums"), @r"
    unknown word `add_colums`; did you mean `add_columns`? [file conf/syncline.yaml:6:60]
    -> known here: pause, add_columns
    ");
    let plan =
        plan(&format!("{SHOP}jobs:\n  live: {{from: shop, to: laptop, capture: trigger, schema: add_columns}}\n"));
    assert_eq!(plan.unwrap().jobs["live"].schema, SchemaChange::AddColumns);
}
