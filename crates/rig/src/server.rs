//! One server, from its first start to its end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::address::Address;
use crate::watchdog::Watchdog;
use crate::{Brand, Result, folder, port, program, template};

/// Longest that a start may take on a slow machine: a server that was killed first repairs its data.
const START_MAX: Duration = Duration::from_secs(240);
/// Longest that an orderly stop may take there.
const STOP_MAX: Duration = Duration::from_secs(240);
/// Longest that the quickest end may take that leaves nothing behind.
const END_MAX: Duration = Duration::from_secs(60);
/// After SIGKILL.
const KILL_MAX: Duration = Duration::from_secs(60);
/// Two who start at the same time may choose the same port.
const PORTS_TRIED: usize = 10;

/// What a server is started for.
#[derive(Debug, Clone)]
pub struct Options {
    /// It ends with the process that started it, however that ends. Otherwise somebody must run [`crate::down`].
    pub watched: bool,
    /// What it acknowledged is still there after [`Server::kill`]. Costs a little on each write.
    pub survives_kill: bool,
    /// Further lines for the file of settings, name and value; they win over ours.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { watched: true, survives_kill: true, settings: Vec::new() }
    }
}

/// A server of our own. Dropped, it is gone with all its data.
#[derive(Debug)]
pub struct Server {
    address: Address,
    account: Account,
    options: Options,
    process: Option<Child>,
    watchdog: Option<Watchdog>,
    /// It outlives us.
    left: bool,
}

impl Server {
    /// Starts one with fresh data on a free port, and waits until it answers.
    ///
    /// # Errors
    /// If it is not installed or does not start; then with the end of its log.
    pub fn start(brand: Brand, options: &Options) -> Result<Server> {
        let account = Account::of(brand)?;
        let (data, certificates) = (template::data(brand, &account)?, template::certificates(&account)?);
        let folder = folder::create(brand.word())?;
        let watchdog = options.watched.then(|| Watchdog::start(&folder)).transpose()?;
        let address = Address { brand, folder, port: 0 };
        let options = options.clone();
        let mut server = Server { address, account, options, process: None, watchdog, left: false };
        server.furnish(&data, &certificates)?;
        for _ in 0..PORTS_TRIED {
            server.address.port = port::free()?;
            match server.launch() {
                Err(text) if text.contains("ddress already in use") => {}
                started => return started.map(|()| server),
            }
        }
        Err(format!("{} found no port in {PORTS_TRIED} attempts", brand.word()))
    }

    /// Where it is. The port stays the same over restarts.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The server's main process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Stops it in order: clients are cut off, transactions under way are rolled back, data is kept.
    ///
    /// # Errors
    /// If it does not stop within some minutes.
    pub fn stop(&mut self) -> Result<()> {
        self.end(self.address.brand.stop_signal(), STOP_MAX)
    }

    /// Kills it, all its processes at once, as `kill -9` does. Data is kept.
    ///
    /// # Errors
    /// If it does not die.
    pub fn kill(&mut self) -> Result<()> {
        self.end("KILL", KILL_MAX)
    }

    /// Starts it again after [`Server::stop`] or [`Server::kill`]; stops it first if it runs.
    ///
    /// # Errors
    /// If it does not stop or does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.launch()
    }

    /// Lets it run on after us.
    pub(crate) fn leave(mut self) {
        self.left = true;
    }

    /// Its data, certificates and the folder of its socket.
    fn furnish(&self, data: &Path, certificates: &Path) -> Result<()> {
        let address = &self.address;
        template::copy(&data.join("data"), &address.data())?;
        template::copy(&certificates.join("ca.pem"), &address.ca_file())?;
        folder::mode(&address.ca_file(), 0o644)?;
        for file in ["server.pem", "server.key"] {
            let path = address.data().join(file);
            template::copy(&certificates.join(file), &path)?;
            folder::mode(&path, 0o600)?;
            self.account.own(&path)?;
        }
        let socket = address.socket_folder();
        fs::create_dir(&socket).map_err(|err| format!("cannot create {}: {err}", socket.display()))?;
        folder::mode(&socket, 0o700)?;
        self.account.own(&socket)
    }

    fn launch(&mut self) -> Result<()> {
        let address = &self.address;
        for file in address.brand.configure(address, &self.options)? {
            self.account.own(&file)?;
            folder::mode(&file, 0o600)?;
        }
        let open = File::create(address.log_file()).and_then(|log| Ok((log.try_clone()?, log)));
        let (log, errors) = open.map_err(|err| format!("cannot write {}: {err}", address.log_file().display()))?;
        let mut command = address.brand.serve(&self.account, address)?;
        command.current_dir(address.folder()).stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|err| format!("cannot start {}: {err}", address.brand.word()))?;
        folder::write(&address.folder().join("pid"), &child.id().to_string())?;
        let child = self.process.insert(child);
        let started = Instant::now();
        let failure = loop {
            if let Ok(Some(status)) = child.try_wait() {
                break format!("ended: {status}");
            }
            if address.brand.ready(address, child.id()) {
                return Ok(());
            }
            if started.elapsed() > START_MAX {
                break format!("does not answer after {} s", START_MAX.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let text = format!("{} did not start: it {failure}\n{}", address.brand.word(), log_end(address));
        self.kill()?;
        Err(text)
    }

    fn end(&mut self, signal: &str, at_most: Duration) -> Result<()> {
        let Some(child) = &mut self.process else { return Ok(()) };
        let wrong = |err| format!("cannot wait for {}: {err}", self.address.brand.word());
        if child.try_wait().map_err(wrong)?.is_none() {
            end(child.id(), signal, at_most)?;
            child.wait().map_err(wrong)?;
        }
        self.process = None;
        // Somebody else may get this id next.
        folder::write(&self.address.folder().join("pid"), "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // Nobody is there to hear of an error, and the watchdog does the rest.
        let _ = self.end(self.address.brand.end_signal(), END_MAX).or_else(|_| self.kill());
        let _ = discard(&self.address);
        drop(self.watchdog.take());
    }
}

/// Ends a server that somebody else has started, with all its data.
pub fn finish(address: &Address, process: u32) -> Result<()> {
    end(process, address.brand.end_signal(), END_MAX).or_else(|_| end(process, "KILL", KILL_MAX))?;
    discard(address)
}

/// Removes all that is left of a server that does not run.
pub fn discard(address: &Address) -> Result<()> {
    address.brand.sweep(address)?;
    folder::remove(address.folder())
}

/// Signals the main process; for KILL, which it cannot pass on, its whole family.
fn end(process: u32, signal: &str, at_most: Duration) -> Result<()> {
    let main = BTreeSet::from([process]);
    let family = if signal == "KILL" {
        // Halted, it starts nobody who would not be killed.
        program::signal("STOP", &main)?;
        program::family(process)
    } else {
        main
    };
    program::signal(signal, &family)?;
    if program::gone(&family, at_most) {
        return Ok(());
    }
    Err(format!("process {process} still runs {} s after SIG{signal}", at_most.as_secs()))
}

/// The last lines that the server has written.
fn log_end(address: &Address) -> String {
    let log = fs::read(address.log_file()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
