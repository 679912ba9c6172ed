//! Databases of their own for tests, on the servers of `cargo xtask up`; and private servers.

use std::sync::atomic::{AtomicU32, Ordering};

use syncline_rig::{Address, Brand, Login, Options, Server};

use super::binary::Ran;
use super::{mariadb, psql};

/// An empty database; dropped, it is gone, whoever is still connected to it.
#[derive(Debug)]
pub struct Database {
    server: Address,
    name: String,
}

impl Database {
    /// One on the shared PostgreSQL server.
    #[track_caller]
    pub fn postgres() -> Self {
        Self::shared(Brand::Postgres)
    }

    /// One on the shared MariaDB server.
    #[track_caller]
    pub fn mariadb() -> Self {
        Self::shared(Brand::Mariadb)
    }

    /// One on the shared server of a brand.
    #[track_caller]
    pub fn shared(brand: Brand) -> Self {
        let shared = syncline_rig::shared().unwrap_or_else(|error| panic!("{error}"));
        Self::on(shared.of(brand))
    }

    /// One on any server.
    #[track_caller]
    pub fn on(server: &Address) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let database = Self { server: server.clone(), name };
        database.manage(&format!("CREATE DATABASE {};", database.name)).printed("CREATE DATABASE");
        database
    }

    /// Its name, which is also that of a MariaDB schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub fn server(&self) -> &Address {
        &self.server
    }

    /// Its URL for the superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Its URL for another user.
    pub fn url_as(&self, login: Login) -> String {
        self.server.url_as(login, &self.name)
    }

    /// Runs SQL by the server's own client program, and gives what is printed: see [`psql::psql`] and
    /// [`mariadb::mariadb`]. Panics if any of it fails.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> String {
        match self.server.brand() {
            Brand::Postgres => psql::psql(&self.url(), sql),
            Brand::Mariadb => mariadb::mariadb(&self.url(), sql),
        }
    }

    /// Runs SQL that must fail, and gives the complaint.
    #[track_caller]
    pub fn refused(&self, sql: &str) -> String {
        match self.server.brand() {
            Brand::Postgres => psql::psql_refused(&self.url(), sql),
            Brand::Mariadb => mariadb::mariadb_refused(&self.url(), sql),
        }
    }

    /// Runs SQL outside of the database.
    fn manage(&self, sql: &str) -> Ran {
        match self.server.brand() {
            Brand::Postgres => psql::ran(&self.server.url("postgres"), sql),
            Brand::Mariadb => mariadb::ran(&self.server.url(""), sql),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let force = if self.server.brand() == Brand::Postgres { " WITH (FORCE)" } else { "" };
        // The server may be down on purpose, or the test failing already.
        let _ = self.manage(&format!("DROP DATABASE {}{force};", self.name));
    }
}

/// A server of the test's own, to be stopped, killed and started again. What it acknowledged survives.
#[track_caller]
pub fn private(brand: Brand) -> Server {
    private_with(brand, &[])
}

/// The same with further settings.
#[track_caller]
pub fn private_with(brand: Brand, settings: &[(&str, &str)]) -> Server {
    let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let options = Options { settings, ..Options::default() };
    Server::start(brand, &options).unwrap_or_else(|error| panic!("{error}"))
}
