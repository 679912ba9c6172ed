//! Where the server is and how to log in: from the URL, and from option files where the URL is silent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use syncline_model::nearest::nearest;
use syncline_model::{Error, ErrorKind, Result};

use crate::config::{ConnectionSpec, NetworkUrl, Secret};

/// How many seconds a server may take to answer a new connection.
const CONNECT_SECONDS: usize = 10;

/// The settings that a URL may carry after `?`.
const KEYS: &[&str] = &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket", "connect_timeout", "connections"];

/// Most connections that read one table.
const CONNECTIONS_MAX: usize = 64;

/// What protects the connection on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Disabled,
    /// Encrypted, with whoever answers.
    Required,
    /// Encrypted, the certificate is one of a known authority.
    VerifyCa,
    /// Besides, it is for this very host.
    VerifyIdentity,
}

impl Tls {
    fn of_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().replace('-', "_").as_str() {
            "disabled" => Some(Self::Disabled),
            "required" => Some(Self::Required),
            "verify_ca" => Some(Self::VerifyCa),
            "verify_identity" => Some(Self::VerifyIdentity),
            _ => None,
        }
    }
}

/// How to reach one database. Its `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Settings {
    host: String,
    port: u16,
    socket: Option<PathBuf>,
    user: String,
    password: Option<Secret>,
    /// The database that tables without a schema lie in.
    pub database: String,
    tls: Tls,
    ca: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    /// Longest wait for a new connection.
    pub connect_timeout: Duration,
    /// How many connections read a large table.
    pub connections: usize,
}

