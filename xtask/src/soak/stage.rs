//! Where the soak plays: servers, the network between them and the program, databases and jobs.
//!
//! Each brand is the source of one job, and each job has sinks of all three brands: nine lanes in three processes. Sources
//! and sinks are on different servers, so that each can die by itself. The program reaches them through proxies, the
//! application and the judges directly.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_rig::proxy::Proxy;
use syncline_rig::{Address, Brand, Options, Server, Session};

use super::workload;
use crate::bench::{data, servers};
use crate::failure::Result;
use crate::{process, tree};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Mariadb,
    Sqlite,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Postgres, Kind::Mariadb, Kind::Sqlite];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mariadb",
            Kind::Sqlite => "sqlite",
        }
    }
}

/// A server that is killed now and then, and the network before it.
pub struct Machine {
    pub name: String,
    pub address: Address,
    pub server: Mutex<Server>,
    pub proxy: Proxy,
}

impl Machine {
    fn start(brand: Brand, role: &str) -> Result<Machine> {
        let settings = match brand {
            Brand::Postgres => vec![("max_connections", "300")],
            Brand::Mariadb => vec![("max_connections", "300"), ("innodb_lock_wait_timeout", "20")],
        };
        let settings = settings.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let server = Server::start(brand, &Options { settings, ..Options::default() })?;
        let (address, proxy) = (server.address().clone(), Proxy::to(server.address()));
        Ok(Machine { name: format!("{role} {}", brand.word()), address, server: Mutex::new(server), proxy })
    }
}

/// A database: a source, or one of its sinks.
pub struct Base {
    /// As the configuration calls it.
    pub name: String,
    pub kind: Kind,
    at: At,
    /// What the clients complain of.
    complaints: PathBuf,
}

enum At {
    Server { address: Address, proxy: u16, database: String },
    File(PathBuf),
}

impl Base {
    /// Its own client, for statements on its command line or its standard input.
    pub fn client(&self) -> Command {
        match &self.at {
            At::Server { address, database, .. } => servers::client(address, database),
            At::File(path) => {
                let mut command = data::sqlite3(path);
                command.args(["-cmd", ".timeout 60000", "-cmd", "PRAGMA foreign_keys = ON"]);
                command
            }
        }
    }

    /// A session of its client, which ends with the first error.
    pub fn session(&self) -> Result<Session> {
        let mut client = self.client();
        let complaints = OpenOptions::new().create(true).append(true).open(&self.complaints);
        client.stderr(complaints.map_or_else(|_| Stdio::null(), Stdio::from));
        let session = match self.kind {
            Kind::Postgres => Session::open(client, "\\echo that is all")?,
            Kind::Mariadb => {
                client.arg("--unbuffered");
                let mut session = Session::open(client, "SELECT 'that is all' //")?;
                // So that several statements are one request.
                session.tells("DELIMITER //")?;
                session
            }
            Kind::Sqlite => {
                let mut session = Session::open(client, ".print that is all")?;
                // A process that is killed loses nothing by that.
                session.tells("PRAGMA synchronous = OFF;")?;
                session
            }
        };
        Ok(session)
    }

    /// What a query prints: a row a line, `|` between the columns.
    pub fn asked(&self, sql: &str) -> Result<String> {
        let mut client = self.client();
        match self.kind {
            Kind::Postgres => client.args(["--command", sql]),
            Kind::Mariadb => client.args(["--quick", "--execute", sql]),
            Kind::Sqlite => client.arg(sql),
        };
        Ok(process::output(&mut client)?.replace('\t', "|"))
    }

    /// As the program reaches it.
    fn url(&self) -> String {
        match &self.at {
            At::Server { address, proxy, database } => servers::plain(&address.through(*proxy), database),
            At::File(path) => format!("sqlite:{}", path.display()),
        }
    }
}

/// One job: a source, and a sink of each brand.
pub struct Job {
    pub name: String,
    pub from: Base,
    pub to: Vec<Base>,
    /// For each sink how many states of it its reader has told apart.
    pub states: Vec<AtomicU64>,
    /// For each writer the last transaction that it may have committed.
    pub sent: Vec<AtomicU32>,
    /// Every sink has all tables; from now on each state of a sink is one that the source had.
    pub loaded: AtomicBool,
}

pub struct Stage {
    pub folder: PathBuf,
    pub machines: Vec<Machine>,
    pub jobs: Vec<Job>,
    program: PathBuf,
}

