//! The product while it follows, seen from outside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use syncline_rig::Session;

use super::super::{measure, product};
use super::end::End;
use super::looks;
use crate::failure::Result;
use crate::process;

/// While tables are loaded nobody is in a hurry, and the looks must not disturb.
pub const LOADING: Patience = Patience { every: Duration::from_millis(50), at_most: Duration::from_secs(900) };
/// Longest that it may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);

/// How often it is asked, and how long.
#[derive(Clone, Copy)]
pub struct Patience {
    pub every: Duration,
    pub at_most: Duration,
}

/// A running process. Dropped, it is killed.
pub struct Follower {
    child: Child,
    log: PathBuf,
}

impl Follower {
    /// `traced` says what goes into the log besides warnings.
    pub fn start(config: &Path, log: &Path, traced: Option<&str>) -> Result<Follower> {
        let file = |err| format!("cannot write {}: {err}", log.display());
        let output = File::create(log).map_err(file)?;
        let errors = output.try_clone().map_err(file)?;
        let mut command = product::syncline();
        command.args(["run", "live", "--follow", "--config"]).arg(config);
        command.env("SYNCLINE_LOG", traced.unwrap_or("warn"));
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().map_err(|err| format!("cannot start `{}`: {err}", process::shown(&command)))?;
        Ok(Follower { child, log: log.to_path_buf() })
    }

    /// Asks again and again until the answer is yes.
    pub fn until(&mut self, mut asks: impl FnMut() -> Result<bool>, patience: Patience) -> Result<()> {
        let began = Instant::now();
        while !asks()? {
            if let Some(status) = self.child.try_wait().map_err(|err| format!("cannot wait for syncline: {err}"))? {
                return Err(format!("syncline ended while it should follow: {status}\n{}", self.said()).into());
            }
            if began.elapsed() > patience.at_most {
                let waited = began.elapsed().as_secs();
                return Err(format!("the sink does not hold what it should after {waited} s\n{}", self.said()).into());
            }
            thread::sleep(patience.every);
        }
        Ok(())
    }

    /// Waits until the sink has these tables with that row; loading them is not disturbed by the looks. Gives a session that
    /// looks at the sink, and its question for the newest row.
    pub fn until_loaded(&mut self, sink: &End, tables: &[&str], row: u64) -> Result<(Session, String)> {
        let (mut watch, known, highest) = (sink.session()?, sink.known(tables), sink.highest(tables));
        self.until(|| Ok(looks::number(&mut watch, &known)? == tables.len() as u64), LOADING)?;
        self.until(|| Ok(looks::number(&mut watch, &highest)? >= row), LOADING)?;
        Ok((watch, highest))
    }

    pub fn cpu_s(&self) -> f64 {
        measure::families_s(&[self.child.id()])
    }

    /// The most memory that was ever resident.
    pub fn peak(&self) -> Result<String> {
        let peak = measure::looked(self.child.id()).ok_or_else(|| "syncline has ended too early".to_string())?;
        Ok(format!("{:.1} MB", peak as f64 * 1024.0 / 1e6))
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        process::run(Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]))?;
        let began = Instant::now();
        loop {
            match self.child.try_wait().map_err(|err| format!("cannot wait for syncline: {err}"))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("syncline ended with {status}\n{}", self.said()).into()),
                None if began.elapsed() > STOP_MAX => {
                    return Err(format!("syncline still runs {} s after SIGTERM", STOP_MAX.as_secs()).into());
                }
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
