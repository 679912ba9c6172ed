//! What a person who writes the file gets to see. The snapshots are the texts of the errors, word for word.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::references::Surroundings;
use super::*;

mod mistakes;
mod published;
mod secrets;
mod words;

/// The plan of `text` as `conf/syncline.yaml`, in an environment of our own.
fn plan_with(text: &str, environment: &[(&str, &str)]) -> Result<Plan> {
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    let file = Path::new("conf/syncline.yaml");
    let variable = |name: &str| environment.get(name).map(OsString::from);
    resolve::resolve(parse::parse(file, text.as_bytes())?, &Surroundings { file, variable: &variable })
}

fn plan(text: &str) -> Result<Plan> {
    plan_with(text, &[("HOME", "/home/app")])
}

/// The error of `text` as the command line shows it: what and where, then the advice.
fn mistake(text: &str) -> String {
    shown(&plan(text).expect_err("this configuration is right"))
}

fn shown(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Config);
    format!("{error}\n-> {}", error.advice())
}

const SHOP: &str = "version: 1\nconnections:\n  shop: \"sqlite:shop.db\"\n  laptop: {url: \"sqlite:laptop.db\"}\n";

/// A job in lines: the model's patterns are long in a debug print.
fn told(job: &JobSpec) -> String {
    let JobSpec { name, from, to, capture, on_error, schema, alarm, installs, mode, tables, batch_bytes_max } = job;
    let tables: Vec<_> = tables.iter().map(|(pattern, rule)| format!("\n  {pattern}: {rule:?}")).collect();
    format!(
        "{name}: {from} to {to:?}, {capture:?}{}{}{}{}, {mode:?}, {batch_bytes_max}{}",
        if *installs { " installs" } else { "" },
        if *on_error == OnError::Park { " parks" } else { "" },
        if *schema == SchemaChange::AddColumns { " adds columns" } else { "" },
        if *alarm == AlarmLimits::default() { String::new() } else { format!(" {alarm:?}") },
        tables.concat()
    )
}

