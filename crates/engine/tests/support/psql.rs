//! What a PostgreSQL database really holds, by the psql program.

use std::process::Command;

use super::binary::{Ran, fed, needs};

/// The session's settings: what is printed does not depend on the server's own, which are odd on purpose.
const SESSION: &str = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex \
                       -c extra_float_digits=1";

/// Runs SQL and gives what is printed: a row a line, `|` between the columns, `NULL` for null, everything else as the
/// server writes it. Panics if any of it fails. One session; each statement is a transaction, unless the script says
/// otherwise.
#[track_caller]
pub fn psql(url: &str, sql: &str) -> String {
    ran(url, sql).printed(sql)
}

/// Runs SQL that must fail, and gives what psql complains of: with the server's code, `ERROR:  23505: …`.
#[track_caller]
pub fn psql_refused(url: &str, sql: &str) -> String {
    ran(url, sql).complaint(sql)
}

/// Runs SQL and gives how it went.
#[track_caller]
pub fn ran(url: &str, sql: &str) -> Ran {
    fed(&mut program(url), sql)
}

/// The program on a database, for a script on its standard input. Without TLS, so that a proxy sees what is said; an
/// `sslmode` in the URL wins.
pub fn program(url: &str) -> Command {
    let mut command = Command::new(needs("/usr/bin/psql"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("PGOPTIONS", SESSION).env("PGCLIENTENCODING", "UTF8").env("PGCONNECT_TIMEOUT", "120");
    command.env("PGSSLMODE", "disable");
    command.args(["-X", "-q", "-A", "-t", "-F", "|", "-P", "null=NULL"]);
    command.args(["-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-f", "-"]);
    command.arg(url);
    command
}
