//! The command line: what was typed, which command it is, and the exit code.
//!
//! One file per command. Each returns an [`Outcome`]; errors are printed here, once, with what to do next.

mod alarm;
mod check;
mod compare;
mod conflicts;
mod copy;
mod demo;
mod init;
mod install;
mod output;
mod parked;
mod plan;
mod progress;
mod resync;
mod run;
mod status;
mod sync;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Args, Parser, Subcommand};
use syncline_model::mapping::Rule;
use syncline_model::pattern::{Pattern, Selection};
use syncline_model::{Error, ErrorKind, Result};
use tokio::sync::watch;

use crate::config::{self, DEFAULT_FILE, Plan};
use crate::job::Endpoint;
use crate::registry;
use crate::telemetry::Watched;
use output::Output;

/// Where help lists what every command takes.
const GLOBAL: &str = "Options of every command";

/// Keeps databases in step.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, about, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    /// Configuration file [default: syncline.yaml, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    config: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    /// Print errors only
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// Say more on standard error; twice for every batch, three times for every step
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Two SQLite databases kept in step: the whole story, nothing to install
    Demo,
    /// Copy tables from one database to others, once
    Copy(copy::CopyArgs),
    /// Keep databases in step that are written on all sides
    Sync(sync::SyncArgs),
    /// What was lost where two members of a sync group changed the same: look at it, decide otherwise
    Conflicts(conflicts::ConflictsArgs),
    /// Prove that two databases hold the same rows; exit code 3 if they do not
    Compare(compare::CompareArgs),
    /// Run jobs of the configuration file until they are done, or follow their sources
    Run(run::RunArgs),
    /// Install at the sources what jobs with `capture: trigger` need
    Install(install::InstallArgs),
    /// Remove it, all of it
    Uninstall(install::UninstallArgs),
    /// Load tables of a job again, from a snapshot
    Resync(resync::ResyncArgs),
    /// Look at connections and jobs: reach, rights, settings, tables; changes nothing
    Check(check::CheckArgs),
    /// Show every statement that jobs would run at their sinks; changes nothing
    Plan(plan::PlanArgs),
    /// Write a configuration file from live databases
    Init(init::InitArgs),
    /// Show how far each job got, by its sinks' own account
    Status(status::StatusArgs),
    /// What jobs with `on_error: park` have set aside: look at it, apply it again, give it up
    Parked(parked::ParkedArgs),
}

/// Which tables a command is about.
#[derive(Debug, Args)]
struct TableArgs {
    /// Only this table, or these by `*` and `?`; may be given several times
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<String>,
    /// Not this table; may be given several times
    #[arg(long, value_name = "TABLE")]
    exclude: Vec<String>,
    /// The key of a table that has none of its own
    #[arg(long = "key", value_name = "TABLE=COLUMN,...")]
    keys: Vec<String>,
}

impl TableArgs {
    fn selection(&self) -> Result<Selection> {
        let parse = |texts: &[String]| texts.iter().map(|t| Pattern::parse(t)).collect::<Result<Vec<_>>>();
        Ok(Selection { include: parse(&self.tables)?, exclude: parse(&self.exclude)? })
    }

    fn rules(&self) -> Result<Vec<(Pattern, Rule)>> {
        let rule = |text: &String| {
            let (table, columns) =
                text.split_once('=').filter(|(_, columns)| !columns.trim().is_empty()).ok_or_else(|| {
                    Error::new(ErrorKind::Config, format!("--key{} names no columns", config::shown(text)))
                        .hint("write --key TABLE=COLUMN or --key TABLE=COLUMN,COLUMN")
                })?;
            let key = columns.split(',').map(|c| c.trim().to_owned()).collect();
            Ok((Pattern::parse(table)?, Rule { key, ..Rule::default() }))
        };
        self.keys.iter().map(rule).collect()
    }
}

/// How a command ended; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is done.
    Done = 0,
    /// Nothing was done.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// Two databases differ.
    Different = 3,
    /// Some of it is done: one of several lanes or tables failed.
    Partly = 4,
}

impl Outcome {
    /// What an error means for whoever typed the command.
    fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Config | ErrorKind::NotFound | ErrorKind::Unsupported => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// What several jobs come to.
    fn of_all(outcomes: &[Self]) -> Self {
        let Some(bad) = outcomes.iter().find(|o| **o != Self::Done) else { return Self::Done };
        let some_done = outcomes.iter().any(|o| matches!(o, Self::Done | Self::Partly));
        if some_done { Self::Partly } else { *bad }
    }
}

/// What every command gets: where to print, and the configuration if there is one.
struct Context {
    out: Output,
    config: Option<PathBuf>,
    /// Becomes true when a signal asks for the end; listened for from the first time that somebody wants to know.
    signalled: OnceLock<watch::Receiver<bool>>,
    /// The jobs that run, for whoever watches by `--metrics`.
    watched: Watched,
}

