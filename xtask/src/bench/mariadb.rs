//! Between MariaDB and PostgreSQL. Every sink's table is there before, with its key, the same for both sides.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ends::{Ends, SINK, SOURCE};
use super::orders::{self, OWN, TABLE};
use super::race::{Race, Side};
use super::report::Report;
use super::servers::{shell, words};
use super::{Setting, product, tools};
use crate::failure::Result;

const PGLOADER: &str = "pgloader";
const LOAD_DATA: &str = "LOAD DATA of a ready file";
const DUMP: &str = "mariadb-dump to mariadb";

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let program = tools::pgloader()?;
    println!("bench: {}", tools::version(&program, "--version"));
    let ends = Ends::start(setting)?;
    let (postgres, mariadb) = (|at| ends.postgres.url(at), |at| ends.mariadb.url(at));
    let orders = load_file(setting, &ends)?;
    for rows in &setting.rows {
        let truth = ends.fill("id", *rows)?;
        let into_postgres = || ends.postgres_sink(OWN);
        let into_mariadb = || ends.mariadb_sink(OWN);
        let (in_postgres, in_mariadb) = (|| ends.check_postgres(), || ends.check_mariadb());
        let copy = |from: String, to: String| move || product::copy_urls(&from, &to);
        let sides = [
            Side::new(PGLOADER, &into_postgres, || loader(&program, &orders, setting), &in_postgres),
            Side::new("MariaDB to PostgreSQL", &into_postgres, copy(mariadb(SOURCE), postgres(SINK)), &in_postgres)
                .ours(&[(PGLOADER, "≥ 2")])
                .wanted("≥ 300 000 rows/s"),
            Side::new(LOAD_DATA, &into_mariadb, || load(&ends), &in_mariadb),
            Side::new("PostgreSQL to MariaDB", &into_mariadb, copy(postgres(SOURCE), mariadb(SINK)), &in_mariadb)
                .ours(&[(LOAD_DATA, "≥ 0.8")]),
            Side::new(DUMP, &into_mariadb, || dump(&ends), &in_mariadb),
            Side::new("MariaDB to MariaDB", &into_mariadb, copy(mariadb(SOURCE), mariadb(SINK)), &in_mariadb)
                .ours(&[(DUMP, "")]),
        ];
        Race::new(setting, *rows, &truth, &ends.places()).run(&sides, report)?;
    }
    Ok(())
}

/// What a user would do from a shell.
pub fn load(ends: &Ends) -> Command {
    ends.mariadb.statement(SINK, &orders::load_data(&ends.loaded))
}

/// Only the rows: its own way to make tables would give other types.
fn load_file(setting: &Setting, ends: &Ends) -> Result<PathBuf> {
    let file = setting.folder.file("orders.load");
    let text = format!(
        "LOAD DATABASE FROM {} INTO {}\n\
         WITH include no drop, create no tables, create no indexes, no foreign keys, reset no sequences,\n\
         prefetch rows = 25000\n\
         ALTER SCHEMA '{SOURCE}' RENAME TO 'public';\n",
        ends.mariadb.address().url(SOURCE).replace("mariadb://", "mysql://"),
        ends.postgres.url(SINK).replace("postgres://", "postgresql://")
    );
    std::fs::write(&file, text).map_err(|err| format!("cannot write {}: {err}", file.display()))?;
    Ok(file)
}

fn loader(program: &Path, orders: &Path, setting: &Setting) -> Command {
    let mut command = Command::new(program);
    // More memory than it takes by itself, or it gives up on some millions of rows.
    command.args(["--dynamic-space-size", "8192", "--on-error-stop", "--root-dir"]);
    command.arg(setting.folder.file("pgloader")).arg(orders);
    command
}

/// As the client's own programs do it; the table is there already.
fn dump(ends: &Ends) -> Command {
    let mut dump = Command::new("mariadb-dump");
    dump.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root", "--skip-ssl"]);
    dump.args(["--single-transaction", "--no-create-info", "--default-character-set=utf8mb4"]);
    dump.arg(format!("--port={}", ends.mariadb.address().port())).args([SOURCE, TABLE]);
    shell(&format!("{} | {}", words(&dump), words(&ends.mariadb.client(SINK))))
}
