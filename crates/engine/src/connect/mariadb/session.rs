//! A connection with fixed settings, and what kind of server is at its other end.

use std::collections::HashMap;
use std::sync::Arc;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params, Row, Value};
use syncline_model::{Error, ErrorKind, Result};

use super::config::Settings;
use super::errors::failed;

/// What every session is set to. Nothing of what Syncline reads or writes may depend on the server's own settings.
///
/// `STRICT_ALL_TABLES`: a value that does not fit is an error (I10). No `NO_ZERO_DATE`: a zero date is a value.
/// `NO_AUTO_VALUE_ON_ZERO`: a zero is a zero. Waits for locks are short, because whoever waits holds others up; waits for
/// the other end of the connection are long, because a lane may wait for its source. Unique checks stay on: without them
/// and those of references InnoDB sorts what is loaded into an empty table, which was not faster for rows that mostly come
/// in the order of their key, and the server may let a value come twice into a unique index (I10).
const SETTINGS: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION', \
     time_zone = '+00:00', lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, net_write_timeout = 3600, \
     net_read_timeout = 3600, wait_timeout = 86400, sql_auto_is_null = 0, sql_notes = 1, sql_safe_updates = 0, \
     sql_big_selects = 1, sql_select_limit = DEFAULT, autocommit = 1, foreign_key_checks = 1, unique_checks = 1, \
     div_precision_increment = 4, \
     character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = utf8mb4_bin";

/// What is known of a server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Whether it is MariaDB and not MySQL.
    pub mariadb: bool,
    /// Its version as it says it.
    pub version: String,
    /// The version's three numbers.
    pub number: (u16, u16, u16),
    /// The database of the connection, as the server spells it.
    pub database: String,
    /// The account that the server took the login for.
    pub account: String,
    variables: HashMap<String, String>,
}

impl Server {
    /// Brand and version, for people.
    pub fn product(&self) -> String {
        let (major, minor, patch) = self.number;
        format!("{} {major}.{minor}.{patch}", if self.mariadb { "MariaDB" } else { "MySQL" })
    }

    /// The brand's name in schemas. The two have types and collations that the other does not know.
    pub fn brand(&self) -> &'static str {
        if self.mariadb { super::BRAND } else { "mysql" }
    }

    /// The collation of text in tables that are created: equal only if all bytes are.
    pub fn by_bytes(&self) -> &'static str {
        if self.mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// A global variable of the server; empty if it has none of that name.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// Whether a global switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.variable(name), "ON" | "1")
    }

    /// Whether names that differ only in case are one name to it.
    pub fn folds_names(&self) -> bool {
        self.variable("lower_case_table_names") != "0"
    }

    /// Largest statement or row in bytes.
    pub fn packet_bytes_max(&self) -> usize {
        self.variable("max_allowed_packet").parse().unwrap_or(1 << 20)
    }

    /// Whether it is MariaDB from that version on.
    pub fn is_mariadb(&self, major: u16, minor: u16) -> bool {
        self.mariadb && (self.number.0, self.number.1) >= (major, minor)
    }

    /// Stable name of this very database, without secrets: the server's own id where it has one.
    pub fn identity(&self) -> String {
        let uid = [self.variable("server_uid"), self.variable("server_uuid")].into_iter().find(|v| !v.is_empty());
        let server = uid.map_or_else(
            || ["server_id", "hostname", "datadir", "port"].map(|v| self.variable(v)).join(" "),
            str::to_owned,
        );
        format!("{}:{server}/{}", self.brand(), self.database)
    }
}

/// An open connection.
pub struct Session {
    conn: Conn,
    /// The other end.
    pub server: Arc<Server>,
}

