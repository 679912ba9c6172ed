//! What a database file really holds, by the sqlite3 program: another build of SQLite than the one under test.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags};

use super::binary::needs;

/// Columns compared at a time: each becomes three, and SQLite has a limit.
const COLUMNS_AT_A_TIME: usize = 300;

/// Runs SQL and gives what is printed; panics if any of it fails.
#[track_caller]
pub fn sqlite3(database: &Path, sql: &str) -> String {
    let mut command = Command::new(needs("/usr/bin/sqlite3"));
    // Whoever writes the file meanwhile is waited for.
    command.args(["-batch", "-bail", "-init", "/dev/null", "-cmd", ".timeout 120000"]).arg(database);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Written from a thread: a long script and a long answer must not wait for each other.
    let (mut input, script) = (child.stdin.take().unwrap(), sql.to_owned());
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sqlite3 {}: {said}\n{}", database.display(), sql.get(..2000).unwrap_or(sql));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// How one table of a sink stands towards another database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// The sink does not have the table.
    Absent,
    /// Every row is the same, value by value and storage class by storage class.
    Same,
    /// Some row is not.
    Different,
}

/// For every table of `model`: how `judged` stands towards it. Fails if `judged` is damaged.
#[track_caller]
pub fn stands(judged: &Path, model: &Path) -> BTreeMap<String, Stand> {
    let integrity = sqlite3(judged, "PRAGMA integrity_check;");
    assert!(integrity == "ok", "{} is damaged: {integrity}", judged.display());
    let there = tables(judged);
    let mut stands = BTreeMap::new();
    let mut script = format!("ATTACH {} AS model;\n", literal(&model.to_string_lossy()));
    for (name, columns) in tables(model) {
        if there.contains_key(&name) {
            script.push_str(&format!("SELECT {}, {};\n", literal(&hex(&name)), differs(&name, &columns)));
            stands.insert(name, Stand::Different);
        } else {
            stands.insert(name, Stand::Absent);
        }
    }
    let answers = sqlite3(judged, &script);
    for (name, stand) in &mut stands {
        if answers.lines().any(|line| line == format!("{}|0", hex(name))) {
            *stand = Stand::Same;
        }
    }
    stands
}

/// Both files hold the same tables with the same rows.
#[track_caller]
pub fn same(judged: &Path, model: &Path) {
    same_but(judged, model, &[]);
    let more: Vec<_> = tables(judged).into_keys().filter(|name| !tables(model).contains_key(name)).collect();
    assert!(more.is_empty(), "{} has more tables: {more:?}", judged.display());
}

/// `judged` holds the same rows in every table of `model` that is not left out.
#[track_caller]
pub fn same_but(judged: &Path, model: &Path, left_out: &[&str]) {
    let counts = |(name, stand): &(String, Stand)| *stand != Stand::Same && !left_out.contains(&name.as_str());
    let wrong: Vec<_> = stands(judged, model).into_iter().filter(counts).collect();
    assert!(wrong.is_empty(), "{} is not like {}: {wrong:?}", judged.display(), model.display());
}

/// SQL that puts the first half of each table of `source` into the table of the same name.
pub fn halves(file: &Path) -> String {
    let conn = Connection::open(file).unwrap();
    let mut sql = String::new();
    for name in tables(file).into_keys() {
        let mut stored = conn.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid").unwrap();
        let columns: Vec<String> = stored.query_map([&name], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        let columns = columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(", ");
        let table = quoted(&name);
        sql.push_str(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table} \
             LIMIT (SELECT (count(*) + 1) / 2 FROM source.{table});\n"
        ));
    }
    sql
}

/// Nothing of ours is left in the file.
#[track_caller]
pub fn no_trace(file: &Path) {
    let ours = sqlite3(file, "SELECT name FROM sqlite_schema WHERE name LIKE '%syncline%';");
    assert_eq!(ours, "", "left behind in {}", file.display());
}

/// A copy of a database with the files that SQLite keeps beside it, so that looking does not heal it.
pub fn set_aside(file: &Path, into: &Path) -> PathBuf {
    let _ = fs::remove_dir_all(into);
    fs::create_dir(into).unwrap();
    let name = file.file_name().unwrap().to_string_lossy();
    for ending in ["", "-journal", "-wal"] {
        let from = file.with_file_name(format!("{name}{ending}"));
        if from.exists() {
            fs::copy(from, into.join(format!("{name}{ending}"))).unwrap();
        }
    }
    into.join(&*name)
}

/// SQL that is 1 if a table's rows differ, either way or in number.
fn differs(table: &str, columns: &[String]) -> String {
    let table = quoted(table);
    let mut parts = vec![format!("(SELECT count(*) FROM main.{table}) <> (SELECT count(*) FROM model.{table})")];
    let first = columns.first().into_iter();
    for some in columns.chunks(COLUMNS_AT_A_TIME) {
        // The first column goes with every piece of a wide table.
        let columns: Vec<_> = first.clone().chain(some).map(|c| exact(c)).collect();
        let rows = |side: &str| format!("SELECT {} FROM {side}.{table}", columns.join(", "));
        for (a, b) in [("main", "model"), ("model", "main")] {
            parts.push(format!("EXISTS ({} EXCEPT {})", rows(a), rows(b)));
        }
    }
    parts.join(" OR ")
}

/// A column so that only the very same value is equal: EXCEPT alone takes 1 for 1.0, and text by its collation.
fn exact(column: &str) -> String {
    let column = quoted(column);
    format!("typeof({column}), {column} COLLATE BINARY, CAST({column} AS BLOB)")
}

/// Tables and their columns, generated ones too.
fn tables(file: &Path) -> BTreeMap<String, Vec<String>> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let mut list = conn
        .prepare(
            "SELECT l.name, c.name FROM pragma_table_list l, pragma_table_xinfo(l.name) c \
             WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             AND l.name NOT LIKE 'syncline\\_%' ESCAPE '\\' ORDER BY l.name, c.cid",
        )
        .unwrap();
    let mut rows = list.query([]).unwrap();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        tables.entry(row.get(0).unwrap()).or_default().push(row.get(1).unwrap());
    }
    tables
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}
