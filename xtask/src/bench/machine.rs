//! What the figures depend on besides us.

use std::fs;
use std::process::Command;

use crate::{process, tree};

/// One line of Markdown.
pub fn facts() -> String {
    let git = ["describe", "--always", "--dirty", "--abbrev=12"];
    let facts = [
        field("/proc/cpuinfo", "model name"),
        std::thread::available_parallelism().map_or_else(|_| "unknown cores".into(), |cores| format!("{cores} cores")),
        memory(),
        format!("Linux {}", first_word(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default())),
        // Other work on the machine slows both sides, but not always both alike.
        format!("load {} before", first_word(&fs::read_to_string("/proc/loadavg").unwrap_or_default())),
        words(&printed(Command::new("rustc").arg("--version")), 2),
        format!("sqlite3 {}", first_word(&printed(Command::new("sqlite3").arg("--version")))),
        format!("Syncline {}", printed(Command::new("git").args(git).current_dir(tree::root()))),
    ];
    facts.join(", ")
}

fn printed(command: &mut Command) -> String {
    process::output(command).map_or_else(|_| "unknown".into(), |text| text.trim().to_string())
}

fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or_else(|| "unknown".into(), |(_, value)| value.trim().to_string())
}

fn memory() -> String {
    match first_word(&field("/proc/meminfo", "MemTotal")).parse::<f64>() {
        Ok(kib) => format!("{:.0} GiB", kib / 1024.0 / 1024.0),
        Err(_) => "unknown memory".to_string(),
    }
}

fn first_word(text: &str) -> String {
    words(text, 1)
}

fn words(text: &str, count: usize) -> String {
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}
