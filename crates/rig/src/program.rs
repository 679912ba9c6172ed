//! Other programs: finding them, running them, sending them signals.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// The first of these that exists, or the first of that name in the usual folders.
pub fn find(known: &[PathBuf], name: &str) -> Result<PathBuf> {
    let usual = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let usual = usual.map(|folder| Path::new(folder).join(name));
    let found = known.iter().chain(&usual).find(|path| path.exists());
    found.cloned().ok_or_else(|| format!("`{name}` is not installed: run `cargo xtask setup`"))
}

/// Runs it to its end with this input; what it printed on both its outputs.
pub fn run(command: &mut Command, input: &str) -> Result<String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|err| format!("cannot start `{name}`: {err}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends early says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|err| format!("cannot wait for `{name}`: {err}"))?;
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("`{name}` failed: {}\n{}", output.status, said.trim())) }
}

/// Sends a signal, by the shell's own command: the standard library has none. One who is gone already is no error.
pub fn signal(name: &str, processes: &BTreeSet<u32>) -> Result<()> {
    let ids = processes.iter().map(u32::to_string);
    let mut command = Command::new("sh");
    command.args(["-c", r#"for one; do kill -s "$0" "$one" 2>/dev/null; done; :"#, name]).args(ids);
    run(&mut command, "").map(|_| ())
}

/// Whether the process runs and is the one meant: its command line names the folder. The id may be another's by now.
pub fn runs(process: u32, folder: &Path) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    // One that has ended and was not waited for has no command line any more.
    String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
}

/// A process and all that it has started.
pub fn family(process: u32) -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<(u32, u32)> = all.into_iter().filter_map(|id| Some((id, status(id)?.0))).collect();
    let mut family = BTreeSet::from([process]);
    loop {
        let before = family.len();
        family.extend(
            parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(id, _)| *id).collect::<Vec<_>>(),
        );
        if family.len() == before {
            return family;
        }
    }
}

/// Waits until none of them runs any more; one that has only not been waited for counts as gone.
pub fn gone(processes: &BTreeSet<u32>, at_most: Duration) -> bool {
    let started = Instant::now();
    let runs = |process: &u32| status(*process).is_some_and(|(_, state)| state != 'Z' && state != 'X');
    while processes.iter().any(runs) {
        if started.elapsed() > at_most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Parent and state; the name in field 2 may hold spaces and brackets.
fn status(process: u32) -> Option<(u32, char)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}
