//! The server's errors as ours, by their codes.
//!
//! I15: the server's own texts quote values ("Duplicate entry 'x'", "Incorrect integer value: 'x'"), so none of them is
//! passed on. What they name besides (a constraint, a column) is taken out of them where its place is certain.

use mysql_async::{DriverError, Error as Driver, IoError, ServerError};
use syncline_model::{Error, ErrorKind};

/// A driver's error as ours.
pub fn failed(e: Driver, what: &str) -> Error {
    match e {
        Driver::Server(e) => refused(&e, what),
        Driver::Io(IoError::Tls(e)) => untrusted("the encrypted connection was refused", e.to_string()),
        Driver::Io(IoError::Io(e)) if is_certificate(&e) => {
            untrusted("the server's certificate was refused", e.to_string())
        }
        Driver::Io(IoError::Io(e)) => Error::new(ErrorKind::Unreachable, what).caused_by(e),
        Driver::Driver(DriverError::NoClientSslFlagFromServer) => {
            Error::new(ErrorKind::Denied, "the server does not offer encrypted connections")
                .hint("`ssl-mode=disabled` in the URL connects without, where the network can be trusted")
        }
        Driver::Driver(DriverError::UnknownAuthPlugin { name }) => {
            Error::new(ErrorKind::Unsupported, format!("the login uses {name}, which Syncline does not know"))
                .hint("give the login a password by mysql_native_password or caching_sha2_password")
        }
        Driver::Driver(DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled) => {
            Error::new(ErrorKind::Denied, "the server asks for the password in clear, which is not given")
        }
        Driver::Driver(DriverError::PacketTooLarge) => {
            Error::new(ErrorKind::Value, "a row is larger than the server's max_allowed_packet")
                .hint("raise max_allowed_packet at the server")
        }
        Driver::Driver(DriverError::ConnectionClosed | DriverError::PoolDisconnected) => {
            Error::new(ErrorKind::Unreachable, what).caused_by("the connection is closed")
        }
        // A connection that was cut can leave half a packet.
        Driver::Driver(DriverError::PacketOutOfOrder | DriverError::UnexpectedPacket { .. }) => {
            Error::new(ErrorKind::Unreachable, what).caused_by("the server's answer is no packet")
        }
        // The rest may quote values.
        _ => Error::new(ErrorKind::Bug, what).caused_by("the driver refused the call"),
    }
}

fn untrusted(what: &str, why: String) -> Error {
    Error::new(ErrorKind::Denied, what)
        .caused_by(why)
        .hint("name the authority of the server's certificate with `ssl-ca=FILE`, or another `ssl-mode`")
}

fn is_certificate(e: &std::io::Error) -> bool {
    e.kind() == std::io::ErrorKind::InvalidData && e.to_string().contains("certificate")
}

/// The server's own refusal.
pub fn refused(e: &ServerError, what: &str) -> Error {
    let (kind, cause) = meaning(e.code);
    let error = Error::new(kind, what).caused_by(format!("{cause} ({})", e.code));
    match e.code {
        1062 | 1586 => match quoted_last(&e.message) {
            Some(key) => error.at("constraint", key.rsplit('.').next().unwrap_or(key)),
            None => error,
        },
        1451 | 1452 | 1216 | 1217 => match after(&e.message, "CONSTRAINT `") {
            Some(name) => error.at("constraint", name),
            None => error,
        },
        // CONSTRAINT `t.c` failed for `db`.`t`
        3819 | 4025 => match after(&e.message, "`") {
            Some(name) if e.code == 4025 => error.at("constraint", name),
            _ => error,
        },
        1048 | 1364 | 1054 => match first_quoted(&e.message) {
            Some(column) => error.at("column", column),
            None => error,
        },
        1264 | 1265 | 1292 | 1366 | 1406 => match of_column(&e.message) {
            Some(column) => error.at("column", column),
            None => error,
        },
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 => error.hint(denied_hint(e)),
        1 | 2 | 4..=19 | 21..=99 => error.hint("look into the server's own log; the same command continues"),
        1040 | 1203 | 1226 => error.hint("wait for connections to end, or raise the server's limit of connections"),
        1290 | 1792 | 1836 => error.hint("name the server that is written, not a read-only replica"),
        1412 => error.hint("run the same command again when the schema is at rest"),
        _ => error,
    }
}

