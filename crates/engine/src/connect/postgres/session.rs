//! One login: how it is opened, what it is set to, and what its errors mean.

use std::future::Future;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use syncline_model::{Error, ErrorKind, Result};
use tokio::task::AbortHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Socket};

use super::config::Settings;
use super::tls;

/// What every session is set to, so that a value has one text form and nothing is hidden or cut off.
///
/// `row_security = off` makes a policy an error where it would quietly show fewer rows (F47, F48).
const SET: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = 'content'; \
    SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET lock_timeout = '10s'; SET client_min_messages = warning; SET standard_conforming_strings = on; \
    SET default_transaction_isolation = 'read committed'; SET quote_all_identifiers = off";

/// I1: what is confirmed to a source survives the sink's crash, whatever the login's own default is.
const DURABLE: &str = "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) \
    WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

/// The oldest version that is known to work, as the server numbers it.
const VERSION_MIN: u32 = 110_000;

/// An open session.
pub struct Session {
    /// The driver's end of it.
    pub client: Client,
    /// What carries bytes between the driver and the server.
    carrier: AbortHandle,
    /// The server's version, for example 150018.
    pub version: u32,
    /// Version in words.
    pub version_text: String,
}

impl Session {
    /// Ends it at once, whatever is under way.
    pub fn hang_up(&self) {
        self.carrier.abort();
    }
}

/// Logs in and sets the session up.
pub async fn open(settings: &Settings) -> Result<Session> {
    let (client, carrier) = match tls::connector(settings)? {
        Some(tls) => connect(settings, tls).await?,
        None => connect(settings, tokio_postgres::NoTls).await?,
    };
    let number = client.query_one("SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.version()", &[]);
    let row = number.await.map_err(|e| failed(e, "cannot ask for the server's version"))?;
    let (number, version): (String, String) = (row.get(0), row.get(1));
    let number = number.parse().unwrap_or(0);
    let version_text = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    if number < VERSION_MIN {
        return Err(Error::new(ErrorKind::Unsupported, format!("the server is {version_text}, which is too old"))
            .hint("PostgreSQL 11 and later are supported"));
    }
    client.batch_execute(SET).await.map_err(|e| failed(e, "cannot set the session up"))?;
    client.batch_execute(DURABLE).await.map_err(|e| failed(e, "cannot set the session up"))?;
    Ok(Session { client, carrier, version: number, version_text })
}

/// Why nobody was let in.
fn refused(e: tokio_postgres::Error, settings: &Settings) -> Error {
    let error = failed(e, "cannot log in").at("server", settings.place());
    match &settings.passfile_problem {
        Some(problem) if error.kind() == ErrorKind::Denied => error.hint(problem.clone()),
        _ => error,
    }
}

async fn connect<T>(settings: &Settings, tls: T) -> Result<(Client, AbortHandle)>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as tokio_postgres::tls::TlsConnect<Socket>>::Future: Send,
{
    let place = settings.place();
    let connected = tokio::time::timeout(settings.patience(), settings.driver().connect(tls)).await;
    let unreachable = || Error::new(ErrorKind::Unreachable, "the server does not answer").at("server", place.clone());
    let (client, mut connection) = connected.map_err(|_| unreachable())?.map_err(|e| refused(e, settings))?;
    // Notices may quote values, and are nobody's business (I15).
    let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
    let carrier = tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notice(_) | AsyncMessage::Notification(_)) => {}
                // Every waiting call learns it by itself.
                Ok(_) | Err(_) => break,
            }
        }
    });
    Ok((client, carrier.abort_handle()))
}

/// Waits for something that nobody will ask for any more, for a moment only.
pub fn in_passing(work: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let work = async move {
        let _ = tokio::time::timeout(Duration::from_secs(2), work).await;
    };
    match runtime.runtime_flavor() {
        // The process may end right after.
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| runtime.block_on(work)),
        _ => drop(runtime.spawn(work)),
    }
}

/// The driver's error as ours. What the server says about data quotes it, so only its code and the names of tables,
/// columns and constraints go on (I15).
pub fn failed(e: tokio_postgres::Error, what: &str) -> Error {
    if let Some(db) = e.as_db_error() {
        return told(db, what);
    }
    let mut source = std::error::Error::source(&e);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return broken(io, what);
        }
        source = cause.source();
    }
    let cause = std::error::Error::source(&e).map(ToString::to_string);
    let text = format!("{e}: {}", cause.unwrap_or_default());
    if e.is_closed() || text.contains("closed") {
        return Error::new(ErrorKind::Unreachable, what).caused_by("the connection was lost");
    }
    if text.contains("password missing") || text.contains("authentication") {
        return Error::new(ErrorKind::Denied, what)
            .caused_by("the server asks for a password, and there is none")
            .hint("set `password`, PGPASSWORD or a line in ~/.pgpass");
    }
    if text.contains("TLS") || text.contains("tls") {
        return Error::new(ErrorKind::Denied, what)
            .caused_by("the server does not offer TLS")
            .hint("switch TLS on at the server, or say `sslmode=disable` where the network is your own");
    }
    Error::new(ErrorKind::Unreachable, what).caused_by(text)
}

