//! A thousand captured tables, of which three change: what the others cost.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use syncline_rig::{Brand, Session};

use super::super::report::{Report, grouped};
use super::super::servers::Place;
use super::super::{Setting, measure, product};
use super::end::End;
use super::follower::{Follower, LOADING};
use super::looks::{self, Latencies};
use super::writer::{self, Pace};
use super::{configure, race};
use crate::failure::Result;

const TABLES: u64 = 1000;
/// Those that change, somewhere among the others.
const CHANGING: [&str; 3] = ["t0001", "t0500", "t1000"];
/// Transactions a second, over all three.
const PER_SECOND: u64 = 100;
/// What the follower writes into its log: how long each tick took, and finding what lies behind it.
const TRACED: &str = "warn,syncline::capture::follow=trace";

/// Both are PostgreSQL.
struct Many<'a> {
    source: End<'a>,
    sink: End<'a>,
    /// Main processes of the source's server and of the sink's.
    servers: [Vec<u32>; 2],
    config: PathBuf,
    log: PathBuf,
}

pub fn measure(setting: &Setting, rows: u64, report: &mut Report) -> Result<()> {
    println!("bench: {TABLES} tables, {} transactions, {PER_SECOND} a second", grouped(rows));
    // One server for each end, so that the work of each is told apart.
    let (from, to) = (Place::start(Brand::Postgres)?, Place::start(Brand::Postgres)?);
    // Servers made from one template are told apart by the numbers of their databases only.
    to.anew("other")?;
    let (source, sink) =
        (End::Server { place: &from, database: "source" }, End::Server { place: &to, database: "sink" });
    source.anew()?;
    sink.anew()?;
    let all: Vec<String> = (1..=TABLES).map(|i| source.create(&format!("t{i:04}"))).collect();
    source.ask(&all.join("; "))?;
    let config = configure(setting, &source, &sink)?;
    let servers = [&from, &to].map(|place| place.process().into_iter().collect());
    let many = Many { source, sink, servers, config, log: setting.folder.file("follower.log") };
    many.install(setting, report)?;
    many.follow(rows, report)
}

impl Many<'_> {
    fn install(&self, setting: &Setting, report: &mut Report) -> Result<()> {
        let mut install = product::syncline();
        install.args(["install", "--config"]).arg(&self.config);
        let run = measure::run(&mut install, &setting.folder.file("install.log"))?;
        let value = format!("{:.1} s, peak {:.1} MB", run.wall_s, run.peak_kib as f64 * 1024.0 / 1e6);
        report.line(TABLES, "install capture of all tables", value, "≤ 60 s");
        Ok(())
    }

    fn follow(&self, rows: u64, report: &mut Report) -> Result<()> {
        let name = format!("{TABLES} tables, {} of them written to", CHANGING.len());
        let each = |now: f64, before: f64| (now - before) * 1e6 / rows as f64;
        // What the writer alone costs its server, with triggers and with nobody who follows.
        let alone = Pace { tables: &CHANGING, after: 0, rows, per_second: PER_SECOND };
        let [before, _] = self.servers_s();
        writer::write(&self.source, self.source.session()?, &alone)?;
        let [unfollowed, _] = self.servers_s();

        let (mut follower, mut watch, question) = self.loaded(rows, report)?;
        let (ours, [source, sink], traced) = (follower.cpu_s(), self.servers_s(), self.said()?.len());
        let pace = Pace { after: rows + 1, ..alone };
        let (looks, written) = race(&self.source, &pace, &mut follower, &mut watch, &question)?;
        let (ours, [source_after, sink_after]) = (each(follower.cpu_s(), ours), self.servers_s());
        let said = self.said()?;

        let latencies = looks.latencies(&self.judge(pace.after)?)?;
        report.line(
            rows,
            &format!("{name}, commit to visible"),
            format!("{latencies}{}", written.shortfall(&pace)),
            "",
        );
        let value = format!(
            "{ours:.0} us, {:.0} us of the source's server ({:.0} us without us), {:.0} us of the sink's with reader",
            each(source_after, source),
            each(unfollowed, before),
            each(sink_after, sink)
        );
        report.line(rows, &format!("{name}, CPU a transaction"), value, "");
        let said = said.get(traced..).unwrap_or_default();
        let counted = |spent: &Latencies| format!("{spent}, {} times", spent.count());
        report.line(rows, &format!("{name}, a tick"), counted(&looks::spent(said, " tick tick=")?), "≤ 10 ms");
        let opened = looks::spent(said, " range opened ")?;
        report.line(rows, &format!("{name}, finding what lies behind a tick"), counted(&opened), "");
        report.line(rows, &format!("{name}, peak memory"), follower.peak()?, "");
        follower.stop()
    }

    /// A follower that has loaded so many rows and then followed one more, and a session that looks at the sink.
    fn loaded(&self, rows: u64, report: &mut Report) -> Result<(Follower, Session, String)> {
        let began = Instant::now();
        let mut follower = Follower::start(&self.config, &self.log, Some(TRACED))?;
        let (mut watch, question) = follower.until_loaded(&self.sink, &CHANGING, rows)?;
        let [first, ..] = CHANGING;
        self.source.ask(&self.source.insert(first, rows + 1))?;
        follower.until(|| Ok(looks::number(&mut watch, &question)? > rows), LOADING)?;
        let value = format!("{:.1} s", began.elapsed().as_secs_f64());
        report.line(TABLES, "load all tables, all but three of them empty", value, "");
        Ok((follower, watch, question))
    }

    /// The sink holds what the source holds; the times of all rows after that one, in the order of their ids.
    fn judge(&self, after: u64) -> Result<Vec<(u64, i64)>> {
        let mut times = Vec::new();
        for table in CHANGING {
            let wanted = self.source.rows(table)?;
            if wanted != self.sink.rows(table)? {
                return Err(format!("the sink's `{table}` does not hold the source's rows").into());
            }
            times.extend(looks::times(&wanted)?.into_iter().filter(|(id, _)| *id > after));
        }
        times.sort_unstable();
        Ok(times)
    }

    fn servers_s(&self) -> [f64; 2] {
        self.servers.each_ref().map(|server| measure::families_s(server))
    }

    fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log).map_err(|err| format!("cannot read {}: {err}", self.log.display()))?)
    }
}
