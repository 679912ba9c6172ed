//! A job that follows a source which somebody writes to all the time: how long a row takes from the application's statement
//! to a reader of the sink, and what the follower costs while nothing happens.
//!
//! Application and reader are sessions of the brands' own client programs. The source's clock writes a row's time, ours is read
//! when a look at the sink comes back; on one machine both are the same.

mod end;
mod follower;
mod looks;
mod tables;
mod writer;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use syncline_rig::Brand;

use super::report::{Report, grouped};
use super::servers::Place;
use super::{Setting, measure};
use crate::failure::Result;
use end::End;
use follower::{Follower, Patience};
use looks::Looks;
use writer::{Pace, Written};

/// Transactions a second of one session.
const PER_SECOND: u64 = 1000;
/// Below this share of it a line says so.
const ENOUGH: f64 = 0.95;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);
/// Before that: what is put off until the source is calm is done, counters are told, and PostgreSQL writes a note of its own
/// into its log, up to 15 seconds after whatever was written.
const CALM: Duration = Duration::from_secs(18);
/// A row may be seen that much too late; and the sink may not stay behind for ever.
const WATCHFUL: Patience = Patience { every: Duration::from_millis(1), at_most: Duration::from_secs(120) };
/// Rows that are there before the clock counts: one that is loaded, and one that follows.
const FIRST: u64 = 2;

/// There is no yardstick: nothing else is known to us that does the same between these brands.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    if setting.yardstick_only {
        return Ok(());
    }
    let (postgres, mariadb) = (Place::start(Brand::Postgres)?, Place::start(Brand::Mariadb)?);
    for rows in &setting.rows {
        let file = |name: &str| End::File(setting.folder.file(name));
        let server = |place, database| End::Server { place, database };
        let pairs = [
            (server(&postgres, "source"), server(&mariadb, "sink")),
            (server(&mariadb, "source"), server(&postgres, "sink")),
            (file("source.db"), server(&postgres, "sink")),
            (server(&postgres, "source"), file("sink.db")),
        ];
        for (source, sink) in pairs {
            let servers: Vec<u32> = [&postgres, &mariadb].iter().filter_map(|place| place.process()).collect();
            Pair { source, sink, servers }.measure(setting, *rows, report)?;
        }
    }
    // It has servers of its own, and these would only be in its way.
    drop((postgres, mariadb));
    setting.rows.iter().try_for_each(|rows| tables::measure(setting, (*rows / 10).max(1), report))
}

/// A source and its one sink.
struct Pair<'a> {
    source: End<'a>,
    sink: End<'a>,
    servers: Vec<u32>,
}

impl Pair<'_> {
    fn measure(&self, setting: &Setting, rows: u64, report: &mut Report) -> Result<()> {
        let name = format!("{} to {}", self.source.word(), self.sink.word());
        println!("bench: {name}: {} transactions, {} a second", grouped(rows), grouped(PER_SECOND));
        self.source.anew()?;
        self.sink.anew()?;
        self.source.ask(&self.source.create("live"))?;
        self.source.ask(&self.source.insert("live", 1))?;
        let config = configure(setting, &self.source, &self.sink)?;
        let mut follower = Follower::start(&config, &setting.folder.file("follower.log"), None)?;
        let (mut watch, question) = follower.until_loaded(&self.sink, &["live"], 1)?;
        self.source.ask(&self.source.insert("live", FIRST))?;
        follower.until(|| Ok(looks::number(&mut watch, &question)? >= FIRST), WATCHFUL)?;

        let (ours, theirs) = (follower.cpu_s(), measure::families_s(&self.servers));
        let pace = Pace { tables: &["live"], after: FIRST, rows, per_second: PER_SECOND };
        let (looks, written) = race(&self.source, &pace, &mut follower, &mut watch, &question)?;
        let (ours, theirs) = (follower.cpu_s() - ours, measure::families_s(&self.servers) - theirs);
        drop(watch);
        let times = self.judge()?;
        let latencies = looks.latencies(&times.into_iter().filter(|(id, _)| *id > FIRST).collect::<Vec<_>>())?;
        let value = format!("{}{}", latencies, written.shortfall(&pace));
        report.line(rows, &format!("{name}, commit to visible"), value, "p50 < 50 ms, p99 < 250 ms");
        let each = |spent: f64| spent * 1e6 / rows as f64;
        let value = format!("{:.0} us, {:.0} us of servers with writer and reader", each(ours), each(theirs));
        report.line(rows, &format!("{name}, CPU a transaction"), value, "");
        self.idle(&name, &follower, rows, report)?;
        report.line(rows, &format!("{name}, peak memory"), follower.peak()?, "");
        follower.stop()
    }

    /// The sink holds what the source holds, by the word of both brands' own programs; each row's time.
    fn judge(&self) -> Result<Vec<(u64, i64)>> {
        let wanted = self.source.rows("live")?;
        let found = self.sink.rows("live")?;
        if wanted != found {
            let (wanted, found) = (wanted.lines().count(), found.lines().count());
            return Err(format!("the sink does not hold the source's rows: {wanted} there, {found} here").into());
        }
        looks::times(&wanted)
    }

    fn idle(&self, name: &str, follower: &Follower, rows: u64, report: &mut Report) -> Result<()> {
        thread::sleep(CALM);
        let before = self.source.written_so_far()?;
        let (spent, since) = (follower.cpu_s(), Instant::now());
        thread::sleep(IDLE);
        let share = (follower.cpu_s() - spent) * 100.0 / since.elapsed().as_secs_f64();
        let after = self.source.written_so_far()?;
        let written = match before == after {
            true => "nothing written at the source".to_string(),
            false => format!("written at the source: {before} became {after}"),
        };
        let value = format!("{share:.1} % of a core, {written}");
        report.line(rows, &format!("{name}, idle"), value, "< 1 %, nothing written");
        Ok(())
    }
}

/// Writes at that pace, and looks at the sink until it has the last row.
fn race(
    source: &End,
    pace: &Pace,
    follower: &mut Follower,
    watch: &mut syncline_rig::Session,
    question: &str,
) -> Result<(Looks, Written)> {
    let session = source.session()?;
    let last = pace.after + pace.rows;
    thread::scope(|scope| {
        let writer = scope.spawn(move || writer::write(source, session, pace));
        let mut looks = Looks::default();
        let patience = Patience { at_most: WATCHFUL.at_most + pace.duration() * 10, ..WATCHFUL };
        let seen = follower.until(|| Ok(looks.look(watch, question)? >= last), patience);
        let written = writer.join().unwrap_or_else(|_| Err("the writer's thread failed".to_string().into()))?;
        seen.map(|()| (looks, written))
    })
}

/// A file with one job, which follows all tables.
fn configure(setting: &Setting, source: &End, sink: &End) -> Result<PathBuf> {
    let file = setting.folder.file("live.yaml");
    let text = format!(
        "version: 1\nconnections:\n  one: \"{}\"\n  other: \"{}\"\n\
         jobs:\n  live: {{from: one, to: other, capture: trigger, install: auto}}\n",
        source.url(),
        sink.url()
    );
    fs::write(&file, text).map_err(|err| format!("cannot write {}: {err}", file.display()))?;
    Ok(file)
}
