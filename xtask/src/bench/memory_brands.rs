//! Peak memory of copies and comparisons between brands at two sizes: it is bounded by configuration, not by the
//! table (I13).

use std::process::Command;

use super::compare_brands::said_equal;
use super::ends::{Ends, SINK, SOURCE};
use super::measure::Run;
use super::orders::{OWN, WIDE};
use super::race::{Race, Side};
use super::report::Report;
use super::{Setting, product};
use crate::failure::Result;

const WANTED: &str = "≤ 150 MB";
/// Nothing here may ask the system for more, whatever the size; who does so dies.
const LIMIT_BYTES: u64 = 500_000_000;

/// There is no yardstick but the other size.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    if setting.yardstick_only {
        return Ok(());
    }
    let ends = Ends::start(setting)?;
    for rows in &setting.rows {
        let truth = ends.fill("id", *rows)?;
        copies(&ends, &Race::new(setting, *rows, &truth, &ends.places()), setting, report)?;
        comparisons(&ends, setting, *rows, "integer", report)?;
        ends.fill("reference", *rows)?;
        comparisons(&ends, setting, *rows, "text", report)?;
    }
    Ok(())
}

fn copies(ends: &Ends, race: &Race, setting: &Setting, report: &mut Report) -> Result<()> {
    let (source, sink) = (ends.source.to_string_lossy().into_owned(), ends.sink.to_string_lossy().into_owned());
    let (postgres, mariadb) = (|at| ends.postgres.url(at), |at| ends.mariadb.url(at));
    let job = product::filtered_job(setting, &postgres(SOURCE), &postgres(SINK))?;
    let (into_postgres, into_mariadb) = (|| ends.postgres_sink(WIDE), || ends.mariadb_sink(WIDE));
    let (as_it_is, into_file) = (|| ends.postgres_sink(OWN), || ends.sqlite_sink());
    let (in_postgres, in_mariadb) = (|| ends.check_postgres(), || ends.check_mariadb());
    let in_file = || ends.check_sqlite();
    let limited = |command: Command| product::within(LIMIT_BYTES, &command);
    let copy = |from: String, to: String| move || limited(product::copy_urls(&from, &to));
    let sides = [
        Side::new("PostgreSQL to PostgreSQL", &as_it_is, copy(postgres(SOURCE), postgres(SINK)), &in_postgres),
        Side::new("the same through cells", &as_it_is, || limited(product::run_job(&job)), &in_postgres),
        Side::new("MariaDB to PostgreSQL", &into_postgres, copy(mariadb(SOURCE), postgres(SINK)), &in_postgres),
        Side::new("SQLite to PostgreSQL", &into_postgres, copy(source.clone(), postgres(SINK)), &in_postgres),
        Side::new("PostgreSQL to MariaDB", &into_mariadb, copy(postgres(SOURCE), mariadb(SINK)), &in_mariadb),
        Side::new("MariaDB to MariaDB", &into_mariadb, copy(mariadb(SOURCE), mariadb(SINK)), &in_mariadb),
        Side::new("SQLite to MariaDB", &into_mariadb, copy(source, mariadb(SINK)), &in_mariadb),
        Side::new("PostgreSQL to SQLite", &into_file, copy(postgres(SOURCE), sink.clone()), &in_file),
        Side::new("MariaDB to SQLite", &into_file, copy(mariadb(SOURCE), sink), &in_file),
    ];
    for side in &sides {
        // One run of each: a peak hardly varies, and twenty million rows take a while.
        tell(race.rows, side.name, race.once(side)?, report);
    }
    Ok(())
}

fn comparisons(ends: &Ends, setting: &Setting, rows: u64, key: &str, report: &mut Report) -> Result<()> {
    let log = setting.folder.file("log");
    let file = ends.source.to_string_lossy().into_owned();
    let (nothing, equal) = (|| Ok(()), || said_equal(&log));
    let places = ends.places();
    let race = Race::new(setting, rows, "equal", &places);
    for (name, other) in [("MariaDB", ends.mariadb.url(SOURCE)), ("SQLite", file)] {
        let name = format!("compare by {key} key, PostgreSQL and {name}");
        let compare = || product::within(LIMIT_BYTES, &product::compare_urls(&ends.postgres.url(SOURCE), &other));
        tell(rows, &name, race.once(&Side::new(&name, &nothing, compare, &equal))?, report);
    }
    Ok(())
}

fn tell(rows: u64, name: &str, run: Run, report: &mut Report) {
    report.line(rows, name, format!("{:.1} MB in {:.1} s", run.peak_kib as f64 * 1024.0 / 1e6, run.wall_s), WANTED);
}
