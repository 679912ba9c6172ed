//! What a MariaDB database really holds, by the mariadb program.

use std::process::Command;

use url::Url;

use super::binary::{Ran, fed, needs};

/// Runs SQL and gives what is printed: a row a line, `|` between the columns, `NULL` for null. In a value, a tab, the
/// end of a line, a zero byte and a backslash are written as `\t`, `\n`, `\0` and `\\`. Panics if any of it fails.
///
/// The session is in UTC. Of the program's own commands only `DELIMITER` works.
#[track_caller]
pub fn mariadb(url: &str, sql: &str) -> String {
    // In a value a tab is always written as two characters.
    ran(url, sql).printed(sql).replace('\t', "|")
}

/// Runs SQL that must fail, and gives what the program complains of: with the server's code, `ERROR 1062 (23000) …`.
#[track_caller]
pub fn mariadb_refused(url: &str, sql: &str) -> String {
    ran(url, sql).complaint(sql)
}

/// Runs SQL and gives how it went.
#[track_caller]
pub fn ran(url: &str, sql: &str) -> Ran {
    fed(&mut program(url), sql)
}

/// The program on a database, for a script on its standard input. Without TLS, so that a proxy sees what is said; an
/// argument `--ssl` added to it wins.
pub fn program(url: &str) -> Command {
    let url = Url::parse(url).unwrap();
    let mut command = Command::new(needs("/usr/bin/mariadb"));
    command.args(["--no-defaults", "--batch", "--skip-column-names", "--binary-mode", "--comments", "--protocol=tcp"]);
    command.args(["--default-character-set=utf8mb4", "--connect-timeout=120", "--skip-ssl"]);
    command.arg("--init-command=SET time_zone = '+00:00'");
    command.arg(format!("--host={}", url.host_str().unwrap()));
    command.arg(format!("--port={}", url.port().unwrap()));
    command.arg(format!("--user={}", decoded(url.username())));
    command.arg(format!("--password={}", decoded(url.password().unwrap_or_default())));
    let database = decoded(url.path().trim_start_matches('/'));
    if !database.is_empty() {
        command.arg(format!("--database={database}"));
    }
    command
}

/// A part of a URL as it is meant.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        if let Some(byte) = code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            bytes.push(byte);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).unwrap()
}