impl Session {
    /// Connects, logs in, and fixes every setting.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let opts = settings.opts()?;
        let connected = tokio::time::timeout(settings.connect_timeout, Conn::new(opts)).await;
        let conn = match connected {
            Ok(conn) => conn.map_err(|e| failed(e, "cannot connect to the server"))?,
            Err(_) => return Err(Error::new(ErrorKind::Unreachable, "the server did not answer in time")),
        };
        let mut session = Self {
            conn,
            server: Arc::new(Server {
                mariadb: false,
                version: String::new(),
                number: (0, 0, 0),
                database: String::new(),
                account: String::new(),
                variables: HashMap::new(),
            }),
        };
        session.settle().await?;
        Ok(session)
    }

    async fn settle(&mut self) -> Result<()> {
        let mut server = Server::clone(&self.server);
        let about = self.rows("SELECT VERSION(), DATABASE(), CURRENT_USER()").await?;
        if let Some(row) = about.first() {
            (server.version, server.database, server.account) = (text(row, 0), text(row, 1), text(row, 2));
        }
        server.mariadb = server.version.to_ascii_lowercase().contains("mariadb");
        server.number = number(&server.version);
        supported(&server)?;
        let names = "'lower_case_table_names', 'max_allowed_packet', 'local_infile', 'read_only', 'super_read_only', \
             'hostname', 'datadir', 'port', 'server_id', 'server_uid', 'server_uuid', 'innodb_read_only', 'log_bin', \
             'binlog_format', 'binlog_row_image', 'character_set_server', 'innodb_page_size', 'innodb_strict_mode', \
             'explicit_defaults_for_timestamp', 'innodb_flush_log_at_trx_commit', \
             'log_bin_trust_function_creators'";
        for row in self.rows(&format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")).await? {
            server.variables.insert(text(&row, 0).to_ascii_lowercase(), text(&row, 1));
        }
        self.run(SETTINGS).await?;
        let unlimited = if server.mariadb { "max_statement_time" } else { "max_execution_time" };
        self.run(&format!("SET SESSION {unlimited} = 0")).await?;
        self.server = Arc::new(server);
        Ok(())
    }

    /// Runs one statement without a result.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).await.map_err(|e| failed(e, "the server refused a statement"))
    }

    /// Runs a statement that defines something. Its refusal is told in the server's words, which quote names alone.
    pub async fn define(&mut self, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).await.map_err(|e| match e {
            mysql_async::Error::Server(e) => {
                let ours = super::errors::refused(&e, "the server refused a definition");
                let error = Error::new(ours.kind(), ours.what()).caused_by(format!("{} ({})", e.message, e.code));
                error.hint(ours.advice().to_owned())
            }
            e => failed(e, "the server refused a definition"),
        })
    }

    /// Runs an `ALTER TABLE` over rows, whose refusal may quote them.
    pub async fn alter(&mut self, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).await.map_err(|e| failed(e, "an index could not be built"))
    }

    /// All rows of a small result.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.conn.query(sql).await.map_err(|e| failed(e, "the server refused a query"))
    }

    /// All rows of a small result, with values bound.
    pub async fn rows_with(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>> {
        let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        self.conn.exec(sql, params).await.map_err(|e| failed(e, "the server refused a query"))
    }

    /// Runs one statement with values bound; answers how many rows it found or wrote.
    pub async fn run_with(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
        self.conn.exec_drop(sql, values).await.map_err(|e| failed(e, "the server refused a statement"))?;
        Ok(self.conn.affected_rows())
    }

    /// The driver's connection.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// The server's number for this connection.
    pub fn id(&self) -> u32 {
        self.conn.id()
    }

    /// Ends the session now. Dropping it would first read what a query that was left still has to say.
    pub async fn end(self) {
        let _ = self.conn.disconnect().await;
    }
}

/// A text value of a row; empty if it is null or there is none.
pub fn text(row: &Row, column: usize) -> String {
    match row.as_ref(column) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Int(v)) => v.to_string(),
        Some(Value::UInt(v)) => v.to_string(),
        _ => String::new(),
    }
}

/// As [`text`], but nothing where the value is null.
pub fn text_or_null(row: &Row, column: usize) -> Option<String> {
    (!matches!(row.as_ref(column), None | Some(Value::NULL))).then(|| text(row, column))
}

/// A text as a bound value.
pub fn bound(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// `10.11.14-MariaDB-0+deb12u2`, and `5.5.5-10.4.2-MariaDB` as old clients are told.
fn number(version: &str) -> (u16, u16, u16) {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

fn supported(server: &Server) -> Result<()> {
    let least = if server.mariadb { (10, 5, 0) } else { (8, 0, 0) };
    if server.number >= least {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, format!("the server is {}, which is too old", server.product()))
        .hint("Syncline needs MariaDB 10.5 or MySQL 8.0, or later"))
}
