//! The program's lives, one after another, and the ways in which they end.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use syncline_rig::Random;

use super::stage::{Job, Stage, locked, log};
use super::state::State;
use crate::failure::Result;
use crate::process;

/// The named steps of a lane at which the program can be made to stand still: see `crates/engine/src/job/step.rs`.
pub const STEPS: [&str; 9] = [
    "lane_taken",
    "source_opened",
    "batch_read",
    "unit_begun",
    "batch_written",
    "unit_committed",
    "confirmed",
    "loaded",
    "finished",
];

/// So many deaths, and on a slow machine a lane may not have committed anything in between: what waits for it is one unit,
/// and grows. Then the program is left alone until each of its sinks has moved, or for a while.
const DEATHS_MAX: u32 = 5;
const ALONE_MAX: Duration = Duration::from_secs(30);
/// Longest that a step is waited for; then the life ends where it is.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Longest that a program may take that was asked to stop, on a busy machine; on a quiet one it is five seconds.
const STOP_MAX: Duration = Duration::from_secs(120);
/// Longest that the last run may take: all that has piled up.
const CATCH_UP_MAX: Duration = Duration::from_secs(1800);
const SIGTERM: i32 = 15;
/// What a program says that was overtaken by another on the same job.
const FENCED: &str = "another process has taken this lane over";
/// What it says if a unit did not end soon after it was asked to stop.
const TAKEN_BACK: &str = "stopped on request";
/// What it says of an error that is its own.
const BUG: &str = "please report";
/// A lane that waits for a server tries again after at most so long.
const TROUBLE: Duration = Duration::from_secs(35);

/// Loads the job's tables, dying several times over it, while the application writes.
pub fn load(state: &State, stage: &Stage, job: &Job, random: &mut Random) -> Result<()> {
    for step in ["lane_taken", "batch_read", "unit_begun", "batch_written", "unit_committed", "confirmed", "loaded"] {
        let times = 1 + random.below(4);
        let life = Life::begin(state, stage, job, false, Some((step, times)))?;
        life.dies_at(state, Some((step, times)), STEP_MAX)?;
    }
    Life::begin(state, stage, job, false, None)?.ends_well(CATCH_UP_MAX)?;
    job.loaded.store(true, Ordering::SeqCst);
    state.note(&format!("{}: loaded", job.name));
    Ok(())
}

/// Lets the program follow, and die, and follow, until it is told to stop.
pub fn keep(state: &State, stage: &Stage, job: &Job, mut random: Random) -> Result<()> {
    let states = || -> Vec<u64> { job.states.iter().map(|states| states.load(Ordering::SeqCst)).collect() };
    let behind = |before: &[u64]| states().iter().zip(before).any(|(now, before)| now <= before);
    let (mut before, mut deaths) = (states(), 0);
    while state.hurting() {
        deaths += 1;
        if deaths > DEATHS_MAX {
            if behind(&before) {
                state.count("left alone");
                let mut life = Life::begin(state, stage, job, true, None)?;
                while state.hurting() && behind(&before) && life.ended()?.is_none() && life.began.elapsed() < ALONE_MAX
                {
                    std::thread::sleep(Duration::from_millis(20));
                }
                life.dies(state, "at random")?;
            }
            (before, deaths) = (states(), 0);
        }
        match random.below(20) {
            0..12 => at_a_step(state, stage, job, &mut random)?,
            12..15 => {
                let life = Life::begin(state, stage, job, true, None)?;
                life.dies_at(state, None, Duration::from_millis(random.below(4000)))?;
            }
            15 | 16 => asked(state, stage, job, &mut random)?,
            17 => frozen(state, stage, job, &mut random)?,
            _ => rivals(state, stage, job, &mut random)?,
        }
    }
    Ok(())
}

/// All that is left, without anybody in the way.
pub fn catch_up(state: &State, stage: &Stage, job: &Job) -> Result<()> {
    Life::begin(state, stage, job, false, None)?.ends_well(CATCH_UP_MAX)
}

fn at_a_step(state: &State, stage: &Stage, job: &Job, random: &mut Random) -> Result<()> {
    let step = random.of(&STEPS);
    // Mostly soon, and now and then after it has followed for a while.
    let most = 1 << random.below(6);
    let times = 1 + random.below(most);
    // A lane that follows never finishes.
    let at = (step, if step == "finished" { 1 + times % 3 } else { times });
    let life = Life::begin(state, stage, job, step != "finished", Some(at))?;
    life.dies_at(state, Some(at), STEP_MAX)
}

/// A person who asks it to stop, and starts it again.
fn asked(state: &State, stage: &Stage, job: &Job, random: &mut Random) -> Result<()> {
    let mut life = Life::begin(state, stage, job, true, None)?;
    life.runs_for(Duration::from_millis(500 + random.below(4000)))?;
    life.signal("TERM");
    let began = Instant::now();
    let status = life.waits(STOP_MAX)?;
    state.count(if began.elapsed() < Duration::from_secs(5) { "stopped on request" } else { "stopped late" });
    if status.signal() == Some(SIGTERM) {
        // It had not yet come so far as to listen.
        return Ok(());
    }
    life.hears_the_end();
    if life.said().contains(TAKEN_BACK) {
        state.count("stopped within a unit");
        return life.said_no_bug();
    }
    life.ended_by(state, status)
}

/// A process that is suspended and wakes up, again and again, and dies in the end.
fn frozen(state: &State, stage: &Stage, job: &Job, random: &mut Random) -> Result<()> {
    let mut life = Life::begin(state, stage, job, true, None)?;
    for _ in 0..=random.below(4) {
        life.runs_for(Duration::from_millis(random.below(1500)))?;
        life.signal("STOP");
        state.count("suspended");
        std::thread::sleep(Duration::from_millis(random.below(800)));
        if random.below(3) == 0 {
            return life.dies(state, "while suspended");
        }
        life.signal("CONT");
    }
    life.dies(state, "at random")
}

