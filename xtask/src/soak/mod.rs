//! `cargo xtask soak`: mixed load on all three brands at once while everything dies at random; in the end nothing is lost and
//! nothing is doubled.
//!
//! Sixteen writers at each of three sources, each source followed into sinks of all three brands by the real program,
//! which is killed at named steps and at random moments, suspended, overtaken and restarted; servers are killed, and
//! connections are cut, also between a commit and its answer. Readers of every sink look at it all the time. In the end
//! the databases' own clients are asked, against the application's own log; `compare` is asked too.
//!
//! The seed decides what is written and what strikes, not which thread of which process comes first: the same seed gives
//! the same kind of run and not the same run.

mod faults;
mod judge;
mod life;
mod stage;
mod state;
mod wanted;
mod watch;
mod workload;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use syncline_rig::Random;

use crate::bench::machine;
use crate::bench::report::grouped;
use crate::failure::Result;
use crate::{process, tree};
use stage::{Job, Stage, log};
use state::State;
use wanted::Wanted;
use workload::Ledger;

/// A job that hardly got on between its deaths proves little.
const STATES_MIN: u64 = 10;
/// How often what happened so far is told.
const TELL_EVERY: Duration = Duration::from_secs(30);

pub fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::parse(arguments)?;
    println!("soak: building the product");
    let program = build(wanted.debug)?;
    let facts = machine::facts();
    println!("soak: seed {}; again: {}", wanted.seed, wanted.again());
    let stage = Stage::start(wanted.seed, program)?;
    let state = State::new(wanted.rate, log(&stage.folder, "events.log")?);
    let outcome = play(&state, &stage, &wanted);
    println!("\n{facts}\n{}", told(&state));
    match outcome {
        Ok(rows) => {
            println!("soak: zero lost, zero doubled: {} rows of 12 databases are what they must be", grouped(rows));
            let _ = std::fs::remove_dir_all(&stage.folder);
            Ok(())
        }
        Err(failure) => {
            stage.keep_logs();
            let folder = stage.folder.display();
            Err(format!("{failure}\nthe folder {folder} is kept\nagain: {}", wanted.again()).into())
        }
    }
}

fn build(debug: bool) -> Result<PathBuf> {
    let (options, folder): (&[&str], &str) = if debug { (&[], "debug") } else { (&["--release"], "release") };
    process::run(process::cargo(&["build", "--package", "syncline"]).args(options))?;
    Ok(tree::target().join(folder).join("syncline"))
}

/// All of it; how many rows were judged in the end.
fn play(state: &State, stage: &Stage, wanted: &Wanted) -> Result<u64> {
    let mut seeds = Random(wanted.seed);
    let mut random = || Random(seeds.below(u64::MAX));
    std::thread::scope(|scope| {
        let mut writers = Vec::new();
        let (mut watchers, mut keepers) = (Vec::new(), Vec::new());
        for job in &stage.jobs {
            let writes = (1..=workload::WRITERS).map(|writer| {
                let random = random();
                watched(scope, state, move || writer::write(state, job, writer, random))
            });
            writers.push((job, writes.collect::<Vec<_>>()));
            let sinks = job.to.iter().zip(&job.states);
            watchers.extend(
                sinks.map(|(sink, states)| watched(scope, state, move || watch::watch(state, job, sink, states))),
            );
            let (mut first, then) = (random(), random());
            keepers.push(watched(scope, state, move || {
                life::load(state, stage, job, &mut first)?;
                life::keep(state, stage, job, then)
            }));
        }
        let strikes = random();
        let faults = watched(scope, state, move || {
            // The first load is disturbed by kills only: before it is done there is nobody who would try for ever.
            while state.hurting() && !stage.jobs.iter().all(|job| job.loaded.load(Ordering::SeqCst)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            faults::strike(state, stage, strikes)
        });
        until_enough(state, wanted);
        state.stop_writing();
        let ledgers = writers.into_iter().map(|(job, writes)| (job, writes.into_iter().filter_map(joined).collect()));
        let ledgers: Vec<(&Job, Vec<Ledger>)> = ledgers.collect();
        state.stop_hurting();
        let _ = (joined(faults), keepers.into_iter().filter_map(joined).count());
        let judged = settled(state, stage, &ledgers);
        state.stop_watching();
        let looks = watchers.into_iter().filter_map(joined).sum();
        state.add("looks at the sinks", looks);
        match state.failure() {
            Some(failure) => Err(failure.into()),
            None => judged.and_then(|rows| enough_happened(state, stage, wanted).map(|()| rows)),
        }
    })
}

/// Runs it in a thread; what it fails with ends the whole run.
fn watched<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    state: &'scope State,
    act: impl FnOnce() -> Result<T> + Send + 'scope,
) -> ScopedJoinHandle<'scope, Option<T>> {
    scope.spawn(move || act().map_err(|failure| state.fail(failure.to_string())).ok())
}

