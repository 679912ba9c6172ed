//! Where a database is: a connection's URL, without its password.
//!
//! | written | means |
//! |---|---|
//! | `sqlite:PATH`, `sqlite://PATH` | a file. Everything after `sqlite:` and an optional `//` is the path, letter by letter: no percent decoding, no query. A leading `~/` is the home directory. So `sqlite:///abs.db` and `sqlite:/abs.db` are absolute, `sqlite:rel.db` and `sqlite://rel.db` are relative |
//! | `memory:NAME` | a store inside this process, for tests |
//! | `SCHEME://USER@HOST:PORT/PATH?KEY=VALUE` | everything else; its parts are percent-decoded |
//!
//! A relative path in a configuration file is relative to that file; on the command line, to the working directory.
//!
//! A password is taken out at once and handed over as a [`Secret`]. Nothing here repeats a text that could not be
//! read: what looks like a host may be half a password (I15).

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use syncline_model::nearest::nearest;

use super::secret::Secret;
use super::shown::shown;

/// The known kinds of database, drive and broker. That a scheme is known does not mean that its connector exists
/// yet; the registry answers that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the name of a product or protocol")]
pub enum Scheme {
    Sqlite,
    Memory,
    Postgres,
    Mysql,
    Mariadb,
    Mssql,
    Odbc,
    Http,
    Https,
    File,
    Sftp,
    Ftp,
    S3,
    Azblob,
    Gdrive,
    Dropbox,
    Onedrive,
    Webdav,
    Kafka,
    Nats,
}

/// Every word that is understood, the scheme's own word before its aliases.
const SCHEMES: &[(&str, Scheme)] = &[
    ("sqlite", Scheme::Sqlite),
    ("memory", Scheme::Memory),
    ("postgres", Scheme::Postgres),
    ("postgresql", Scheme::Postgres),
    ("mysql", Scheme::Mysql),
    ("mariadb", Scheme::Mariadb),
    ("mssql", Scheme::Mssql),
    ("sqlserver", Scheme::Mssql),
    ("odbc", Scheme::Odbc),
    ("http", Scheme::Http),
    ("https", Scheme::Https),
    ("file", Scheme::File),
    ("sftp", Scheme::Sftp),
    ("ftp", Scheme::Ftp),
    ("s3", Scheme::S3),
    ("azblob", Scheme::Azblob),
    ("gdrive", Scheme::Gdrive),
    ("dropbox", Scheme::Dropbox),
    ("onedrive", Scheme::Onedrive),
    ("webdav", Scheme::Webdav),
    ("kafka", Scheme::Kafka),
    ("nats", Scheme::Nats),
];

impl Scheme {
    /// The scheme of that word, in any case; aliases such as `postgresql` too.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, scheme)| *scheme)
    }

    /// Its own word, for example `postgres`.
    #[must_use]
    pub fn word(self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(word, _)| word)
    }

    /// Every word that is understood.
    pub fn words() -> impl Iterator<Item = &'static str> {
        SCHEMES.iter().map(|(word, _)| *word)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where a database is. Holds no password: see [`ConnectionUrl::parse`].
#[derive(Clone, PartialEq, Eq)]
pub enum ConnectionUrl {
    /// A SQLite file; never empty, `~/` already expanded.
    Sqlite(PathBuf),
    /// A store of that name inside this process.
    Memory(String),
    /// Something that is reached over a network, or by a driver of its own.
    Network(NetworkUrl),
}

/// The parts of a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkUrl {
    /// Which kind.
    pub scheme: Scheme,
    /// Login name.
    pub user: Option<String>,
    /// Host name or address; an IPv6 address is in brackets.
    pub host: Option<String>,
    /// Port, if it is not the scheme's usual one.
    pub port: Option<u16>,
    /// What follows the host, with its leading `/`: a database, a bucket's folder, a path.
    pub path: String,
    /// Settings after `?`, in their order. Not shown by `Display` and `Debug`: some drivers take secrets here.
    pub query: Vec<(String, String)>,
}

/// Why a text is not a connection's URL. Says nothing of the text but a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlProblem {
    /// There is no `word:` in front.
    NoScheme,
    /// The word in front is not known. It may be a part of a secret: see [`super::shown::shown`].
    UnknownScheme(String),
    /// The scheme is known, the rest is not right.
    Malformed(Scheme, &'static str),
}

impl UrlProblem {
    /// The problem in words, and what to do. `secret` withholds even the scheme: the text came out of a reference.
    pub(super) fn told(&self, secret: bool) -> (String, String) {
        let known = || format!("known are {}", Scheme::words().collect::<Vec<_>>().join(", "));
        match self {
            Self::NoScheme => ("this is not a URL".into(), "for example `sqlite:shop.db`".into()),
            Self::UnknownScheme(_) if secret => ("the URL has an unknown scheme".into(), known()),
            Self::UnknownScheme(word) => {
                let shown = shown(word);
                let what = format!("the URL has an unknown scheme{shown}");
                match nearest(word, Scheme::words()) {
                    Some(near) if !shown.is_empty() => (format!("{what}; did you mean `{near}`?"), known()),
                    _ => (what, known()),
                }
            }
            Self::Malformed(scheme, reason) => {
                let hint = match scheme {
                    Scheme::Sqlite => "for example `sqlite:shop.db` or `sqlite:/var/lib/shop.db`".into(),
                    Scheme::Memory => "for example `memory:a`".into(),
                    _ => format!(
                        "the form is `{scheme}://USER@HOST:PORT/PATH`; a password with special characters belongs in \
                         `password`, or is percent-encoded"
                    ),
                };
                (format!("the {scheme} URL cannot be read: {reason}"), hint)
            }
        }
    }
}