/// Two processes at one job: the later one takes its lanes, the earlier one ends; also one that slept meanwhile.
fn rivals(state: &State, stage: &Stage, job: &Job, random: &mut Random) -> Result<()> {
    let mut first = Life::begin(state, stage, job, true, None)?;
    first.runs_for(Duration::from_millis(300 + random.below(2000)))?;
    let sleeps = random.below(2) == 0;
    if sleeps {
        first.signal("STOP");
    }
    let mut second = Life::begin(state, stage, job, true, None)?;
    state.count("rivals");
    second.runs_for(Duration::from_millis(1000 + random.below(2000)))?;
    if sleeps {
        first.signal("CONT");
    }
    // Whoever opens a lane later has it: with a sink away, or on a busy machine, each of the two may hold some of them.
    let patience = Instant::now();
    while patience.elapsed() < Duration::from_secs(5) {
        if let Some(status) = first.ended()? {
            first.ended_by(state, status)?;
            return second.dies(state, "at random");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    state.count("rivals that shared the lanes");
    first.dies(state, "at random")?;
    second.dies(state, "at random")
}

/// One process. Dropped, it is killed.
struct Life {
    child: Child,
    job: String,
    began: Instant,
    said: Arc<Mutex<String>>,
    paused: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Life {
    fn begin(state: &State, stage: &Stage, job: &Job, follow: bool, at: Option<(&str, u64)>) -> Result<Life> {
        let mut command = stage.syncline(&["run", &job.name]);
        if follow {
            command.arg("--follow");
        }
        if let Some((step, times)) = at {
            command.env("SYNCLINE_PAUSE_AT", format!("{step}:{times}"));
        }
        let output = log(&stage.folder, &format!("{}.out", job.name))?;
        command.stdout(output).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().map_err(|err| format!("cannot start syncline: {err}"))?;
        state.note(&format!("{}: process {} {at:?}", job.name, child.id()));
        let (said, paused) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
        let errors = log(&stage.folder, &format!("{}.err", job.name))?;
        let reader = child.stderr.take().map(|pipe| {
            let (said, paused) = (said.clone(), paused.clone());
            std::thread::spawn(move || listen(BufReader::new(pipe), errors, &said, &paused))
        });
        Ok(Life { child, job: job.name.clone(), began, said, paused, reader })
    }

    /// It is killed at a step, or after a while; or it has ended before, as it may.
    fn dies_at(mut self, state: &State, at: Option<(&str, u64)>, at_most: Duration) -> Result<()> {
        while self.began.elapsed() < at_most {
            if let Some((step, _)) = at.filter(|_| self.paused.load(Ordering::SeqCst)) {
                return self.dies(state, &format!("at {step}"));
            }
            if let Some(status) = self.ended()? {
                return self.ended_by(state, status);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self.dies(state, "at random")
    }

    fn runs_for(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < time && self.ended()?.is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn signal(&self, name: &str) {
        // One who is gone already shows when it is waited for.
        let id = self.child.id();
        process::succeeds(Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]));
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait().map_err(|err| format!("cannot wait for syncline: {err}"))?)
    }

    fn waits(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if began.elapsed() > at_most {
                let (job, said) = (&self.job, self.said());
                return Err(format!("{job}: still runs after {} s; it says: {said}", at_most.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGKILL, now; unless it has ended by itself.
    fn dies(mut self, state: &State, how: &str) -> Result<()> {
        let wrong = |err| format!("cannot kill syncline: {err}");
        if let Some(status) = self.ended()? {
            return self.ended_by(state, status);
        }
        self.child.kill().map_err(wrong)?;
        self.child.wait().map_err(wrong)?;
        state.killed(how);
        self.said_no_bug()
    }

    /// Ended by itself: all is done, somebody has overtaken it, or something around it was not well.
    fn ended_by(mut self, state: &State, status: ExitStatus) -> Result<()> {
        self.hears_the_end();
        self.said_no_bug()?;
        let said = self.said();
        if status.success() {
            state.count("ended well");
        } else if said.contains(FENCED) {
            state.count("fenced");
        } else if state.troubled_since(self.began, TROUBLE) && status.signal().is_none() {
            state.count("ended for want of a server");
            state.note(&format!("{}: ended with {status}: {said}", self.job));
        } else {
            return Err(format!("{}: ended with {status} and nothing was wrong: {said}", self.job).into());
        }
        Ok(())
    }

    fn ends_well(mut self, at_most: Duration) -> Result<()> {
        let status = self.waits(at_most)?;
        self.hears_the_end();
        if status.success() {
            return Ok(());
        }
        Err(format!("{}: ended with {status}: {}", self.job, self.said()).into())
    }

    fn hears_the_end(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }

    fn said(&self) -> String {
        locked(&self.said).clone()
    }

    fn said_no_bug(&self) -> Result<()> {
        let said = self.said();
        if said.contains(BUG) || said.contains("panicked at") {
            return Err(format!("{}: an error of its own: {said}", self.job).into());
        }
        Ok(())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(errors: impl std::io::BufRead, mut file: File, said: &Mutex<String>, paused: &AtomicBool) {
    for line in errors.lines().map_while(std::result::Result::ok) {
        let _ = writeln!(file, "{line}");
        if line.starts_with("paused at") {
            paused.store(true, Ordering::SeqCst);
        } else {
            locked(said).push_str(&format!("{line}\n"));
        }
    }
}