/// An error below the protocol.
fn broken(io: &std::io::Error, what: &str) -> Error {
    let text = io.to_string();
    // A certificate that does not hold never will.
    if io.kind() == std::io::ErrorKind::InvalidData {
        return Error::new(ErrorKind::Denied, what).caused_by(text).hint(tls::ADVICE);
    }
    let unknown = text.contains("failed to lookup") && !text.contains("Temporary");
    let error = Error::new(ErrorKind::Unreachable, what).caused_by(text);
    // Nobody gives the name an address while one waits.
    if unknown { error.given_up().hint("check the host's name") } else { error }
}

/// The kind of a server's error, and whether its message names only things and never values.
fn class(code: &SqlState) -> (ErrorKind, bool) {
    use ErrorKind as K;
    let number = code.code();
    match number {
        "57014" => return (K::Busy, true),
        "57P01" | "57P02" | "57P03" | "57P05" => return (K::Unreachable, true),
        "53300" | "55P03" | "40001" | "40P01" | "55006" => return (K::Busy, true),
        "42501" | "28000" | "28P01" | "25006" => return (K::Denied, true),
        "3D000" | "42P01" | "3F000" => return (K::NotFound, true),
        "53100" | "53200" => return (K::Full, true),
        "54000" | "54001" | "54011" | "54023" => return (K::Value, false),
        "0A000" => return (K::Unsupported, true),
        "25P02" => return (K::Bug, true),
        "XX001" | "XX002" => return (K::Corrupt, true),
        _ => {}
    }
    match number.get(..2).unwrap_or_default() {
        "08" => (K::Unreachable, true),
        "22" => (K::Value, false),
        "23" => (K::Constraint, false),
        "40" => (K::Busy, true),
        "42" => (K::Schema, true),
        "53" => (K::Full, true),
        "58" => (K::Full, true),
        _ => (K::Bug, false),
    }
}

fn told(db: &DbError, what: &str) -> Error {
    let (kind, safe) = class(db.code());
    let code = db.code().code();
    let said = match code {
        "23505" => "a value that must be unique is there already",
        "23503" => "a row refers to one that is not there, or is referred to",
        "23502" => "a value is missing where one is needed",
        "23514" => "a check constraint refuses the row",
        "23P01" => "an exclusion constraint refuses the row",
        "22001" => "a text is longer than its column takes",
        "22003" => "a number is out of its column's range",
        "22P02" | "22007" | "22008" | "22P03" => "a value does not have the form of its column's type",
        "22021" | "22P05" => "a text has characters that the database's encoding cannot hold",
        "54000" => "a row is larger than the server can show (1 GB), or a value than its index takes",
        "57P01" | "57P02" => "the server is shutting down",
        "57P03" => "the server is starting up or shutting down",
        _ if safe => db.message(),
        _ => "the server refused it",
    };
    let mut error = Error::new(kind, what).caused_by(format!("{said} ({code})"));
    if let Some(constraint) = db.constraint() {
        error = error.at("constraint", constraint);
    }
    if kind == ErrorKind::Busy && code == "57014" {
        return error.hint("somebody or a timeout cancelled the statement");
    }
    match kind {
        ErrorKind::Busy => {
            error.hint("another session holds a lock, or there are too many; the same command continues")
        }
        ErrorKind::Denied if code == "28P01" => error.hint("check user and password"),
        ErrorKind::Denied if code == "25006" => {
            error.hint("the server is a standby, or the login may only read (default_transaction_read_only)")
        }
        _ => error,
    }
}

/// Line and column of a COPY's row that the server refused, from its own account of where it was.
pub fn copy_place(e: &tokio_postgres::Error) -> (Option<u64>, Option<String>) {
    let Some(context) = e.as_db_error().and_then(DbError::where_) else { return (None, None) };
    let line = context.lines().find_map(|line| line.strip_prefix("COPY ")?.split_once(", line ").map(|(_, rest)| rest));
    let Some(rest) = line else { return (None, None) };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let column = rest.split_once(", column ").map(|(_, column)| column);
    // What follows the column's name is the value.
    let column = column.map(|c| c.split_once(": ").map_or(c, |(name, _)| name).to_owned());
    (digits.parse().ok(), column)
}
