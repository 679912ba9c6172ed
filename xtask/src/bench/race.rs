//! Programs that do the same work in turns, each checked, each against the others.

use std::path::PathBuf;
use std::process::Command;

use super::measure::{self, Run};
use super::report::{Report, speed, wall_s};
use super::servers::{self, Place};
use super::{RUNS, Setting};
use crate::failure::Result;

/// One program that takes part.
pub struct Side<'a> {
    pub name: &'a str,
    /// Brings the sink to where the run begins; not measured.
    prepare: &'a dyn Fn() -> Result<()>,
    command: Box<dyn Fn() -> Command + 'a>,
    /// What the sink's own program says of what is there now.
    check: &'a dyn Fn() -> Result<String>,
    ours: bool,
    /// The yardsticks by name, and what ratio to them is wanted.
    against: &'a [(&'a str, &'a str)],
    /// What is wanted of its speed.
    wanted: &'a str,
}

impl<'a> Side<'a> {
    /// A yardstick.
    pub fn new(
        name: &'a str,
        prepare: &'a dyn Fn() -> Result<()>,
        command: impl Fn() -> Command + 'a,
        check: &'a dyn Fn() -> Result<String>,
    ) -> Side<'a> {
        Side { name, prepare, command: Box::new(command), check, ours: false, against: &[], wanted: "" }
    }

    /// The product, against these yardsticks.
    pub fn ours(self, against: &'a [(&'a str, &'a str)]) -> Side<'a> {
        Side { ours: true, against, ..self }
    }

    pub fn wanted(self, wanted: &'a str) -> Side<'a> {
        Side { wanted, ..self }
    }
}

/// What all who take part have in common.
pub struct Race<'a> {
    pub rows: u64,
    /// What every check must say.
    pub truth: &'a str,
    pub places: &'a [&'a Place],
    pub yardstick_only: bool,
    pub log: PathBuf,
}

impl<'a> Race<'a> {
    pub fn new(setting: &Setting, rows: u64, truth: &'a str, places: &'a [&'a Place]) -> Race<'a> {
        Race { rows, truth, places, yardstick_only: setting.yardstick_only, log: setting.folder.file("log") }
    }

    /// Each three times, in turns; the median counts.
    pub fn run(&self, sides: &[Side], report: &mut Report) -> Result<()> {
        let sides: Vec<&Side> = sides.iter().filter(|side| !(side.ours && self.yardstick_only)).collect();
        let mut runs: Vec<(&Side, Vec<Run>)> = sides.into_iter().map(|side| (side, Vec::new())).collect();
        for _ in 0..RUNS {
            for (side, done) in &mut runs {
                done.push(self.once(side)?);
            }
        }
        for (side, done) in &runs {
            report.line(self.rows, side.name, speed(self.rows, done), side.wanted);
        }
        for (side, done) in &runs {
            for (yardstick, wanted) in side.against {
                let Some((_, theirs)) = runs.iter().find(|(other, _)| other.name == *yardstick) else { continue };
                let ratio = format!("{:.2}", wall_s(theirs) / wall_s(done));
                report.line(self.rows, &format!("{}: ratio to {yardstick}", side.name), ratio, wanted);
            }
        }
        Ok(())
    }

    /// One run, checked: a wrong copy has no speed.
    pub fn once(&self, side: &Side) -> Result<Run> {
        (side.prepare)()?;
        servers::settle(self.places)?;
        let servers: Vec<u32> = self.places.iter().filter_map(|place| place.process()).collect();
        let run = measure::run_beside(&mut (side.command)(), &self.log, &servers)?;
        let found = (side.check)()?;
        if found.trim() != self.truth.trim() {
            return Err(format!("{}: wanted and found are\n{}\n{}", side.name, self.truth.trim(), found.trim()).into());
        }
        println!("  {}: {}", side.name, speed(self.rows, &[run]));
        Ok(run)
    }
}
