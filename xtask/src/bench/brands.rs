//! SQLite to and from the servers, each against the slower end's own way to load a ready file. Every sink's table is
//! there before, with its key, the same for both sides.

use std::process::Command;

use super::ends::{Ends, SINK, SOURCE};
use super::orders::{self, TABLE, WIDE};
use super::race::{Race, Side};
use super::report::Report;
use super::servers::{path, shell, words};
use super::{Setting, data, mariadb, product};
use crate::failure::Result;

const COPY: &str = "psql COPY of a ready file";
const LOAD_DATA: &str = "LOAD DATA of a ready file";
const IMPORT: &str = "sqlite3 .import of a ready file";

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let ends = Ends::start(setting)?;
    let (source, sink) = (ends.source.to_string_lossy().into_owned(), ends.sink.to_string_lossy().into_owned());
    let (postgres, mariadb) = (|at| ends.postgres.url(at), |at| ends.mariadb.url(at));
    for rows in &setting.rows {
        let truth = ends.fill("id", *rows)?;
        let into_postgres = || ends.postgres_sink(WIDE);
        let into_mariadb = || ends.mariadb_sink(WIDE);
        let into_file = || ends.sqlite_sink();
        let (in_postgres, in_mariadb) = (|| ends.check_postgres(), || ends.check_mariadb());
        let in_file = || ends.check_sqlite();
        let copy = |from: String, to: String| move || product::copy_urls(&from, &to);
        let sides = [
            Side::new(COPY, &into_postgres, || copy_in(&ends), &in_postgres),
            Side::new("SQLite to PostgreSQL", &into_postgres, copy(source.clone(), postgres(SINK)), &in_postgres)
                .ours(&[(COPY, "≥ 0.75")]),
            Side::new(LOAD_DATA, &into_mariadb, || mariadb::load(&ends), &in_mariadb),
            Side::new("SQLite to MariaDB", &into_mariadb, copy(source.clone(), mariadb(SINK)), &in_mariadb)
                .ours(&[(LOAD_DATA, "≥ 0.7")]),
            Side::new(IMPORT, &into_file, || import(&ends), &in_file),
            Side::new("PostgreSQL to SQLite", &into_file, copy(postgres(SOURCE), sink.clone()), &in_file)
                .ours(&[(IMPORT, "≥ 0.75")]),
            Side::new("MariaDB to SQLite", &into_file, copy(mariadb(SOURCE), sink.clone()), &in_file)
                .ours(&[(IMPORT, "≥ 0.7")]),
        ];
        Race::new(setting, *rows, &truth, &ends.places()).run(&sides, report)?;
    }
    Ok(())
}

fn copy_in(ends: &Ends) -> Command {
    let load = ends.postgres.statement(SINK, &format!("COPY {TABLE} FROM STDIN"));
    shell(&format!("{} < {}", words(&load), path(&ends.loaded)))
}

/// One prepared insert for all rows, in one transaction.
fn import(ends: &Ends) -> Command {
    let mut command = data::sqlite3(&ends.sink);
    for line in orders::import(&ends.imported).lines() {
        command.args(["-cmd", line]);
    }
    command
}