impl Settings {
    /// Reads a connection's URL; `home` holds the user's option file, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] naming the setting that is unknown, missing or wrong. No value is repeated (I15).
    pub fn new(spec: &ConnectionSpec, url: &NetworkUrl, home: Option<&Path>) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what).at("connection", &*spec.name);
        let mut options = OptionFile::read(home);
        for (key, value) in &url.query {
            let known = KEYS.iter().find(|known| known.replace('_', "-") == key.replace('_', "-"));
            let Some(known) = known else {
                let near = nearest(key, KEYS.iter().copied());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Err(wrong(format!("the URL has a setting that is not known{near}"))
                    .hint(format!("known are {}", KEYS.join(", "))));
            };
            options.set(known, value.clone());
        }
        let database = url.path.trim_matches('/').to_owned();
        if database.is_empty() || database.contains('/') {
            return Err(wrong("the URL names no database".into())
                .hint(format!("for example `{}://app@db.example.com/shop`", url.scheme)));
        }
        // A host in the URL means that host, whatever socket an option file names.
        let socket = match url.host.is_some() && !url.query.iter().any(|(k, _)| k == "socket") {
            true => None,
            false => options.take("socket").map(PathBuf::from),
        };
        let host = url.host.clone().or_else(|| options.take("host")).unwrap_or_else(|| "localhost".into());
        let port = match options.take("port").filter(|_| url.port.is_none()) {
            None => url.port.unwrap_or(3306),
            Some(text) => text.parse().map_err(|_| wrong("the option file's port is no number".into()))?,
        };
        let near = socket.is_some() || is_loopback(&host);
        let tls = match options.take("ssl-mode") {
            None if near => Tls::Disabled,
            None => Tls::VerifyIdentity,
            Some(word) => Tls::of_word(&word).ok_or_else(|| {
                wrong("ssl-mode has a value that is not known".into())
                    .hint("known are disabled, required, verify_ca, verify_identity")
            })?,
        };
        let identity = match (options.take("ssl-cert"), options.take("ssl-key")) {
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (None, None) => None,
            _ => return Err(wrong("ssl-cert and ssl-key belong together".into())),
        };
        let number = |text: Option<String>, otherwise: usize, what: &str, max: usize| match text.map(|t| t.parse()) {
            None => Ok(otherwise),
            Some(Ok(n)) if (1..=max).contains(&n) => Ok(n),
            Some(_) => Err(wrong(format!("{what} from 1 to {max}"))),
        };
        let seconds =
            number(options.take("connect_timeout"), CONNECT_SECONDS, "connect_timeout is a number of seconds", 3600)?;
        let connections = number(options.take("connections"), 1, "connections is a number", CONNECTIONS_MAX)?;
        let from_option_file = options.take("password").map(Secret::new);
        let user = url.user.clone().or_else(|| options.take("user"));
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            socket,
            user: user.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".into()),
            password: spec
                .password
                .clone()
                .or_else(|| std::env::var("MYSQL_PWD").ok().map(Secret::new))
                .or(from_option_file),
            database,
            tls,
            ca: options.take("ssl-ca").map(PathBuf::from),
            identity,
            connect_timeout: Duration::from_secs(seconds as u64),
            connections,
        })
    }

    /// What the driver connects with.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if certificates that are named cannot be read.
    pub fn opts(&self) -> Result<Opts> {
        let mut opts = OptsBuilder::default()
            .ip_or_hostname(&*self.host)
            .tcp_port(self.port)
            .user(Some(&*self.user))
            .pass(self.password.as_ref().map(Secret::expose))
            .db_name(Some(&*self.database))
            // Another way than the one that was named may lead to another server.
            .prefer_socket(false)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .stmt_cache_size(256_usize)
            // An UPDATE must tell rows that it found from rows that it changed.
            .client_found_rows(true);
        if let Some(socket) = &self.socket {
            return Ok(opts.socket(Some(socket.to_string_lossy())).into());
        }
        if self.tls != Tls::Disabled {
            opts = opts.ssl_opts(self.ssl()?);
        }
        Ok(opts.into())
    }

    fn ssl(&self) -> Result<SslOpts> {
        let mut ssl = SslOpts::default()
            .with_danger_accept_invalid_certs(self.tls == Tls::Required)
            .with_danger_skip_domain_validation(self.tls == Tls::VerifyCa);
        let unreadable = |what: &str, path: &Path| {
            Error::new(ErrorKind::Config, format!("{what} cannot be read")).at("file", path.display().to_string())
        };
        if let Some(ca) = &self.ca {
            let bytes =
                std::fs::read(ca).map_err(|e| unreadable("the file of certificate authorities", ca).caused_by(e))?;
            // Who names authorities means these alone.
            ssl = ssl.with_root_certs(vec![bytes.into()]).with_disable_built_in_roots(true);
        } else {
            let system = rustls_native_certs::load_native_certs();
            ssl = ssl.with_root_certs(system.certs.into_iter().map(|c| c.to_vec().into()).collect());
        }
        if let Some((cert, key)) = &self.identity {
            let cert_bytes = std::fs::read(cert).map_err(|e| unreadable("the certificate", cert).caused_by(e))?;
            let key_bytes = std::fs::read(key).map_err(|e| unreadable("the certificate's key", key).caused_by(e))?;
            ssl = ssl.with_client_identity(Some(ClientIdentity::new(cert_bytes.into(), key_bytes.into())));
        }
        Ok(ssl)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What the `[client]` groups of the user's option file say. Included files are deliberately not read.
#[derive(Default)]
struct OptionFile(Vec<(String, String)>);

impl OptionFile {
    /// Reads `.my.cnf` in `home`; a file that is not there says nothing.
    fn read(home: Option<&Path>) -> Self {
        let text = home.and_then(|home| std::fs::read_to_string(home.join(".my.cnf")).ok());
        Self::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut ours = false;
        for line in text.lines().map(str::trim) {
            if let Some(group) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                ours = ["client", "client-server", "client-mariadb"].contains(&group.trim());
            } else if ours && !line.starts_with(['#', ';', '!']) && !line.is_empty() {
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                let value = value.trim();
                let unquoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
                found.set(key.trim(), unquoted.unwrap_or(value).to_owned());
            }
        }
        found
    }

    /// What is said last counts.
    fn set(&mut self, key: &str, value: String) {
        let key = key.replace('_', "-");
        self.0.retain(|(k, _)| *k != key);
        self.0.push((key, value));
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let key = key.replace('_', "-");
        let place = self.0.iter().position(|(k, _)| *k == key)?;
        Some(self.0.remove(place).1)
    }
}
