//! The servers that all tests share, and the file that says where they are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::server::{Options, Server, discard, finish};
use crate::{Address, Brand, Result, folder, program};

/// What every error here ends with.
const ADVICE: &str = "run `cargo xtask up`";

/// The servers of `cargo xtask up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// PostgreSQL.
    pub postgres: Address,
    /// MariaDB.
    pub mariadb: Address,
}

impl Shared {
    /// The one of a brand.
    #[must_use]
    pub fn of(&self, brand: Brand) -> &Address {
        match brand {
            Brand::Postgres => &self.postgres,
            Brand::Mariadb => &self.mariadb,
        }
    }
}

/// Servers that are up. Dropped, they go down again, unless they were up before or were left.
#[derive(Debug)]
pub struct Up {
    shared: Shared,
    started: Vec<Server>,
}

impl Up {
    /// Where they are.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether they were up already.
    #[must_use]
    pub fn was_up(&self) -> bool {
        self.started.is_empty()
    }

    /// Lets them run on after us, until [`down`].
    pub fn leave(mut self) {
        for server in self.started.drain(..) {
            server.leave();
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if !self.started.is_empty() {
            // Nobody is there to hear of an error; a file left behind is found to be stale.
            let _ = fs::remove_file(file());
        }
    }
}

/// The servers that `cargo xtask up` has started and that still run.
///
/// # Errors
/// If there are none.
pub fn shared() -> Result<Shared> {
    let known = read()?;
    let place = |brand: Brand| {
        let entry = known.iter().find(|entry| entry.address.brand == brand);
        let entry = entry.ok_or_else(|| format!("the test servers are not up: {ADVICE}"))?;
        if entry.runs() {
            return Ok(entry.address.clone());
        }
        Err(format!("the test server {} is gone: {ADVICE}", brand.word()))
    };
    Ok(Shared { postgres: place(Brand::Postgres)?, mariadb: place(Brand::Mariadb)? })
}

/// Starts the shared servers, unless they are up. `watched` ones end with this process.
///
/// # Errors
/// If one does not start; then the other does not stay up either.
pub fn up(watched: bool) -> Result<Up> {
    if let Ok(shared) = shared() {
        return Ok(Up { shared, started: Vec::new() });
    }
    down()?;
    let options = Options { watched, survives_kill: false, settings: Vec::new() };
    let start = |brand| Server::start(brand, &options);
    let (postgres, mariadb) = std::thread::scope(|scope| {
        let other = scope.spawn(|| start(Brand::Mariadb));
        (start(Brand::Postgres), other.join().unwrap_or_else(|_| Err("the start of MariaDB failed".into())))
    });
    let started = vec![postgres?, mariadb?];
    write(&started)?;
    Ok(Up { shared: shared()?, started })
}

/// Ends the shared servers, with all their data. Whether there were any.
///
/// # Errors
/// If one does not end.
pub fn down() -> Result<bool> {
    let mut any = false;
    for entry in read()? {
        if entry.runs() {
            any = true;
            finish(&entry.address, entry.process)?;
        } else {
            discard(&entry.address)?;
        }
    }
    match fs::remove_file(file()) {
        Err(err) if err.kind() != ErrorKind::NotFound => Err(format!("cannot remove {}: {err}", file().display())),
        _ => Ok(any),
    }
}

/// Where everything of ours is: `rig` in the folder that cargo builds into.
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root.join(target).join("rig"),
        None => root.join("target/rig"),
    }
}

fn file() -> PathBuf {
    folder().join("servers")
}

/// A line of the file.
struct Entry {
    address: Address,
    process: u32,
}

impl Entry {
    fn runs(&self) -> bool {
        program::runs(self.process, self.address.folder())
    }
}

fn read() -> Result<Vec<Entry>> {
    let text = match fs::read_to_string(file()) {
        Ok(text) => text,
        Err(err) if err.kind() == ErrorKind::NotFound => String::new(),
        Err(err) => return Err(format!("cannot read {}: {err}", file().display())),
    };
    let entries: Option<Vec<Entry>> = text.lines().map(entry).collect();
    entries.ok_or_else(|| format!("{} makes no sense: delete it and {ADVICE}", file().display()))
}

/// `BRAND PORT PROCESS FOLDER`
fn entry(line: &str) -> Option<Entry> {
    let mut words = line.splitn(4, ' ');
    let brand = words.next()?;
    let brand = Brand::ALL.into_iter().find(|known| known.word() == brand)?;
    let (port, process) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Entry { address: Address { brand, port, folder: words.next()?.into() }, process })
}

fn write(servers: &[Server]) -> Result<()> {
    let mut text = String::new();
    for server in servers {
        let Address { brand, port, folder } = server.address();
        let process = server.process().unwrap_or_default();
        text.push_str(&format!("{} {port} {process} {}\n", brand.word(), folder.display()));
    }
    folder::write(&file(), &text)
}
