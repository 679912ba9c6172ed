//! What the triggers of capture cost the application: the same statements, by the brand's own program, on a database with
//! them and on one without.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::ends::{Ends, SOURCE};
use super::follow::read_by_sqlite3;
use super::measure::{self, Run};
use super::report::Report;
use super::servers::{self, Place, path, shell, words};
use super::{Setting, data, product};
use crate::failure::Result;
use crate::process;

/// Rows that transactions of one row touch.
const SINGLE: u64 = 20_000;

const PLAIN: &str = "plain";
const CAPTURED: &str = "captured";

/// A statement on many rows; `ROWS` stands for the number of rows in the table.
struct Bulk {
    name: &'static str,
    sql: &'static str,
    /// What is wanted of PostgreSQL.
    wanted: &'static str,
}

const BULK: [Bulk; 4] = [
    Bulk {
        name: "bulk insert",
        sql: "INSERT INTO sales_order SELECT id + ROWS * 4, customer_id, reference, amount, quantity, note, ordered_at, \
              paid_at, ship_date, active FROM sales_order WHERE id <= ROWS",
        wanted: "≤ 4.5 times, ≤ 8 us",
    },
    Bulk {
        name: "bulk update of two columns",
        sql: "UPDATE sales_order SET amount = amount + 1, note = 'changed' WHERE id <= ROWS",
        wanted: "≤ 4.5 times, ≤ 8 us",
    },
    Bulk {
        name: "bulk update of six columns",
        sql: "UPDATE sales_order SET customer_id = customer_id + 1, reference = 'another one', amount = amount + 1, \
              quantity = quantity + 1, note = 'changed again', ship_date = '2012-12-21' WHERE id <= ROWS",
        wanted: "≤ 8 us",
    },
    Bulk { name: "bulk delete", sql: "DELETE FROM sales_order WHERE id > ROWS * 4", wanted: "≤ 8 us" },
];

/// A command that reads the statements of a file into the database of that name.
type Runs<'a> = Box<dyn Fn(&str, &Path) -> Command + 'a>;

/// Two databases of one brand with the same rows.
struct Twins<'a> {
    name: &'static str,
    servers: &'a [&'a Place],
    runs: Runs<'a>,
    /// What is said first in each session.
    first: &'static str,
    held_to: bool,
}

pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let ends = Ends::start(setting)?;
    for rows in &setting.rows {
        ends.fill("id", *rows)?;
        for (name, place) in [("PostgreSQL", &ends.postgres), ("MariaDB", &ends.mariadb)] {
            for database in [PLAIN, CAPTURED] {
                place.anew(database)?;
                process::output(&mut product::copy_urls(&place.url(SOURCE), &place.url(database)))?;
            }
            install(setting, &place.url(CAPTURED))?;
            let runs =
                |database: &str, file: &Path| shell(&format!("{} < {}", words(&place.client(database)), path(file)));
            let twins =
                Twins { name, servers: &[place], runs: Box::new(runs), first: "", held_to: name == "PostgreSQL" };
            twins.all(setting, *rows, report)?;
        }
        let file = |name: &str| setting.folder.file(&format!("{name}.db"));
        for name in [PLAIN, CAPTURED] {
            data::remove(&file(name))?;
            fs::copy(&ends.source, file(name))
                .map_err(|err| format!("cannot copy {}: {err}", ends.source.display()))?;
            process::output(data::sqlite3(&file(name)).arg("PRAGMA journal_mode=WAL"))?;
        }
        install(setting, &format!("sqlite:{}", file(CAPTURED).display()))?;
        let runs = |name: &str, script: &Path| read_by_sqlite3(&file(name), script);
        let first = "PRAGMA synchronous=NORMAL;\n";
        Twins { name: "SQLite", servers: &[], runs: Box::new(runs), first, held_to: false }
            .all(setting, *rows, report)?;
        for name in [PLAIN, CAPTURED] {
            data::remove(&file(name))?;
        }
    }
    Ok(())
}

fn install(setting: &Setting, captured: &str) -> Result<()> {
    let config = setting.folder.file("capture.yaml");
    let text = format!(
        "version: 1\nconnections: {{from: '{captured}', to: 'sqlite:{}'}}\njobs: {{cost: {{from: from, to: to, capture: trigger}}}}\n",
        setting.folder.file("nowhere.db").display()
    );
    fs::write(&config, text).map_err(|err| format!("cannot write {}: {err}", config.display()))?;
    process::output(product::syncline().args(["install", "--config"]).arg(config)).map(drop)
}

impl Twins<'_> {
    fn all(&self, setting: &Setting, rows: u64, report: &mut Report) -> Result<()> {
        for bulk in BULK {
            let sql = format!("{};\n", bulk.sql.replace("ROWS", &rows.to_string()));
            self.compare(setting, (bulk.name, bulk.wanted), &sql, rows, report)?;
        }
        let of_one = |sql: &dyn Fn(u64) -> String| (1..=SINGLE).map(|i| format!("{};\n", sql(i))).collect::<String>();
        let update =
            of_one(&|i| format!("UPDATE sales_order SET amount = amount + 1, note = 'one {i}' WHERE id = {i}"));
        let insert = of_one(&|i| {
            format!(
                "INSERT INTO sales_order SELECT id + {}, customer_id, reference, amount, quantity, note, ordered_at, \
                 paid_at, ship_date, active FROM sales_order WHERE id = {i}",
                rows * 8
            )
        });
        self.compare(setting, ("transactions of one update", "≤ 2.1 times"), &update, SINGLE, report)?;
        self.compare(setting, ("transactions of one insert", "≤ 2.1 times"), &insert, SINGLE, report)
    }

    fn compare(
        &self,
        setting: &Setting,
        (name, wanted): (&str, &str),
        sql: &str,
        rows: u64,
        report: &mut Report,
    ) -> Result<()> {
        let script = setting.folder.file("cost.sql");
        fs::write(&script, format!("{}{sql}", self.first))
            .map_err(|err| format!("cannot write {}: {err}", script.display()))?;
        let plain = self.once(setting, PLAIN, &script)?;
        let captured = self.once(setting, CAPTURED, &script)?;
        let each = (captured.wall_s - plain.wall_s) * 1e6 / rows as f64;
        let value = format!(
            "{:.2} s become {:.2}: {:.2} times, {each:.1} us a row; CPU {:.2} s become {:.2}",
            plain.wall_s,
            captured.wall_s,
            captured.wall_s / plain.wall_s,
            plain.cpu_s + plain.servers_s,
            captured.cpu_s + captured.servers_s
        );
        report.line(rows, &format!("{}, {name}", self.name), value, if self.held_to { wanted } else { "" });
        Ok(())
    }

    fn once(&self, setting: &Setting, database: &str, script: &Path) -> Result<Run> {
        servers::settle(self.servers)?;
        let servers: Vec<u32> = self.servers.iter().filter_map(|place| place.process()).collect();
        measure::run_beside(&mut (self.runs)(database, script), &setting.folder.file("log"), &servers)
    }
}