#[test]
fn everything_that_can_be_written_arrives_in_the_plan() {
    let plan = plan_with(
        r#"
version: 1
connections:
  shop:
    url: "postgres://app@db1:5433/shop?sslmode=require"
    password: "${SHOP_PASSWORD}"
  laptop: sqlite:data/laptop.db
  home: {url: "sqlite:~/home.db"}
  store: memory:store
jobs:
  night:
    from: shop
    to: [laptop, store]
    capture: auto
    mode: truncate
    batch_bytes_max: 8 MiB
    tables:
      sales_order: {to: order, columns: {a: b}, exclude: [note], where: "region = 'EU'", key: [id, line],
        zero_dates: null, nul_in_text: strip}
      "catalog.*": {}
      plain:
  all: {from: laptop, to: home}
"#,
        &[("HOME", "/home/app"), ("SHOP_PASSWORD", "pa$$${word")],
    )
    .unwrap();
    insta::assert_debug_snapshot!(plan.connections, @r#"
    {
        "home": ConnectionSpec {
            name: "home",
            url: sqlite:/home/app/home.db,
            password: None,
        },
        "laptop": ConnectionSpec {
            name: "laptop",
            url: sqlite:conf/data/laptop.db,
            password: None,
        },
        "shop": ConnectionSpec {
            name: "shop",
            url: postgres://app@db1:5433/shop,
            password: Some(
                ***,
            ),
        },
        "store": ConnectionSpec {
            name: "store",
            url: memory:store,
            password: None,
        },
    }
    "#);
    let jobs: Vec<_> = plan.jobs.values().map(told).collect();
    insta::assert_snapshot!(jobs.join("\n"), @r#"
    all: laptop to ["home"], Snapshot, Upsert, 2097152
    night: shop to ["laptop", "store"], Snapshot, Truncate, 8388608
      sales_order: Rule { to: Some("order"), columns: {"a": "b"}, exclude: ["note"], filter: Some("region = 'EU'"), key: ["id", "line"], values: ValueRules { zero_dates_null: true, nul_stripped: true } }
      catalog.*: Rule { to: None, columns: {}, exclude: [], filter: None, key: [], values: ValueRules { zero_dates_null: false, nul_stripped: false } }
      plain: Rule { to: None, columns: {}, exclude: [], filter: None, key: [], values: ValueRules { zero_dates_null: false, nul_stripped: false } }
    "#);
    assert_eq!(plan.connections["shop"].password.as_ref().unwrap().expose(), "pa$$${word");
}

#[test]
fn a_file_without_connections_and_jobs_is_right() {
    let plan = plan("version: 1").unwrap();
    assert!(plan.connections.is_empty() && plan.jobs.is_empty());
}

#[test]
fn anchors_and_aliases_work() {
    let plan = plan(&format!(
        "{SHOP}jobs:\n  a: {{from: shop, to: laptop, tables: &tables {{t: {{exclude: [note]}}}}}}\n  b: {{from: laptop, to: shop, tables: *tables}}\n"
    ))
    .unwrap();
    assert_eq!(plan.jobs["b"].tables, plan.jobs["a"].tables);
    assert_eq!(plan.jobs["b"].tables[0].1.exclude, ["note"]);
}

#[test]
fn references_are_filled_in() {
    let fill = |text: &str| {
        let file = Path::new("syncline.yaml");
        let variable = |name: &str| match name {
            "A" => Some("1".into()),
            "EMPTY" => Some("".into()),
            "NESTED" => Some("${A}".into()),
            _ => None,
        };
        let written = place::At { value: text.to_owned(), place: place::Place::default() };
        Surroundings { file, variable: &variable }.fill(&written).unwrap().text
    };
    assert_eq!(fill("${A}"), "1");
    assert_eq!(fill("x${A}y${A}z"), "x1y1z");
    assert_eq!(fill("${NONE:-b}"), "b");
    assert_eq!(fill("${NONE:-}"), "");
    assert_eq!(fill("${EMPTY:-b}${EMPTY}"), "b");
    assert_eq!(fill("$${A}"), "${A}");
    assert_eq!(fill("$A $$ $} 5$"), "$A $$ $} 5$");
    assert_eq!(fill("${NESTED}"), "${A}");
}

#[test]
fn load_reads_secrets_beside_the_file_and_takes_relative_paths_from_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("syncline.yaml");
    std::fs::write(directory.path().join("pw"), "first line\r\nsecond line\n").unwrap();
    std::fs::write(
        &path,
        "version: 1\nconnections:\n  db: {url: 'postgres://app@db1/shop', password: '${file:pw}'}\n  file: sqlite:x.db\n",
    )
    .unwrap();
    let plan = load(&path).unwrap();
    assert_eq!(plan.connections["db"].password.as_ref().unwrap().expose(), "first line");
    assert_eq!(plan.connections["file"].url, ConnectionUrl::Sqlite(directory.path().join("x.db")));
}

#[test]
fn a_missing_file_says_how_to_write_one() {
    let error = load(Path::new("/nowhere/syncline.yaml")).unwrap_err();
    insta::assert_snapshot!(shown(&error), @r#"
    there is no configuration file [file /nowhere/syncline.yaml]
    -> `syncline init` writes one from your databases; `--config FILE` names another
    "#);
}

#[test]
fn what_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("syncline.yaml");
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        shown(&load(&path).unwrap_err()).replace(directory.path().to_str().unwrap(), "")
    };
    insta::assert_snapshot!(told(&format!("version: 1\n# {}", "x".repeat(1 << 20))), @r#"
    the configuration file is larger than 1 MiB [file /syncline.yaml]
    -> correct the command line or the configuration file
    "#);
    std::fs::write(directory.path().join("long"), "x".repeat((64 << 10) + 1)).unwrap();
    insta::assert_snapshot!(told("version: 1\nconnections:\n  shop: 'sqlite:${file:long}'"), @r#"
    file `/long` is referred to, and its first line is longer than 64 KiB [file /syncline.yaml:3:9]
    -> correct the command line or the configuration file
    "#);
    std::fs::write(directory.path().join("empty"), "\nsecond line").unwrap();
    insta::assert_snapshot!(told("version: 1\nconnections:\n  shop: 'sqlite:${file:empty}'"), @r#"
    file `/empty` is referred to, and its first line is empty [file /syncline.yaml:3:9]
    -> correct the command line or the configuration file
    "#);
    let tables: String = (0..100).map(|i| format!("t{i}: {{}}, ")).collect();
    let jobs: String = (0..200).map(|i| format!("  j{i}: {{from: shop, to: laptop, tables: *all}}\n")).collect();
    let text = format!("{SHOP}jobs:\n  j: {{from: shop, to: laptop, tables: &all {{{tables}}}}}\n{jobs}");
    insta::assert_snapshot!(told(&text), @r#"
    the file is too large or too deeply nested for a configuration [file /syncline.yaml:6:134]
    -> correct the command line or the configuration file
    "#);
}

#[test]
fn the_strictest_alarm_of_a_source_counts() {
    let job = |name: &str, rest: &str| format!("  {name}: {{from: shop, to: laptop{rest}}}\n");
    let jobs = [
        job("once", ""),
        job("live", ", capture: trigger, alarm_age: 6 h"),
        job("other", ", capture: trigger, alarm_size: 300 MiB"),
    ];
    let plan = plan(&format!("{SHOP}jobs:\n{}", jobs.concat())).unwrap();
    assert_eq!(plan.alarm_of("shop"), AlarmLimits { age: Duration::from_secs(21_600), size_bytes: 300 << 20 });
    assert_eq!(plan.alarm_of("laptop"), AlarmLimits::default());
}
