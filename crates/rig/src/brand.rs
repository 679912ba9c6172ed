//! The brands of servers, and what differs between them.

use std::path::Path;
use std::process::Command;

use crate::account::Account;
use crate::address::Address;
use crate::server::Options;
use crate::{Result, mariadb, postgres};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// PostgreSQL 15 or newer.
    Postgres,
    /// MariaDB 10.11 or newer.
    Mariadb,
}

impl Brand {
    /// All of them.
    pub const ALL: [Brand; 2] = [Brand::Postgres, Brand::Mariadb];

    /// One word, for names of files and folders.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Brand::Postgres => "postgres",
            Brand::Mariadb => "mariadb",
        }
    }

    /// The system account that Debian's package makes for the server. PostgreSQL refuses to run as root.
    pub(crate) fn account(self) -> &'static str {
        match self {
            Brand::Postgres => "postgres",
            Brand::Mariadb => "mysql",
        }
    }

    /// What the server program says about its version.
    pub(crate) fn version(self) -> Result<String> {
        match self {
            Brand::Postgres => postgres::version(),
            Brand::Mariadb => mariadb::version(),
        }
    }

    /// What a template is made with; another text is another template.
    pub(crate) fn recipe(self) -> String {
        match self {
            Brand::Postgres => postgres::recipe(),
            Brand::Mariadb => mariadb::recipe(),
        }
    }

    /// Makes the data of a new server in `folder`/data.
    pub(crate) fn initialise(self, account: &Account, folder: &Path) -> Result<()> {
        match self {
            Brand::Postgres => postgres::initialise(account, folder),
            Brand::Mariadb => mariadb::initialise(account, folder),
        }
    }

    /// The files of settings, anew before each start, and their paths.
    pub(crate) fn configure(self, address: &Address, options: &Options) -> Result<Vec<std::path::PathBuf>> {
        match self {
            Brand::Postgres => postgres::configure(address, options),
            Brand::Mariadb => mariadb::configure(address, options),
        }
    }

    /// The server itself. Its arguments name its folder, by which it is known again.
    pub(crate) fn serve(self, account: &Account, address: &Address) -> Result<Command> {
        match self {
            Brand::Postgres => postgres::serve(account, address),
            Brand::Mariadb => mariadb::serve(account, address),
        }
    }

    /// Whether it answers, by this process.
    pub(crate) fn ready(self, address: &Address, process: u32) -> bool {
        match self {
            Brand::Postgres => postgres::ready(address, process),
            Brand::Mariadb => mariadb::ready(address),
        }
    }

    /// The signal for an orderly stop that does not wait for clients.
    pub(crate) fn stop_signal(self) -> &'static str {
        match self {
            Brand::Postgres => "INT",
            Brand::Mariadb => "TERM",
        }
    }

    /// The signal for the quickest end, when the data is thrown away.
    pub(crate) fn end_signal(self) -> &'static str {
        match self {
            // Killed, it would leave shared memory behind.
            Brand::Postgres => "QUIT",
            Brand::Mariadb => "KILL",
        }
    }

    /// Removes what a dead server has left outside of its folder.
    pub(crate) fn sweep(self, address: &Address) -> Result<()> {
        match self {
            Brand::Postgres => postgres::sweep(address),
            Brand::Mariadb => Ok(()),
        }
    }
}
