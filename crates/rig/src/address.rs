//! Where a server is, and who may enter.

use std::path::{Path, PathBuf};

use crate::Brand;

/// The password of every user that has one, with what a URL must escape.
pub const PASSWORD: &str = "pa:ss/w@rd %#?";

/// Who enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// `postgres` or `root`: may do everything, needs no password.
    Super,
    /// `open_user`: no password, no rights but to log in.
    Open,
    /// `password_user`: [`PASSWORD`] (scram-sha-256; MariaDB: mysql_native_password), no rights but to log in.
    Password,
    /// `tls_user`: the same, and refused without TLS.
    Tls,
}

/// A server's folder and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) brand: Brand,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Address {
    /// Which kind of server.
    #[must_use]
    pub fn brand(&self) -> Brand {
        self.brand
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same server by another port, that of a proxy.
    #[must_use]
    pub fn through(&self, port: u16) -> Address {
        Address { port, ..self.clone() }
    }

    /// The URL of a database for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as(Login::Super, database)
    }

    /// The URL of a database for one of the users.
    #[must_use]
    pub fn url_as(&self, login: Login, database: &str) -> String {
        let scheme = self.brand.word();
        let user = self.user(login);
        let password = self.password(login).map(|word| format!(":{}", escaped(word))).unwrap_or_default();
        format!("{scheme}://{user}{password}@127.0.0.1:{}/{}", self.port, escaped(database))
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self, login: Login) -> &'static str {
        match (login, self.brand) {
            (Login::Super, Brand::Postgres) => "postgres",
            (Login::Super, Brand::Mariadb) => "root",
            (Login::Open, _) => "open_user",
            (Login::Password, _) => "password_user",
            (Login::Tls, _) => "tls_user",
        }
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self, login: Login) -> Option<&'static str> {
        matches!(login, Login::Password | Login::Tls).then_some(PASSWORD)
    }

    /// The folder of its unix socket: `.s.PGSQL.PORT` of PostgreSQL, `socket` of MariaDB. Everybody is trusted there.
    #[must_use]
    pub fn socket_folder(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The authority that signed its certificate, which is good for `localhost` and 127.0.0.1.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// What the server itself has written about what happens to it.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What to type to look inside.
    #[must_use]
    pub fn client_line(&self, database: &str) -> String {
        match self.brand {
            Brand::Postgres => format!("psql {}", self.url(database)),
            Brand::Mariadb => format!(
                "mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port={} --user=root {database}",
                self.port
            ),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// For a part of a URL: everything but what RFC 3986 never escapes.
fn escaped(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
