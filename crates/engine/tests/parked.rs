//! Setting changes aside that the sink refuses, with the real program: the others go on, nothing overtakes, nothing is
//! lost, and what was set aside is applied later in its order.
//!
//! The sqlite3 program and the servers' own are the judges.

mod commands;
mod killed;
mod lanes;
mod order;
mod poison;
mod racing;
mod servers;

use crate::support::binary::Folder;

/// A file `a.db` with this schema, a file `b.db` with that one, and a job `live` that parks, caught up.
fn parking(source: &str, sink: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("a.db", &format!("PRAGMA journal_mode = WAL; {source}"));
    folder.sql("b.db", sink);
    jobs(&folder, "on_error: park");
    folder.syncline(&["run"]).well();
    folder
}

/// A configuration with one job, `live`.
fn jobs(folder: &Folder, options: &str) {
    folder.write(
        "syncline.yaml",
        &format!(
            "version: 1\nconnections: {{a: 'sqlite:a.db', b: 'sqlite:b.db'}}\n\
             jobs: {{live: {{from: a, to: b, capture: trigger, install: auto, batch_bytes_max: 4 KiB, {options}}}}}\n"
        ),
    );
}

/// Runs the job, which must set something aside.
#[track_caller]
fn parks(folder: &Folder) {
    let ran = folder.syncline(&["run", "live"]).exits(4);
    assert_eq!(ran.complaints(), "");
}

/// Runs the job, which must have nothing new to set aside.
#[track_caller]
fn runs(folder: &Folder) {
    folder.syncline(&["run", "live"]).well();
}

/// What is set aside in a file, as `id|op|key|waits`.
fn aside(folder: &Folder) -> String {
    folder.sql("b.db", "SELECT ord, op, row_key, reason IS NULL FROM syncline_parked ORDER BY ord")
}

/// The sink takes everything from now on.
fn heal(folder: &Folder, table: &str, schema: &str) {
    let columns = "INSERT INTO healed SELECT * FROM";
    folder.sql(
        "b.db",
        &format!(
            "CREATE TABLE healed {schema}; {columns} {table}; DROP TABLE {table}; ALTER TABLE healed RENAME TO {table}"
        ),
    );
}

/// The table holds the same in both files.
#[track_caller]
fn same(folder: &Folder, table: &str) {
    let rows = |file: &str| folder.sql(file, &format!("SELECT * FROM {table} ORDER BY 1"));
    assert_eq!(rows("b.db"), rows("a.db"), "{table}");
}
