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
    /// User and system time, of all threads and of all processes that it started.
    pub cpu_s: f64,
    /// The same of the database servers that worked for it.
    pub servers_s: f64,
    /// The most memory that was ever resident.
    pub peak_kib: u64,
    /// How many cores everything else on the machine kept busy meanwhile. Well above 0, the run says little: a
    /// program with two threads then loses more than one with a single thread.
    pub others_cores: f64,
}

/// Runs it to its end. What it prints goes to a file beside the data and is shown if it fails.
pub fn run(command: &mut Command, log: &Path) -> Result<Run> {
    run_beside(command, log, &[])
}

/// The same for one that makes these servers work, each named by its main process.
pub fn run_beside(command: &mut Command, log: &Path, servers: &[u32]) -> Result<Run> {
    let line = process::shown(command);
    let file = |wrong| format!("cannot write {}: {wrong}", log.display());
    let output = File::create(log).map_err(file)?;
    let errors = output.try_clone().map_err(file)?;
    let (busy, ours, theirs) = (busy_s(), waited_for_s(), families_s(servers));
    let started = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let mut child = command.spawn().map_err(|err| format!("cannot start `{line}`: {err}"))?;
    let mut peak = 0;
    let status = loop {
        // Kept: a process that has just ended has none any more.
        peak = looked(child.id()).unwrap_or(peak);
        if let Some(status) = child.try_wait().map_err(|err| format!("cannot wait for `{line}`: {err}"))? {
            break status;
        }
        thread::sleep(LOOK_EVERY);
    };
    let wall_s = started.elapsed().as_secs_f64();
    let (cpu_s, servers_s) = (waited_for_s() - ours, families_s(servers) - theirs);
    let others_cores = ((busy_s() - busy - cpu_s - servers_s) / wall_s).max(0.0);
    if !status.success() {
        let printed = fs::read_to_string(log).unwrap_or_default();
        return Err(format!("`{line}` failed: {status}\n{}", printed.trim_end()).into());
    }
    Ok(Run { wall_s, cpu_s, servers_s, peak_kib: peak, others_cores })
}

/// The most memory that a process ever had resident, in KiB; none if it has ended.
pub fn looked(id: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{id}/status")).ok().and_then(|text| peak_kib(&text))
}

/// Of all processes that we have started and waited for, with those that they waited for.
fn waited_for_s() -> f64 {
    fs::read_to_string("/proc/self/stat").ok().and_then(|text| times(&text)).map_or(0.0, |times| times.children_s)
}

/// Of these processes, those that they started, and those that have ended: what a child used is then its parent's.
pub fn families_s(roots: &[u32]) -> f64 {
    if roots.is_empty() {
        return 0.0;
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats = ids.filter_map(|id| Some((id, times(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?)));
    let all: Vec<(u32, Times)> = stats.collect();
    // A server's processes are children of its main process, and nobody's parents.
    let family = all.iter().filter(|(id, times)| roots.contains(id) || roots.contains(&times.parent));
    family.map(|(_, times)| times.own_s + times.children_s).sum()
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What the kernel says of a process's time.
struct Times {
    parent: u32,
    own_s: f64,
    /// Of children that have ended and were waited for.
    children_s: f64,
}

/// Fields 4 and 14 to 17; the name in field 2 may hold spaces and brackets.
fn times(stat: &str) -> Option<Times> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let spent: Vec<f64> = fields.skip(9).take(4).flat_map(str::parse).collect();
    let [user, system, of_users, of_systems] = spent.as_slice() else { return None };
    Some(Times {
        parent,
        own_s: (user + system) / TICKS_PER_SECOND,
        children_s: (of_users + of_systems) / TICKS_PER_SECOND,
    })
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
