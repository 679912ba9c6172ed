//! Following an SQLite file by triggers, with the real program: what was changed arrives once, in order, exactly.
//!
//! The sqlite3 program is the judge.

mod absent;
mod brands;
mod captured;
mod killed;
mod lanes;
mod metrics;
mod random;

use crate::support::binary::Folder;

/// A file `a.db` with this schema and rows, and a job `live` from it to `b.db`, installed.
fn followed(sql: &str) -> Folder {
    let folder = Folder::new();
    folder.sql("a.db", &format!("PRAGMA journal_mode = WAL; {sql}"));
    folder.write(
        "syncline.yaml",
        "version: 1\nconnections: {a: 'sqlite:a.db', b: 'sqlite:b.db'}\n\
         jobs: {live: {from: a, to: b, capture: trigger, install: auto, batch_bytes_max: 4 KiB}}\n",
    );
    folder
}

/// Runs the job until it is caught up.
#[track_caller]
fn caught_up(folder: &Folder) -> String {
    folder.syncline(&["run", "live"]).well().out
}

/// Asserts that the tables hold the same in both files, storage classes included.
#[track_caller]
fn same(folder: &Folder, tables: &[&str]) {
    for table in tables {
        let columns = folder.sql("a.db", &format!("SELECT group_concat('quote(\"' || name || '\"), typeof(\"' || name || '\")') FROM pragma_table_xinfo('{table}')"));
        let rows = |file: &str| folder.sql(file, &format!("SELECT {columns} FROM \"{table}\" ORDER BY {columns}"));
        assert_eq!(rows("a.db"), rows("b.db"), "{table}");
    }
}
