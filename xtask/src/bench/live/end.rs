//! A source or a sink: a database of one brand, asked by that brand's own program.

use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::PathBuf;
use std::process::Command;

use syncline_rig::{Brand, Session};

use super::super::data;
use super::super::servers::Place;
use crate::failure::Result;
use crate::process;

pub enum End<'a> {
    Server { place: &'a Place, database: &'static str },
    File(PathBuf),
}

impl End<'_> {
    pub fn word(&self) -> &'static str {
        match self.brand() {
            Some(Brand::Postgres) => "PostgreSQL",
            Some(Brand::Mariadb) => "MariaDB",
            None => "SQLite",
        }
    }

    /// None is SQLite.
    fn brand(&self) -> Option<Brand> {
        match self {
            End::Server { place, .. } => Some(place.address().brand()),
            End::File(_) => None,
        }
    }

    pub fn url(&self) -> String {
        match self {
            End::Server { place, database } => place.url(database),
            End::File(path) => format!("sqlite:{}", path.display()),
        }
    }

    /// Empty, whatever was there before.
    pub fn anew(&self) -> Result<()> {
        match self {
            End::Server { place, database } => place.anew(database),
            End::File(path) => {
                data::remove(path)?;
                self.ask("PRAGMA journal_mode = WAL").map(drop)
            }
        }
    }

    fn client(&self) -> Command {
        match self {
            End::Server { place, database } => place.client(database),
            End::File(path) => {
                let mut command = data::sqlite3(path);
                command.args(["-cmd", ".timeout 60000"]);
                command
            }
        }
    }

    /// What statements print: a row a line, `|` between the columns.
    pub fn ask(&self, sql: &str) -> Result<String> {
        let mut client = self.client();
        match self.brand() {
            Some(Brand::Postgres) => client.args(["--command", sql]),
            Some(Brand::Mariadb) => client.args(["--execute", sql]),
            None => client.arg(sql),
        };
        Ok(process::output(&mut client)?.replace('\t', "|"))
    }

    /// A session of its client, which ends with the first error and keeps no answer to itself.
    pub fn session(&self) -> Result<Session> {
        let mut client = self.client();
        Ok(match self.brand() {
            Some(Brand::Postgres) => Session::open(client, "\\echo that is all")?,
            Some(Brand::Mariadb) => {
                client.arg("--unbuffered");
                Session::open(client, "SELECT 'that is all';")?
            }
            None => {
                let mut session = Session::open(client, ".print that is all")?;
                // As applications beside a write-ahead log have it: a commit does not wait for the disk.
                session.tells("PRAGMA synchronous = NORMAL;")?;
                session
            }
        })
    }

    pub fn create(&self, table: &str) -> String {
        format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, at_us BIGINT NOT NULL, note VARCHAR(100))")
    }

    /// A row with the time at which the server got the statement. SQLite's is that at which the statement got the file to
    /// itself, in whole milliseconds.
    pub fn insert(&self, table: &str, id: u64) -> String {
        let now = match self.brand() {
            Some(Brand::Postgres) => "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint",
            Some(Brand::Mariadb) => "CAST(unix_timestamp(now(6)) * 1000000 AS SIGNED)",
            None => "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000",
        };
        format!("INSERT INTO {table} VALUES ({id}, {now}, 'Kundin {id} läutet zweimal')")
    }

    /// The question for the newest row of these tables, answered by a single number. The one writer draws ids over all of them.
    pub fn highest(&self, tables: &[&str]) -> String {
        let greatest = if self.brand().is_some() { "greatest" } else { "max" };
        let of = |table: &&str| format!("coalesce((SELECT max(id) FROM {table}), 0)");
        match tables {
            [table] => format!("SELECT {};", of(table)),
            _ => format!("SELECT {greatest}({});", tables.iter().map(of).collect::<Vec<_>>().join(", ")),
        }
    }

    /// The question how many of these tables there are yet.
    pub fn known(&self, tables: &[&str]) -> String {
        let names = tables.iter().map(|table| format!("'{table}'")).collect::<Vec<_>>().join(", ");
        match self.brand() {
            Some(Brand::Postgres) => {
                format!("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname IN ({names});")
            }
            Some(Brand::Mariadb) => format!(
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = database() AND table_name IN ({names});"
            ),
            None => format!("SELECT count(*) FROM sqlite_schema WHERE name IN ({names});"),
        }
    }

    pub fn rows(&self, table: &str) -> Result<String> {
        self.ask(&format!("SELECT id, at_us, note FROM {table} ORDER BY id"))
    }

    /// Equal texts: nothing was written between. PostgreSQL and MariaDB count rows, PostgreSQL also says how far its log is;
    /// of SQLite it is the bytes of the files.
    pub fn written_so_far(&self) -> Result<String> {
        let said = match self {
            End::Server { place, .. } if place.address().brand() == Brand::Postgres => self.ask(
                "SELECT 'rows ' || tup_inserted + tup_updated + tup_deleted || ', log ' || pg_current_wal_lsn() \
                 FROM pg_stat_database WHERE datname = current_database()",
            )?,
            End::Server { .. } => self.ask(
                "SELECT concat('rows ', sum(variable_value)) FROM information_schema.global_status WHERE variable_name \
                 IN ('innodb_rows_inserted', 'innodb_rows_updated', 'innodb_rows_deleted')",
            )?,
            End::File(path) => {
                let mut said = String::new();
                for ending in ["", "-wal"] {
                    let mut name = path.as_os_str().to_owned();
                    name.push(ending);
                    let bytes = fs::read(&name).map_err(|err| format!("cannot read {}: {err}", name.display()))?;
                    let mut sum = DefaultHasher::new();
                    sum.write(&bytes);
                    said.push_str(&format!("{} bytes {:016x} ", bytes.len(), sum.finish()));
                }
                said
            }
        };
        Ok(said.trim().to_string())
    }
}