impl Stage {
    /// Starts everything but the program.
    pub fn start(seed: u64, program: PathBuf) -> Result<Stage> {
        let folder = folder(seed)?;
        let mut machines = Vec::new();
        for role in ["source", "sink"] {
            for brand in Brand::ALL {
                machines.push(Machine::start(brand, role)?);
            }
        }
        let base = |kind: Kind, role: &str, database: String| -> Result<Base> {
            let at = match kind {
                Kind::Sqlite => At::File(folder.join(format!("{database}.db"))),
                _ => on_server(&machines, &format!("{role} {}", kind.word()), &database)?,
            };
            let complaints = folder.join("clients.log");
            Ok(Base { name: format!("{database}_in_{}", kind.word()), kind, at, complaints })
        };
        // Servers made from one template are told apart by the numbers of their databases only.
        base(Kind::Postgres, "sink", "other".to_string())?;
        let mut jobs = Vec::new();
        for kind in Kind::ALL {
            let from = base(kind, "source", "shop".to_string())?;
            let to = Kind::ALL.iter().map(|to| base(*to, "sink", format!("of_{}", kind.word())));
            let to = to.collect::<Result<Vec<Base>>>()?;
            let sent = (0..workload::WRITERS).map(|_| AtomicU32::new(0)).collect();
            let loaded = AtomicBool::new(false);
            let states = to.iter().map(|_| AtomicU64::new(0)).collect();
            jobs.push(Job { name: format!("from_{}", kind.word()), from, to, states, sent, loaded });
        }
        let stage = Stage { folder, machines, jobs, program };
        stage.configure()?;
        for job in &stage.jobs {
            job.from.asked(&workload::schema(job.from.kind))?;
            process::output(&mut stage.syncline(&["install", &job.name]))?;
        }
        Ok(stage)
    }

    /// The program as a user would call it in the folder.
    pub fn syncline(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn configure(&self) -> Result<()> {
        let mut text = String::from("version: 1\nconnections:\n");
        for base in self.jobs.iter().flat_map(|job| [&job.from].into_iter().chain(&job.to)) {
            text.push_str(&format!("  {}: \"{}\"\n", base.name, base.url()));
        }
        text.push_str("jobs:\n");
        for job in &self.jobs {
            let to: Vec<&str> = job.to.iter().map(|base| base.name.as_str()).collect();
            let (name, from) = (&job.name, &job.from.name);
            let to = to.join(", ");
            text.push_str(&format!("  {name}: {{from: {from}, to: [{to}], capture: trigger, install: auto}}\n"));
        }
        let file = self.folder.join("syncline.yaml");
        Ok(fs::write(&file, text).map_err(|err| format!("cannot write {}: {err}", file.display()))?)
    }

    /// What the servers have written, for whoever looks into the folder when they are gone.
    pub fn keep_logs(&self) {
        for machine in &self.machines {
            let name = format!("{}.log", machine.name.replace(' ', "-"));
            let _ = fs::copy(machine.address.log_file(), self.folder.join(name));
        }
    }
}

/// An empty database on one of the servers.
fn on_server(machines: &[Machine], name: &str, database: &str) -> Result<At> {
    let machine = machines.iter().find(|machine| machine.name == name);
    let machine = machine.ok_or_else(|| format!("there is no server `{name}`"))?;
    let address = machine.address.clone();
    let first = match address.brand() {
        Brand::Postgres => "postgres",
        Brand::Mariadb => "mysql",
    };
    let mut client = servers::client(&address, first);
    let option = if address.brand() == Brand::Postgres { "--command" } else { "--execute" };
    process::output(client.args([option, &format!("CREATE DATABASE {database}")]))?;
    Ok(At::Server { address, proxy: machine.proxy.port(), database: database.to_string() })
}

/// In memory where the system has such a drive: a killed process loses nothing that it wrote.
fn folder(seed: u64) -> Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_path_buf() } else { tree::target() };
    let folder = parent.join(format!("syncline-soak-{seed}-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|err| format!("cannot create {}: {err}", folder.display()))?;
    Ok(folder)
}

/// Appends to a file of the folder.
pub fn log(folder: &Path, name: &str) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join(name));
    Ok(file.map_err(|err| format!("cannot write {name} in {}: {err}", folder.display()))?)
}

/// A lock that a thread which failed has held is as good as any.
pub fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