fn joined<T>(thread: ScopedJoinHandle<'_, Option<T>>) -> Option<T> {
    thread.join().ok().flatten()
}

fn until_enough(state: &State, wanted: &Wanted) {
    let mut told_at = Instant::now();
    while state.writing() && !wanted.is_reached(state) {
        std::thread::sleep(Duration::from_millis(50));
        if told_at.elapsed() > TELL_EVERY {
            told_at = Instant::now();
            println!(
                "soak: {:.0} s, {} transactions, {} kills",
                state.elapsed().as_secs_f64(),
                grouped(state.transactions()),
                grouped(state.kills())
            );
        }
    }
}

/// Everything is well and nobody writes: the program catches up, and then the databases are asked.
fn settled(state: &State, stage: &Stage, ledgers: &[(&Job, Vec<Ledger>)]) -> Result<u64> {
    if let Some(failure) = state.failure() {
        return Err(failure.into());
    }
    let began = Instant::now();
    let all = std::thread::scope(|scope| {
        let runs: Vec<_> =
            stage.jobs.iter().map(|job| scope.spawn(move || life::catch_up(state, stage, job))).collect();
        let ended =
            runs.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("a thread failed".to_string().into())));
        ended.collect::<Result<Vec<()>>>()
    });
    all?;
    println!("soak: caught up in {:.1} s; asking the databases", began.elapsed().as_secs_f64());
    let mut rows = 0;
    for (job, ledgers) in ledgers {
        rows += judge::judge(stage, job, ledgers)?;
    }
    Ok(rows as u64)
}

/// A run in which little happened proves little.
fn enough_happened(state: &State, stage: &Stage, wanted: &Wanted) -> Result<()> {
    // A run that catches up finishes, and on a slow machine none does in time to be killed there.
    let expected = life::STEPS.into_iter().filter(|step| *step != "finished");
    let missing: Vec<&str> = expected.filter(|step| state.counted(&format!("killed at {step}")) == 0).collect();
    if wanted.kills >= 200 && !missing.is_empty() {
        return Err(format!("nothing was ever killed at {}", missing.join(", ")).into());
    }
    for what in ["looks at the sinks", "rivals", "suspended", "fenced"] {
        if wanted.minutes >= 5 && state.counted(what) == 0 {
            return Err(format!("in all this time: no `{what}`").into());
        }
    }
    for job in &stage.jobs {
        let mut all = 0;
        for (sink, states) in job.to.iter().zip(&job.states) {
            let states = states.load(Ordering::SeqCst);
            state.add(&format!("states seen of {}", sink.name), states);
            all += states;
        }
        if wanted.minutes >= 5 && all < STATES_MIN {
            return Err(format!("{}: in all this time only {all} states of its sinks were seen", job.name).into());
        }
    }
    Ok(())
}

fn told(state: &State) -> String {
    let mut text = format!(
        "soak: {:.1} minutes, {} transactions committed, {} kills\n\n| what | times |\n|---|---:|",
        state.elapsed().as_secs_f64() / 60.0,
        grouped(state.transactions()),
        grouped(state.kills())
    );
    for (what, times) in state.counts() {
        text.push_str(&format!("\n| {what} | {} |", grouped(times)));
    }
    text
}
