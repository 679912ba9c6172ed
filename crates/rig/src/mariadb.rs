//! MariaDB: its programs, its data, its settings.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::account::Account;
use crate::address::{Address, PASSWORD};
use crate::server::Options;
use crate::{Result, folder, program};

/// Small, for each private server copies it.
const REDO_LOG: &str = "--innodb-log-file-size=48M";

const INSTALL: &[&str] =
    &["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", REDO_LOG];

/// While the data is made no rights are loaded yet. Of the superusers by TCP, one is left for all hosts.
fn users() -> String {
    format!(
        "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';\n\
         FLUSH PRIVILEGES;\n\
         CREATE USER root@'%';\n\
         GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n\
         CREATE USER open_user@'%';\n\
         CREATE USER password_user@'%' IDENTIFIED BY '{PASSWORD}';\n\
         CREATE USER tls_user@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;\n"
    )
}

/// The collation is Debian's: without regard to case. The zone has no name, for the tables of names are empty.
const SETTINGS: &str = "\
[mariadbd]
bind_address = 127.0.0.1
skip_name_resolve = on
max_connections = 200
character_set_server = utf8mb4
collation_server = utf8mb4_general_ci
default_time_zone = +05:30
server_id = 1
log_bin = binlog
binlog_format = ROW
binlog_row_metadata = FULL
sync_binlog = 0
local_infile = on
innodb_buffer_pool_size = 64M
innodb_log_file_size = 48M
innodb_use_native_aio = off
performance_schema = off
";

pub fn version() -> Result<String> {
    program::run(Command::new(server()?).args(["--no-defaults", "--version"]), "")
}

pub fn recipe() -> String {
    format!("{INSTALL:?}{}", users())
}

pub fn initialise(account: &Account, folder: &Path) -> Result<()> {
    let (data, sql) = (folder.join("data"), folder.join("users.sql"));
    fs::create_dir(&data).map_err(|err| format!("cannot create {}: {err}", data.display()))?;
    account.own(&data)?;
    folder::write(&sql, &users())?;
    folder::mode(&sql, 0o644)?;
    let mut install = account.command(&program::find(&[], "mariadb-install-db")?);
    let named = |name: &str, path: &Path| format!("--{name}={}", path.display());
    install.args(INSTALL).args([named("datadir", &data), named("extra-file", &sql)]);
    program::run(install.current_dir(folder), "").map(|_| ())
}

pub fn configure(address: &Address, options: &Options) -> Result<Vec<PathBuf>> {
    let mut settings = SETTINGS.to_string();
    let mut set = |name: &str, value: &str| settings.push_str(&format!("{name} = {value}\n"));
    set("port", &address.port().to_string());
    for (name, path) in [
        ("datadir", address.data()),
        ("socket", socket(address)),
        // Its own: a server that starts removes the temporary tables of whoever else uses the same folder.
        ("tmpdir", address.socket_folder()),
        ("pid_file", address.data().join("mariadbd.pid")),
        ("ssl_ca", address.ca_file()),
        ("ssl_cert", address.data().join("server.pem")),
        ("ssl_key", address.data().join("server.key")),
    ] {
        set(name, &path.to_string_lossy());
    }
    set("innodb_flush_log_at_trx_commit", if options.survives_kill { "2" } else { "0" });
    set("innodb_doublewrite", if options.survives_kill { "on" } else { "off" });
    for (name, value) in &options.settings {
        set(name, value);
    }
    let file = file(address);
    folder::write(&file, &settings)?;
    Ok(vec![file])
}

pub fn serve(account: &Account, address: &Address) -> Result<Command> {
    let mut command = account.command(&server()?);
    command.arg(format!("--defaults-file={}", file(address).display()));
    Ok(command)
}

/// It greets whoever connects, but for one too many and while it is not ready: then comes an error, marked by 0xff.
pub fn ready(address: &Address) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket(address)) else { return false };
    let mut start = [0; 5];
    let patient = stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok();
    patient && stream.read_exact(&mut start).is_ok() && !start.ends_with(&[0xff])
}

fn server() -> Result<PathBuf> {
    program::find(&[], "mariadbd")
}

fn socket(address: &Address) -> PathBuf {
    address.socket_folder().join("socket")
}

fn file(address: &Address) -> PathBuf {
    address.folder().join("my.cnf")
}
