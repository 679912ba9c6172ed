//! The real program in a folder of its own, run as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The program under test.
pub const SYNCLINE: &str = env!("CARGO_BIN_EXE_syncline");

/// Longest that any run here may take, on a slow machine that has other things to do too; whoever needs longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Looks until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    seen(|| is_so().then_some(()).ok_or_else(|| format!("{what} never came")));
}

/// Asks until the answer is this.
#[track_caller]
pub fn until_answer(answer: &str, mut ask: impl FnMut() -> String) {
    seen(|| match ask() {
        last if last == answer => Ok(()),
        last => Err(format!("{last}, and never {answer}")),
    });
}

/// Looks until there is something to give; fails with what the last look has missed.
#[track_caller]
pub fn seen<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(missed) => assert!(begun.elapsed() < PATIENCE, "{missed}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder that goes with the test: the working directory of every command in it.
pub struct Folder(tempfile::TempDir);

/// A program under way; dropped, it is killed, so that a failing test leaves nothing behind.
#[derive(Debug)]
pub struct Running(Child);

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; absent if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Folder {
    /// An empty one, in memory where the system has such a drive: a killed process loses nothing that it wrote, so a
    /// disk would only make a thousand syncs slow.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        Self(tempfile::Builder::new().prefix("syncline-test-").tempdir_in(parent).unwrap())
    }

    /// A file in it, which need not exist.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs SQL on a database file by the sqlite3 program and gives what it prints.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        super::judge::sqlite3(&self.path(database), sql)
    }

    /// The program with these arguments, not yet started. Nothing of the caller's environment changes what it does.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(SYNCLINE, arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Any program, in the folder and with a plain environment.
    pub fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.root());
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("SYNCLINE_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.root()).env("TMPDIR", self.root()).env("COLUMNS", "100").env_remove("NO_COLOR");
        command
    }

    /// Starts the program.
    pub fn started(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The same; what it says goes to a file of the folder, to be read meanwhile.
    pub fn started_saying(&self, arguments: &[&str], file: &str) -> Running {
        let said = fs::File::create(self.path(file)).unwrap();
        Running(self.command(arguments).stdout(Stdio::piped()).stderr(said).spawn().unwrap())
    }

    /// Runs the program to its end.
    pub fn syncline(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        ended(&mut command).with_folder(self)
    }

    /// Everything that is in it, byte for byte; but for the files beside a WAL database, which SQLite makes for readers.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.root()).unwrap().map(Result::unwrap);
        let for_readers = |name: &str| name.ends_with("-shm") || name.ends_with("-wal");
        let files = entries.filter(|e| e.path().is_file() && !for_readers(&e.file_name().to_string_lossy()));
        files.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).unwrap())).collect()
    }

    /// Runs a command that must refuse: what it shows, after it was proved that no file appeared, went or changed.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str]) -> String {
        let before = self.contents();
        let refusal = self.syncline(arguments).refusal();
        let after = self.contents();
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before), "files came or went");
        assert!(after == before, "a file changed");
        refusal
    }

    /// Starts the program so that it stops for ever at the n-th time of a step. Absent if it ended before that.
    pub fn paused_at(&self, arguments: &[&str], step: &str, times: u32) -> Option<Running> {
        self.paused_or_ended(arguments, (step, times), &[0])
    }

    /// The same where the program may end with any of these codes before.
    pub fn paused_or_ended(&self, arguments: &[&str], (step, times): (&str, u32), ends: &[i32]) -> Option<Running> {
        let mut command = self.command(arguments);
        command.env("SYNCLINE_PAUSE_AT", format!("{step}:{times}")).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut running = Running(command.spawn().unwrap());
        let mut said = String::new();
        for line in BufReader::new(running.0.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("paused at") {
                return Some(running);
            }
            said.push_str(&line);
        }
        let status = running.0.wait().unwrap();
        let ends = status.code().is_some_and(|code| ends.contains(&code));
        assert!(ends, "{step}:{times}: ended by itself with {status}: {said}");
        None
    }
}

impl Ran {
    /// A finished command's account.
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same on every machine: the folder's own name is not shown.
    fn with_folder(self, folder: &Folder) -> Self {
        let hide = |text: &str| text.replace(&*folder.root().to_string_lossy(), "[folder]");
        Self { out: hide(&self.out), err: hide(&self.err), ..self }
    }

    /// The run ended with this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "signal {:?}\n--- out\n{}--- err\n{}", self.signal, self.out, self.err);
        self
    }

    /// The run went well and had nothing to complain about.
    #[track_caller]
    pub fn well(self) -> Self {
        let ran = self.exits(0);
        assert_eq!(ran.complaints(), "", "nothing belongs on standard error");
        ran
    }

    /// What stands on standard error, without the lines that a run of more than ten seconds prints of how far it got.
    pub fn complaints(&self) -> String {
        let is_progress =
            |line: &&str| line.ends_with(" MiB") || line.ends_with(" rows compared") || line.contains(" follows: ");
        self.err.lines().filter(|line| !is_progress(line)).collect()
    }

    /// What was printed, without the end of its last line; panics if the run failed.
    #[track_caller]
    pub fn printed(self, script: &str) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.err, script.get(..2000).unwrap_or(script));
        self.out.strip_suffix('\n').unwrap_or(&self.out).to_owned()
    }

    /// What was complained of; panics if the run went well.
    #[track_caller]
    pub fn complaint(self, script: &str) -> String {
        assert_ne!(self.code, Some(0), "this went well:\n{}", script.get(..2000).unwrap_or(script));
        self.err
    }

    /// The JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not one JSON document: {e}\n{}", self.out))
    }

    /// What a refused command shows: its exit code and its error. Standard output must be empty.
    #[track_caller]
    pub fn refusal(&self) -> String {
        assert_eq!(self.out, "", "a refusal prints nothing on standard output\n{}", self.err);
        format!("exit {}\n{}", self.code.map_or("by a signal".into(), |c| c.to_string()), self.err)
    }
}