/// A right that is missing, as the statement that gives it.
fn denied_hint(e: &ServerError) -> String {
    let right = e.message.split(" command denied").next().filter(|r| r.len() < 40 && e.code == 1142);
    let table = e.message.rsplit("for table ").next().filter(|_| e.code == 1142);
    match (right, table) {
        (Some(right), Some(table)) => format!("`GRANT {right} ON {table} TO` the login's user, with a right to grant"),
        _ if e.code == 1045 || e.code == 1698 => "check user and password".into(),
        _ => "grant the missing right, or use another login; docs/guide/mariadb.md lists the rights".into(),
    }
}

/// What a code means: the kind of error, and our sentence for it.
fn meaning(code: u16) -> (ErrorKind, &'static str) {
    use ErrorKind as K;
    match code {
        1040 | 1203 | 1226 => (K::Busy, "the server takes no more connections"),
        1205 | 3572 => (K::Busy, "a lock was not given in time"),
        1213 | 1020 => (K::Busy, "another transaction stood in the way"),
        1317 | 1028 => (K::Interrupted, "the statement was interrupted"),
        1969 | 3024 => (K::Busy, "the statement took longer than the server allows"),
        1927 | 1053 | 1077 | 1078 | 1079 | 1152 | 1158..=1161 | 2006 | 2013 | 3169 => {
            (K::Unreachable, "the server ended the connection")
        }
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 1820 | 1130 | 1129 => {
            (K::Denied, "the server refuses the login or the right")
        }
        1290 | 1792 | 1836 => (K::Denied, "the server can only be read"),
        // Below 100 are the errors of its files: 3 is of writing one, 20 that the disk is full.
        3 | 20 | 1021 | 1041 | 1037 | 1038 | 1114 | 1206 | 126 | 1878 => (K::Full, "the server has no room left"),
        1..=99 => (K::Busy, "the server could not use a file of its own"),
        1049 => (K::NotFound, "there is no such database"),
        1146 => (K::NotFound, "there is no such table"),
        1054 => (K::Schema, "there is no such column"),
        1412 => (K::Schema, "the table was changed meanwhile"),
        1062 | 1586 | 1022 | 1169 => (K::Constraint, "a key comes twice"),
        1048 | 1364 => (K::Constraint, "a value is missing where one must be"),
        1451 | 1452 | 1216 | 1217 => (K::Constraint, "a foreign key stands in the way"),
        3819 | 4025 => (K::Constraint, "a check constraint stands in the way"),
        1264 | 1690 => (K::Value, "a number is out of range"),
        1406 => (K::Value, "a value is too long"),
        1292 | 1366 | 1411 | 1367 | 1416 | 3140 | 3141 | 1300 | 4078 => {
            (K::Value, "a value is none of the column's type")
        }
        1265 => (K::Value, "a value would be cut or rounded"),
        1153 => (K::Value, "a row is larger than the server's max_allowed_packet"),
        1118
        | 1071
        | 1074
        | 1117
        | 1059
        | 1060
        | 1061
        | 1050
        | 1005
        | 1215
        | 1064
        | 1101
        | 1253
        | 1273
        | 1115
        | 1067
        | 1068
        | 1170
        | 1103
        | 1166
        | 1113
        | 1822
        | 1824..=1826
        | 3780 => (K::Schema, "the server cannot have such a table"),
        1148 | 3948 | 4166 => (K::Unsupported, "the server takes no LOAD DATA LOCAL"),
        _ => (K::Bug, "the server refused the statement"),
    }
}

/// The last name in single quotes: MariaDB ends 1062 with `for key 'NAME'`. A value with quotes comes before it.
fn quoted_last(message: &str) -> Option<&str> {
    let (_, name) = message.strip_suffix('\'')?.rsplit_once('\'')?;
    message.contains("for key").then_some(name)
}

/// `… for column 'c' at row 1`, or with "`db`.`t`.`c`". A value stands before it, so the last such words are the server's.
fn of_column(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once(" for column ")?;
    let (name, _) = rest.rsplit_once(" at row ")?;
    match name.strip_suffix('`') {
        Some(name) => name.rsplit('`').next(),
        None => name.strip_prefix('\'')?.strip_suffix('\''),
    }
}

fn first_quoted(message: &str) -> Option<&str> {
    message.split('\'').nth(1)
}

fn after<'m>(message: &'m str, start: &str) -> Option<&'m str> {
    message.split_once(start)?.1.split('`').next()
}

#[cfg(test)]
mod tests;
