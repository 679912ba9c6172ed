//! Where the server is and how to log in: the URL, and libpq's service file, environment and password file where the URL
//! says nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syncline_model::nearest::nearest;
use syncline_model::{Error, ErrorKind, Result};
use tokio_postgres::config::SslMode;

use super::tls::{Files, Tls};
use crate::config::{NetworkUrl, Secret};

/// The settings that a URL or a service may have, with the variables of libpq that stand for them.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("application_name", None),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("connections", None),
    ("dbname", Some("PGDATABASE")),
    ("host", Some("PGHOST")),
    ("options", Some("PGOPTIONS")),
    ("passfile", Some("PGPASSFILE")),
    ("password", Some("PGPASSWORD")),
    ("port", Some("PGPORT")),
    ("service", Some("PGSERVICE")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("user", Some("PGUSER")),
];

/// Where servers put their sockets.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// How long a login may take where nothing is said.
const PATIENCE: Duration = Duration::from_secs(15);

/// Most connections that a snapshot is read by.
const CONNECTIONS_MAX: usize = 64;

/// Everything that a login needs.
#[derive(Clone)]
pub struct Settings {
    driver: tokio_postgres::Config,
    place: String,
    near: bool,
    patience: Duration,
    connections: usize,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Why the password file is not used, if it is there and is not.
    pub passfile_problem: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)
    }
}

/// What surrounds the program; tests bring their own.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The home directory.
    pub home: Option<PathBuf>,
}

impl Settings {
    /// From a connection's URL and the program's surroundings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a setting that is unknown or wrong, [`ErrorKind::NotFound`] for a file that is named and
    /// not there.
    pub fn new(url: &NetworkUrl, password: Option<&Secret>) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        Self::within(url, password, &Surroundings { variable: &variable, home })
    }

    /// The same with other surroundings.
    pub fn within(url: &NetworkUrl, password: Option<&Secret>, around: &Surroundings<'_>) -> Result<Self> {
        let words = words(url, around)?;
        let word = |key: &str| words.get(key).map(String::as_str);
        let user =
            word("user").map(str::to_owned).or_else(|| login_name(around)).ok_or_else(|| wrong("there is no user"))?;
        let database = word("dbname").unwrap_or(&user).to_owned();
        let host = host(word("host"))?;
        let port = word("port").map_or(Ok(5432), str::parse::<u16>).map_err(|_| wrong("the port is no number"))?;
        let is_socket = host.starts_with('/');
        let near = is_socket || is_loopback(&host);
        let files = Files {
            authority: word("sslrootcert").map(PathBuf::from),
            certificate: word("sslcert").map(PathBuf::from),
            key: word("sslkey").map(PathBuf::from),
            home: around.home.clone(),
        };
        let tls = match is_socket {
            // As libpq has it: what goes through a socket never leaves the machine.
            true => Tls::Off,
            false => Tls::of(word("sslmode"), near, files)?,
        };
        let mut driver = tokio_postgres::Config::new();
        driver.host(&host).port(port).user(&user).dbname(&database);
        driver.application_name(word("application_name").unwrap_or("syncline"));
        driver
            .keepalives_idle(Duration::from_secs(60))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(6);
        driver.ssl_mode(if matches!(tls, Tls::Off) { SslMode::Disable } else { SslMode::Require });
        if let Some(options) = word("options") {
            driver.options(options);
        }
        let mut passfile_problem = None;
        if let Some(password) = password.map(Secret::expose).or(word("password")) {
            driver.password(password);
        } else {
            let login = [if is_socket { "localhost" } else { &host }, &port.to_string(), &database, &user];
            match from_passfile(word("passfile"), around, login) {
                Ok(Some(password)) => {
                    driver.password(password.expose());
                }
                Ok(None) => {}
                Err(problem) => passfile_problem = Some(problem),
            }
        }
        let patience = match word("connect_timeout").map(str::parse::<u64>) {
            None | Some(Ok(0)) => PATIENCE,
            Some(Ok(seconds)) => Duration::from_secs(seconds),
            Some(Err(_)) => return Err(wrong("connect_timeout is no number of seconds")),
        };
        let connections = match word("connections").map(str::parse) {
            None => 1,
            Some(Ok(several)) if (1..=CONNECTIONS_MAX).contains(&several) => several,
            Some(_) => return Err(wrong(&format!("connections is no number from 1 to {CONNECTIONS_MAX}"))),
        };
        let place = format!("{host}:{port}/{database}");
        Ok(Self { driver, place, near, patience, connections, tls, passfile_problem })
    }

    /// What the driver is given.
    pub fn driver(&self) -> &tokio_postgres::Config {
        &self.driver
    }

    /// Server and database, for people.
    pub fn place(&self) -> String {
        self.place.clone()
    }

    /// Whether no network lies between.
    pub fn is_near(&self) -> bool {
        self.near
    }

    /// By how many connections a snapshot may be read.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// How long a login may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}