impl Context {
    fn new(out: Output, config: Option<PathBuf>) -> Self {
        Self { out, config, signalled: OnceLock::new(), watched: Watched::default() }
    }

    /// The configuration: the file that was named, or the one beside us if it is there.
    fn plan(&self) -> Result<Option<Plan>> {
        match &self.config {
            Some(path) => config::load(path).map(Some),
            None if Path::new(DEFAULT_FILE).exists() => config::load(Path::new(DEFAULT_FILE)).map(Some),
            None => Ok(None),
        }
    }

    /// The configuration, which this command cannot do without.
    fn plan_required(&self) -> Result<Plan> {
        config::load(self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE)))
    }

    /// Ends when somebody asks for the end of what runs, or has asked since this was called for the first time.
    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let signalled = self.signalled.get_or_init(|| {
            let (tell, signalled) = watch::channel(false);
            let signal = copy::stop_signal();
            tokio::spawn(async move {
                signal.await;
                let _ = tell.send(true);
            });
            signalled
        });
        let mut signalled = signalled.clone();
        async move {
            // Who listens for signals is gone with the process alone.
            if signalled.wait_for(|asked| *asked).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// The database that a word on the command line means.
    fn endpoint(&self, plan: Option<&Plan>, word: &str) -> Result<Endpoint> {
        let mut spec = config::name_or_url(plan, word)?;
        // A file is called what the user called it.
        if let Some(path) = spec.name.strip_prefix("sqlite:") {
            spec.name = path.to_owned();
        }
        registry::open(&spec)
    }
}

/// Parses the command line, runs the command, prints its error if there is one.
pub fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|e| usage(&e));
    start_tracing(cli.verbose);
    let context = Context::new(Output::new(cli.json, cli.quiet), cli.config);
    let runtime = match start_runtime() {
        Ok(runtime) => runtime,
        Err(e) => {
            let error = Error::new(ErrorKind::Full, "the system gives no files or no threads to start with");
            let error = error.caused_by(e).hint("raise the limits of this process (`ulimit -n`, `ulimit -u`)");
            context.out.error(&error, Outcome::Failed as u8);
            return ExitCode::from(Outcome::Failed as u8);
        }
    };
    let outcome = runtime.block_on(dispatch(&context, cli.command)).unwrap_or_else(|error| {
        let outcome = Outcome::of(&error);
        context.out.error(&error, outcome as u8);
        outcome
    });
    // A snapshot thread of an interrupted command may still be reading; nothing of it is wanted.
    runtime.shutdown_background();
    ExitCode::from(outcome as u8)
}

/// Threads, timers, sockets and signals.
fn start_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // It needs a few files and panics where it gets none (F07): so they are asked for first.
    #[cfg(unix)]
    drop((0..4).map(|_| std::os::unix::net::UnixStream::pair()).collect::<std::io::Result<Vec<_>>>()?);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Help, or what is wrong with the command line. The parser repeats words; a URL among them may hold a password (I15).
fn usage(error: &clap::Error) -> ! {
    if !error.use_stderr() || !std::env::args().any(|word| word.contains(['@', ':'])) {
        error.exit();
    }
    let what = error.kind().as_str().unwrap_or("the command line is wrong");
    let _ = writeln!(std::io::stderr(), "error: {what}\n\nFor more information, try '--help'.");
    std::process::exit(error.exit_code())
}

async fn dispatch(context: &Context, command: Command) -> Result<Outcome> {
    match command {
        Command::Demo => demo::demo().await,
        Command::Copy(args) => copy::copy(context, args).await,
        Command::Sync(args) => Box::pin(sync::sync(context, args)).await,
        Command::Conflicts(args) => conflicts::conflicts(context, args).await,
        Command::Compare(args) => compare::compare(context, args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Install(args) => install::install(context, args).await,
        Command::Uninstall(args) => install::uninstall(context, args).await,
        Command::Resync(args) => resync::resync(context, args).await,
        Command::Check(args) => check::check(context, args).await,
        Command::Plan(args) => plan::plan(context, args).await,
        Command::Init(args) => init::init(context, args).await,
        Command::Status(args) => status::status(context, args).await,
        Command::Parked(args) => parked::parked(context, args).await,
    }
}

/// Logs go to standard error; `SYNCLINE_LOG` overrides `-v` with the usual filter words.
fn start_tracing(verbose: u8) {
    let level = match verbose {
        0 => "syncline=warn",
        1 => "syncline=info",
        2 => "syncline=debug",
        _ => "syncline=trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SYNCLINE_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Else it prints an error about a closed standard error to standard error, and that is a panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
