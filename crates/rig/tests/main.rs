//! A private server ends with its owner, however that ends.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test says what went wrong by failing"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Somebody who holds a server, and what is known of it.
struct Owner {
    program: Child,
    process: PathBuf,
    folder: PathBuf,
    /// PostgreSQL's own segment of shared memory, by its key. The system has only some thousands.
    segment: Option<String>,
}

impl Owner {
    fn of(brand: &str) -> Owner {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline-rig"));
        let command = command.arg(brand).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told = |word: &str| lines.find_map(|line| line.strip_prefix(word).map(str::to_owned)).unwrap();
        let process = Path::new("/proc").join(told("process ")).join("exe");
        let folder = Path::new(&told("log ")).parent().unwrap().to_owned();
        let lock = std::fs::read_to_string(folder.join("data/postmaster.pid")).ok();
        let segment = lock.map(|lock| lock.lines().nth(6).unwrap().split_whitespace().next().unwrap().to_owned());
        let owner = Owner { program, process, folder, segment };
        assert!(owner.is_there(), "it does not run: {}", owner.folder.display());
        assert_eq!(owner.has_segment(), brand == "postgres");
        owner
    }

    /// Its server or any file of it.
    fn is_there(&self) -> bool {
        self.process.exists() || self.folder.exists()
    }

    fn has_segment(&self) -> bool {
        let known = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        self.segment.as_ref().is_some_and(|key| known.lines().any(|line| line.split_whitespace().next() == Some(key)))
    }
}

#[test]
fn a_server_ends_with_its_owner() {
    for brand in ["postgres", "mariadb"] {
        let mut owner = Owner::of(brand);
        drop(owner.program.stdin.take());
        assert!(owner.program.wait().unwrap().success());
        // At once: the owner has waited for it.
        assert!(!owner.is_there() && !owner.has_segment(), "{}", owner.folder.display());
    }
}

#[test]
fn a_server_ends_when_its_owner_is_killed() {
    for brand in ["postgres", "mariadb"] {
        let mut owner = Owner::of(brand);
        owner.program.kill().unwrap();
        owner.program.wait().unwrap();
        let began = Instant::now();
        while owner.is_there() {
            assert!(began.elapsed() < Duration::from_secs(240), "{} is still there", owner.folder.display());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!owner.has_segment());
    }
}

#[test]
fn a_misspelled_brand_is_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline-rig"));
    let mut program = command.arg("postgre").stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "rig: there is no brand `postgre`\n");
    assert_eq!(program.wait().unwrap().code(), Some(1));
}
