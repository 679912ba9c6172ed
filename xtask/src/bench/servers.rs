//! Private database servers for the benches, and their own clients.
//!
//! Durability is off, the same for both sides of a race: what is compared is work, not the disk's patience.

use std::path::Path;
use std::process::Command;

use syncline_rig::{Address, Brand, Options, Server};

use super::measure;
use crate::failure::Result;
use crate::process;

/// Beside what the rig's own settings say. No row of a bench waits for a disk or is disturbed by a vacuum.
const POSTGRES: &[(&str, &str)] = &[
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("synchronous_commit", "off"),
    ("maintenance_work_mem", "256MB"),
    ("autovacuum", "off"),
    // The tests' own zone and order of dates are odd on purpose; pgcopydb makes other times of them.
    ("timezone", "UTC"),
    ("datestyle", "ISO"),
];

const MARIADB: &[(&str, &str)] =
    &[("innodb_buffer_pool_size", "1G"), ("innodb_log_file_size", "1G"), ("skip_log_bin", "1")];

/// One server of a bench.
pub struct Place(Server);

impl Place {
    /// Starts it and says with what settings.
    pub fn start(brand: Brand) -> Result<Place> {
        let (settings, always) = match brand {
            Brand::Postgres => (POSTGRES, "fsync=off, full_page_writes=off, wal_level=logical"),
            Brand::Mariadb => (MARIADB, "innodb_flush_log_at_trx_commit=0, innodb_doublewrite=off"),
        };
        let shown: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        println!("bench: starting {}: {always}, {}", brand.word(), shown.join(", "));
        let settings = settings.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        Ok(Place(Server::start(brand, &Options { watched: true, survives_kill: false, settings })?))
    }

    pub fn address(&self) -> &Address {
        self.0.address()
    }

    pub fn process(&self) -> Option<u32> {
        self.0.process()
    }

    /// The URL for a program, always without TLS: both sides of a race talk plainly.
    pub fn url(&self, database: &str) -> String {
        plain(self.address(), database)
    }

    /// The server's own client at a database.
    pub fn client(&self, database: &str) -> Command {
        client(self.address(), database)
    }

    /// What the client is told on its command line.
    pub fn statement(&self, database: &str, sql: &str) -> Command {
        let mut command = self.client(database);
        let option = if self.address().brand() == Brand::Postgres { "--command" } else { "--execute" };
        command.args([option, sql]);
        command
    }

    pub fn execute(&self, database: &str, sql: &str) -> Result<String> {
        process::output(&mut self.statement(database, sql))
    }

    /// A database with nothing in it, whatever was there before.
    pub fn anew(&self, database: &str) -> Result<()> {
        match self.address().brand() {
            Brand::Postgres => {
                self.execute("postgres", &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))?;
                self.execute("postgres", &format!("CREATE DATABASE {database}"))?;
            }
            Brand::Mariadb => {
                let sql = format!("DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}");
                self.execute("mysql", &sql)?;
            }
        }
        Ok(())
    }

    /// Gives what is still in memory to the kernel, so that the next run does not pay for it.
    fn settle(&self) -> Result<()> {
        match self.address().brand() {
            Brand::Postgres => self.execute("postgres", "CHECKPOINT")?,
            // It has no such command. What was dropped is not written any more.
            Brand::Mariadb => String::new(),
        };
        Ok(())
    }
}

/// A server's own client at one of its databases, in UTC, without TLS, and ended by the first error.
pub fn client(server: &Address, database: &str) -> Command {
    match server.brand() {
        Brand::Postgres => {
            let mut command = Command::new("psql");
            command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align"]);
            command.env("PGOPTIONS", "-c datestyle=ISO -c timezone=UTC -c client_min_messages=warning");
            command.arg(format!("--dbname={}", plain(server, database)));
            command
        }
        Brand::Mariadb => {
            let mut command = Command::new("mariadb");
            command.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root", "--skip-ssl"]);
            command.args(["--batch", "--skip-column-names", "--local-infile=1", "--show-warnings"]);
            command.args(["--default-character-set=utf8mb4", "--init-command=SET time_zone='+00:00'"]);
            command.arg(format!("--port={}", server.port())).arg(database);
            command
        }
    }
}

/// The URL of a database without TLS.
pub fn plain(server: &Address, database: &str) -> String {
    let plain = match server.brand() {
        Brand::Postgres => "sslmode=disable",
        Brand::Mariadb => "ssl-mode=disabled",
    };
    format!("{}?{plain}", server.url(database))
}

/// Before each run: servers and kernel have nothing left to do.
pub fn settle(places: &[&Place]) -> Result<()> {
    for place in places {
        place.settle()?;
    }
    measure::settle()
}

/// A command for the shell, for what needs pipes and files. Its words come quoted from [`word`].
pub fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A command as words of a shell's script, with what it adds to the environment.
pub fn words(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let set = set.map(|(name, value)| format!("{}={}", name.to_string_lossy(), word(&value.to_string_lossy())));
    let said = [command.get_program()].into_iter().chain(command.get_args());
    set.chain(said.map(|said| word(&said.to_string_lossy()))).collect::<Vec<_>>().join(" ")
}

/// One word of a shell's script.
pub fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same for a path.
pub fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;