impl ConnectionUrl {
    /// Reads a URL; its password, if it has one, comes apart from it.
    ///
    /// `home` is the home directory for `~/`.
    ///
    /// # Errors
    /// [`UrlProblem`], which repeats nothing of the text but its scheme.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<(Self, Option<Secret>), UrlProblem> {
        let (word, rest) = text.split_once(':').ok_or(UrlProblem::NoScheme)?;
        if !is_scheme_word(word) {
            return Err(UrlProblem::NoScheme);
        }
        let scheme = Scheme::of_word(word).ok_or_else(|| UrlProblem::UnknownScheme(word.into()))?;
        let wrong = |reason| UrlProblem::Malformed(scheme, reason);
        if text.chars().any(char::is_control) {
            return Err(wrong("it contains a control character"));
        }
        match scheme {
            Scheme::Sqlite => Ok((Self::sqlite(rest.strip_prefix("//").unwrap_or(rest), home).map_err(wrong)?, None)),
            Scheme::Memory if is_name(rest) => Ok((Self::Memory(rest.into()), None)),
            Scheme::Memory => Err(wrong("a name of letters, digits, `_` and `-` belongs after `memory:`")),
            _ => {
                let (url, password) = NetworkUrl::parse(scheme, text).map_err(wrong)?;
                Ok((Self::Network(url), password))
            }
        }
    }

    /// The SQLite file at `path`, with `~/` expanded.
    ///
    /// # Errors
    /// The reason, in words.
    pub(super) fn sqlite(path: &str, home: Option<&Path>) -> Result<Self, &'static str> {
        match path {
            "" => Err("there is no path"),
            // It would vanish with the connection that wrote it.
            ":memory:" => Err("`:memory:` is no file, and gone as soon as it is closed"),
            _ => Ok(Self::Sqlite(expand_home(path, home)?)),
        }
    }

    /// The same, with a relative SQLite path taken from `directory`.
    #[must_use]
    pub(super) fn relative_to(self, directory: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(directory.join(path)),
            other => other,
        }
    }

    /// Which kind of database this is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Sqlite(_) => Scheme::Sqlite,
            Self::Memory(_) => Scheme::Memory,
            Self::Network(url) => url.scheme,
        }
    }
}

/// As it would be written, without password and settings.
impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory(name) => write!(f, "memory:{name}"),
            Self::Network(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ConnectionUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl NetworkUrl {
    fn parse(scheme: Scheme, text: &str) -> Result<(Self, Option<Secret>), &'static str> {
        // The crate's errors are fixed texts, but some speak of its own rules; one plain sentence says enough.
        let url = ::url::Url::parse(text).map_err(|e| match e {
            ::url::ParseError::InvalidPort => "the port is not a number up to 65535",
            ::url::ParseError::EmptyHost => "there is no host",
            _ => "host or port is not right",
        })?;
        if url.cannot_be_a_base() || !text.contains("://") {
            return Err("`//` belongs after the scheme");
        }
        // `postgres://app:12/x@db` parses: the host is `app`, the password's rest is the path. Better no URL at all
        // than one that shows it.
        let after_host = [Some(url.path()), url.query(), url.fragment()];
        if url.fragment().is_some() || after_host.iter().flatten().any(|part| part.contains('@')) {
            return Err("there is an `@` or `#` after the host");
        }
        let mut password = url.password().map(decoded).transpose()?;
        let mut query = Vec::new();
        for (key, value) in url.query_pairs() {
            if key != "password" {
                query.push((key.into_owned(), value.into_owned()));
            } else if password.replace(value.into_owned()).is_some() {
                return Err("there are two passwords");
            }
        }
        let parts = Self {
            scheme,
            user: Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?,
            host: url.host_str().filter(|host| !host.is_empty()).map(decoded).transpose()?,
            port: url.port(),
            path: decoded(url.path())?,
            query,
        };
        Ok((parts, password.map(Secret::new)))
    }
}

impl fmt::Display for NetworkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(self.host.as_deref().unwrap_or_default())?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Debug for NetworkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `~` and `~/…` with the home directory in place of `~`; anything else as it is.
pub(super) fn expand_home(path: &str, home: Option<&Path>) -> Result<PathBuf, &'static str> {
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = home.ok_or("`~` needs a home directory, and HOME is not set")?;
            Ok(home.join(rest.trim_start_matches('/')))
        }
        _ => Ok(path.into()),
    }
}

/// Whether `word` could stand before the `:` of a URL. One letter alone is a Windows drive.
pub(super) fn is_scheme_word(word: &str) -> bool {
    word.len() > 1
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Whether `word` can name a connection or a job: letters, digits, `_` and `-`. Nothing that a path or URL needs, so
/// that a word on the command line means one thing only.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

fn decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a `%` is not followed by two hexadecimal digits, or the result is not UTF-8";
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(WRONG)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| WRONG)
}
