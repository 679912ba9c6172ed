//! Running a program and looking at it from outside, through `/proc`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::process;

/// Between two looks. A peak can only be missed if memory grows during the last of these before the end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The kernel counts processor time in these: `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub wall_s: f64,
    /// User and system time, of all threads.
    pub cpu_s: f64,
    /// The most memory that was ever resident.
    pub peak_kib: u64,
    /// How many cores everything else on the machine kept busy meanwhile. Well above 0, the run says little: a
    /// program with two threads then loses more than one with a single thread.
    pub others_cores: f64,
}

/// Runs it to its end. What it prints goes to a file beside the data and is shown if it fails.
pub fn run(command: &mut Command, log: &Path) -> Result<Run> {
    let line = process::shown(command);
    let file = |wrong| format!("cannot write {}: {wrong}", log.display());
    let output = File::create(log).map_err(file)?;
    let errors = output.try_clone().map_err(file)?;
    let busy = busy_s();
    let started = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut child = command.spawn().map_err(|err| format!("cannot start `{line}`: {err}"))?;
    let mut run = Run { wall_s: 0.0, cpu_s: 0.0, peak_kib: 0, others_cores: 0.0 };
    let status = loop {
        look(child.id(), &mut run);
        if let Some(status) = child.try_wait().map_err(|err| format!("cannot wait for `{line}`: {err}"))? {
            break status;
        }
        thread::sleep(LOOK_EVERY);
    };
    run.wall_s = started.elapsed().as_secs_f64();
    run.others_cores = ((busy_s() - busy - run.cpu_s) / run.wall_s).max(0.0);
    if !status.success() {
        let printed = fs::read_to_string(log).unwrap_or_default();
        return Err(format!("`{line}` failed: {status}\n{}", printed.trim_end()).into());
    }
    Ok(run)
}

/// Keeps the last values: a process that has just ended has none any more.
fn look(id: u32, run: &mut Run) {
    if let Some(peak) = fs::read_to_string(format!("/proc/{id}/status")).ok().and_then(|text| peak_kib(&text)) {
        run.peak_kib = peak;
    }
    if let Some(cpu) = fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|text| cpu_s(&text)) {
        run.cpu_s = cpu;
    }
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15; the name in field 2 may hold spaces and brackets.
fn cpu_s(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// What all processors together have worked since the machine started.
fn busy_s() -> f64 {
    fs::read_to_string("/proc/stat").ok().and_then(|text| all_cpus_s(&text)).unwrap_or(0.0)
}

/// The first line holds user, nice, system, idle, waiting, interrupts twice, and what other guests took.
fn all_cpus_s(stat: &str) -> Option<f64> {
    let fields: Vec<f64> = stat.lines().next()?.split_whitespace().skip(1).flat_map(str::parse).collect();
    let [user, nice, system, _, _, hard, soft, stolen, ..] = fields.as_slice() else { return None };
    Some((user + nice + system + hard + soft + stolen) / TICKS_PER_SECOND)
}

/// Lets what earlier runs left to the kernel reach the disk, so that the next run does not pay for it.
pub fn settle() -> Result<()> {
    process::run(&mut Command::new("sync"))
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        return upper;
    }
    middle.checked_sub(1).and_then(|lower| values.get(lower)).map_or(upper, |lower| (lower + upper) / 2.0)
}

#[cfg(test)]
mod tests;