/// All settings: the URL's own, then those of the service, then those of the environment.
fn words(url: &NetworkUrl, around: &Surroundings<'_>) -> Result<BTreeMap<String, String>> {
    let mut words = BTreeMap::new();
    for (key, value) in &url.query {
        known(key, "the URL has an unknown setting")?;
        words.insert(key.clone(), value.clone());
    }
    let database = url.path.trim_start_matches('/');
    let host = url.host.as_deref().map(|h| h.trim_start_matches('[').trim_end_matches(']').to_owned());
    let parts = [
        ("host", host),
        ("port", url.port.map(|p| p.to_string())),
        ("user", url.user.clone()),
        ("dbname", Some(database.to_owned()).filter(|d| !d.is_empty())),
    ];
    for (key, value) in parts {
        if let Some(value) = value {
            words.entry(key.into()).or_insert(value);
        }
    }
    let service = words.get("service").cloned().or_else(|| (around.variable)("PGSERVICE"));
    if let Some(service) = service {
        for (key, value) in of_service(&service, around)? {
            words.entry(key).or_insert(value);
        }
    }
    for (key, variable) in KNOWN {
        if let Some(value) = variable.and_then(|v| (around.variable)(v)) {
            words.entry((*key).to_owned()).or_insert(value);
        }
    }
    Ok(words)
}

fn known(key: &str, what: &str) -> Result<()> {
    let keys = || KNOWN.iter().map(|(known, _)| *known);
    if keys().any(|known| known == key) {
        return Ok(());
    }
    let list = format!("known are {}", keys().collect::<Vec<_>>().join(", "));
    Err(match nearest(key, keys()) {
        Some(near) => wrong(&format!("{what}; did you mean `{near}`?")).hint(list),
        None => wrong(what).hint(list),
    })
}

fn host(word: Option<&str>) -> Result<String> {
    match word {
        Some(host) if host.contains(',') => {
            Err(wrong("several hosts are named").hint("name the one that is read or written"))
        }
        Some(host) => Ok(host.to_owned()),
        None => {
            let there = SOCKET_FOLDERS.into_iter().find(|f| Path::new(f).join(".s.PGSQL.5432").exists());
            Ok(there.unwrap_or("localhost").to_owned())
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn login_name(around: &Surroundings<'_>) -> Option<String> {
    (around.variable)("USER").or_else(|| (around.variable)("LOGNAME"))
}

/// The settings of a service, from the file that libpq would read.
fn of_service(service: &str, around: &Surroundings<'_>) -> Result<Vec<(String, String)>> {
    let named = (around.variable)("PGSERVICEFILE").map(PathBuf::from);
    let usual = around.home.as_ref().map(|home| home.join(".pg_service.conf"));
    let system = (around.variable)("PGSYSCONFDIR").map(|folder| Path::new(&folder).join("pg_service.conf"));
    for file in named.into_iter().chain(usual).chain(system) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let mut inside = false;
        let mut found = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                inside = name == service;
                if inside {
                    found.get_or_insert_with(Vec::new);
                }
            } else if inside && let (Some(found), Some((key, value))) = (&mut found, line.split_once('=')) {
                known(key.trim(), "the service has an unknown setting")
                    .map_err(|e| e.at("file", file.display().to_string()))?;
                found.push((key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(Error::new(ErrorKind::NotFound, format!("there is no service {service}"))
        .hint("services are listed in ~/.pg_service.conf or the file that PGSERVICEFILE names"))
}

/// The password of a login (host, port, database, user) in libpq's password file, or why the file is not used.
fn from_passfile(named: Option<&str>, around: &Surroundings<'_>, login: [&str; 4]) -> Result<Option<Secret>, String> {
    let usual = || around.home.as_ref().map(|home| home.join(".pgpass"));
    let Some(file) = named.map(PathBuf::from).or_else(usual) else { return Ok(None) };
    let Ok(about) = file.metadata() else { return Ok(None) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(format!(
                "the password file {} is not used, since others may read it: chmod 600",
                file.display()
            ));
        }
    }
    let _ = about;
    let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| password_of(line, login)))
}

/// The password of a line, if the line is for that login. `\` takes the next character as it is.
fn password_of(line: &str, login: [&str; 4]) -> Option<Secret> {
    let mut fields = vec![String::new()];
    let mut any = vec![true];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                any.push(true);
            }
            letter => {
                let escaped = letter == '\\';
                let letter = if escaped { letters.next()? } else { letter };
                if let Some(last) = any.last_mut() {
                    *last &= letter == '*' && !escaped;
                }
                fields.last_mut()?.push(letter);
            }
        }
    }
    let password = fields.get(4)?;
    let fits = fields.iter().zip(&any).zip(login).all(|((field, any), own)| field == own || *any && field == "*");
    fits.then(|| Secret::new(password.clone()))
}

#[cfg(test)]
mod tests;