impl Running {
    /// SIGKILL, now.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// It has not ended; if it has, the test fails with what it said.
    #[track_caller]
    pub fn goes_on(&mut self) {
        let Some(status) = self.0.try_wait().unwrap() else { return };
        panic!("it ended by itself with {status}{}", self.said());
    }

    /// Asks until the answer is this, while it goes on.
    #[track_caller]
    pub fn until_answer(&mut self, answer: &str, mut ask: impl FnMut() -> String) {
        let begun = Instant::now();
        loop {
            let last = ask();
            if last == answer {
                return;
            }
            self.goes_on();
            if begun.elapsed() > PATIENCE {
                // Nobody would read to the end of what a running one says.
                self.0.kill().unwrap();
                panic!("{last}, and never {answer}{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What one that has ended has said, for people.
    fn said(&mut self) -> String {
        let mut said = String::new();
        let (out, err) = (self.0.stdout.take(), self.0.stderr.take());
        let pipes = [("out", out.map(read_all)), ("err", err.map(read_all))];
        for (name, text) in pipes.into_iter().filter_map(|(name, pipe)| Some((name, pipe?.join().unwrap()))) {
            said.push_str(&format!("\n--- {name}\n{}", String::from_utf8_lossy(&text)));
        }
        said
    }

    /// Whether it has that file open.
    pub fn has_open(&self, path: &Path) -> bool {
        let path = path.canonicalize().unwrap();
        let open = fs::read_dir(format!("/proc/{}/fd", self.0.id())).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|open| open == path)
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        // The shell's own kill: the program of that name is not on every system.
        let status = Command::new("/bin/sh").args(["-c", &format!("kill -s {name} {}", self.0.id())]).status();
        assert!(status.unwrap().success(), "signal {name} was not sent");
    }

    /// Stops it (SIGSTOP) and waits until each of its threads stands still.
    pub fn freeze(&self) {
        self.signal("STOP");
        let stands = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['T', 'Z', 'X']))
        };
        while !fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap().map(Result::unwrap).all(stands) {
            std::thread::yield_now();
        }
    }

    /// The most memory it ever holds, in KiB, as far as that can be seen from outside: asked often until it ends.
    pub fn peak(&self) -> JoinHandle<u64> {
        let status = format!("/proc/{}/status", self.0.id());
        std::thread::spawn(move || {
            let mut peak = 0;
            // One that has ended has no memory to tell of.
            while let Some(kib) = fs::read_to_string(&status).ok().as_deref().and_then(peak_kib) {
                peak = kib;
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        })
    }

    /// Waits for its end, which must come by itself.
    #[track_caller]
    pub fn ends(self) -> Ran {
        self.ends_within(PATIENCE)
    }

    /// The same where a limit is promised.
    #[track_caller]
    pub fn ends_within(mut self, limit: Duration) -> Ran {
        // Read by threads: nobody may wait for a full pipe.
        let (out, err) = (read_all(self.0.stdout.take().unwrap()), self.0.stderr.take().map(read_all));
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > limit {
                self.0.kill().unwrap();
                self.0.wait().unwrap();
                let said = err.map_or_else(Vec::new, |err| err.join().unwrap());
                panic!("still running after {limit:?}\n--- err\n{}", String::from_utf8_lossy(&said));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran::of(Output {
            status,
            stdout: out.join().unwrap(),
            stderr: err.map_or_else(Vec::new, |err| err.join().unwrap()),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peak_kib(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// Runs a command to its end; panics if it takes too long.
#[track_caller]
pub fn ended(command: &mut Command) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running(child.unwrap_or_else(|e| panic!("{command:?}: {e}"))).ends()
}

/// Runs a command to its end with this text on its standard input.
#[track_caller]
pub fn fed(command: &mut Command, input: &str) -> Ran {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (mut pipe, text) = (child.stdin.take().unwrap(), input.to_owned());
    // From a thread: a long text and a long answer must not wait for each other. Who stops reading says why.
    std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    Running(child).ends()
}

/// A program of the system that a test cannot do without.
pub fn needs(program: &'static str) -> &'static str {
    assert!(Path::new(program).exists(), "{program} is missing; run `cargo xtask setup`");
    program
}

/// A shell script with `set -u` in a mount namespace of its own, so that what it mounts goes with it.
pub fn in_own_mounts(folder: &Folder, script: &str) -> Ran {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    // Whoever is not root may be it within a user namespace.
    let options: &[&str] = if root { &["--mount"] } else { &["--mount", "--map-root-user"] };
    let mut command = folder.program(needs("/usr/bin/unshare"), options);
    command.args(["sh", "-u", "-s"]).env("SYNCLINE", SYNCLINE).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).with_folder(folder);
    assert!(!ran.err.contains("unshare:"), "no mount namespace here; run the tests as root: {}", ran.err);
    ran
}
