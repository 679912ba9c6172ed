//! PostgreSQL: its programs, its data, its settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::address::{Address, PASSWORD};
use crate::server::Options;
use crate::{Result, folder, program};

/// Text sorts as most people's databases sort it; what needs the order of bytes has to ask for it.
const INITDB: &[&str] = &[
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--no-sync",
];

/// One statement a line: the single-user mode reads lines.
fn users() -> String {
    format!(
        "CREATE ROLE open_user LOGIN;\n\
         CREATE ROLE password_user LOGIN PASSWORD '{PASSWORD}';\n\
         CREATE ROLE tls_user LOGIN PASSWORD '{PASSWORD}';\n"
    )
}

/// The first line that fits decides.
const ACCESS: &str = "\
local    all          all                          trust
local    replication  all                          trust
hostssl  all          tls_user       127.0.0.1/32  scram-sha-256
host     all          tls_user       127.0.0.1/32  reject
host     all          password_user  127.0.0.1/32  scram-sha-256
host     all          all            127.0.0.1/32  trust
host     replication  all            127.0.0.1/32  trust
";

/// `unsafe`: the machine may lose power, for the data is thrown away. A killed server loses nothing that it has
/// acknowledged; see [`Options::survives_kill`].
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
fsync = off
dynamic_shared_memory_type = mmap
max_wal_size = 2GB
checkpoint_timeout = 30min
wal_level = logical
max_wal_senders = 50
max_replication_slots = 50
max_prepared_transactions = 50
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
lc_messages = 'C'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
password_encryption = 'scram-sha-256'
timezone = 'Asia/Kolkata'
datestyle = 'SQL, DMY'
intervalstyle = 'sql_standard'
bytea_output = 'escape'
extra_float_digits = 0
";

pub fn version() -> Result<String> {
    program::run(Command::new(binary("postgres")?).arg("--version"), "")
}

pub fn recipe() -> String {
    format!("{INITDB:?}{}", users())
}

pub fn initialise(account: &Account, folder: &Path) -> Result<()> {
    let data = folder.join("data");
    fs::create_dir(&data).map_err(|err| format!("cannot create {}: {err}", data.display()))?;
    account.own(&data)?;
    let mut initdb = account.command(&binary("initdb")?);
    program::run(initdb.args(INITDB).arg("-D").arg(&data).current_dir(folder), "")?;
    let mut single = account.command(&binary("postgres")?);
    let said =
        program::run(single.args(["--single", "-F", "-D"]).arg(&data).arg("postgres").current_dir(folder), &users())?;
    // It succeeds whatever its statements do.
    if said.contains("ERROR") { Err(format!("the users cannot be created\n{said}")) } else { Ok(()) }
}

pub fn configure(address: &Address, options: &Options) -> Result<Vec<PathBuf>> {
    let mut settings = SETTINGS.to_string();
    let mut set = |name: &str, value: &str| {
        settings.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
    };
    set("port", &address.port().to_string());
    set("unix_socket_directories", &address.socket_folder().to_string_lossy());
    set("full_page_writes", if options.survives_kill { "on" } else { "off" });
    for (name, value) in &options.settings {
        set(name, value);
    }
    let (conf, access) = (address.data().join("postgresql.conf"), address.data().join("pg_hba.conf"));
    folder::write(&conf, &settings)?;
    folder::write(&access, ACCESS)?;
    Ok(vec![conf, access])
}

pub fn serve(account: &Account, address: &Address) -> Result<Command> {
    let mut command = account.command(&binary("postgres")?);
    command.arg("-D").arg(address.data());
    Ok(command)
}

/// The server's own note about its state: the eighth line of its lock file. A killed one leaves its last note behind.
pub fn ready(address: &Address, process: u32) -> bool {
    let note = fs::read_to_string(address.data().join("postmaster.pid")).unwrap_or_default();
    let mut lines = note.lines().map(str::trim);
    lines.next() == Some(&process.to_string()) && lines.nth(6) == Some("ready")
}

/// A killed server leaves a small segment of shared memory, of which the system has only some thousands. Its key and id
/// are the seventh line of the lock file that it leaves, too.
pub fn sweep(address: &Address) -> Result<()> {
    let note = fs::read_to_string(address.data().join("postmaster.pid")).unwrap_or_default();
    let mut numbers = note.lines().nth(6).unwrap_or_default().split_whitespace();
    let (Some(key), Some(id)) = (numbers.next(), numbers.next()) else { return Ok(()) };
    let known = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    // Key, id, rights, size, creator, last user, number of users.
    let ours = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields.as_slice(), [k, i, _, _, _, _, "0", ..] if *k == key && *i == id)
    };
    if known.lines().any(|line| ours(&line)) {
        program::run(Command::new(program::find(&[], "ipcrm")?).args(["--shmem-id", id]), "")?;
    }
    Ok(())
}

/// Of the newest version that is installed.
fn binary(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut known: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .collect();
    known.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    program::find(&known.into_iter().map(|(_, path)| path).collect::<Vec<_>>(), name)
}
