//! Looking at both ends before any row moves.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use syncline_model::error::Retry;
use syncline_model::mapping::{self, Mapping, Rule};
use syncline_model::pattern::{Pattern, unmatched, winner};
use syncline_model::{Error, ErrorKind, Result, TableName, TableSchema};

use super::away::Away;
use super::{Endpoint, Job, Until};
use crate::capture::{parked, snapshot};
use crate::connector::{
    CaptureTable, Description, Follow, InstallPlan, LaneId, ReadOrder, ReadSpec, WritePlan, WriteSpec,
};

/// A job whose both ends were seen and fit.
#[derive(Debug)]
pub struct Prepared {
    /// The tables, in the order of reading: parents before those that refer to them.
    pub mappings: Vec<Arc<Mapping>>,
    /// What to write where.
    pub lanes: Vec<PreparedLane>,
    /// The sinks that could not be reached; none unless that was allowed.
    pub away: Vec<Away>,
    /// Rows per sink table, roughly, where the source knows.
    pub rows_estimates: HashMap<TableName, u64>,
    /// What is worth knowing and stops nothing.
    pub notices: Vec<String>,
    /// What must be captured at the source before a job that follows can run.
    pub install: InstallPlan,
}

/// One sink of a prepared job.
#[derive(Debug, Clone)]
pub struct PreparedLane {
    /// The sink.
    pub to: Endpoint,
    /// What to read for it.
    pub read: ReadSpec,
    /// What it is opened with.
    pub spec: WriteSpec,
    /// What opening it will run, and why it may not.
    pub plan: WritePlan,
}

/// Describes the source, maps its tables, and plans every sink. Changes nothing.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a table that was named and is not there, [`ErrorKind::Schema`] for a table without a
/// key, [`ErrorKind::Config`] if two tables go to one. Misfits between source and sink are not errors here: they are in
/// the plans, so that `plan` can show them all; see [`Prepared::refuse_misfits`].
pub async fn prepare(job: &Job) -> Result<Prepared> {
    let mut prepared = prepare_reachable(job).await?;
    match prepared.away.pop() {
        Some(away) => Err(away.error),
        None => Ok(prepared),
    }
}

/// The same for a job that need not wait for a sink that is away, as long as another one is there (F68).
///
/// # Errors
/// Those of [`prepare`]; that a sink cannot be reached only if none can.
pub async fn prepare_reachable(job: &Job) -> Result<Prepared> {
    let capabilities = job.from.connector.capabilities();
    if !capabilities.snapshot {
        return Err(
            Error::new(ErrorKind::Unsupported, "this connector gives no snapshots").at("source", &*job.from.name)
        );
    }
    let description = job.from.connector.describe(&job.selection).await?;
    named_tables_exist(job, &description)?;
    let notices = description.skipped.iter().map(|(table, reason)| format!("{table} is left out: {reason}")).collect();
    let (mappings, rules) = map_tables(job, description.tables)?;
    let rows_estimates = mappings
        .iter()
        .filter_map(|m| Some((m.write.name.clone(), *description.rows_estimates.get(&m.read.name)?)))
        .collect();
    let mappings: Vec<_> = mappings.into_iter().map(Arc::new).collect();
    let (capture, install) = capture(job, &mappings).await?;
    let lane_id = match &job.follow {
        None => lane_id(job, &description.identity, &mappings, &rules),
        Some(_) => followed_lane_id(job).await?,
    };
    let follow = job.follow.map(|until| Follow {
        tables: capture,
        rules: mappings.iter().zip(&rules).map(|(m, r)| fnv(&written_down(m, r))).collect(),
        lane: lane_id.clone(),
        side: None,
        ends: until == Until::CaughtUp,
    });
    let (mut lanes, mut away): (Vec<PreparedLane>, Vec<Away>) = (Vec::new(), Vec::new());
    for to in &job.to {
        let lane = match prepare_lane(job, to, &lane_id, &description.identity, &mappings).await {
            Err(error) if error.retry() != Retry::Never => {
                away.push(Away { to: to.clone(), error });
                continue;
            }
            lane => lane?,
        };
        // One slow sink must not lose what a quick one has confirmed (F23).
        let own = lane_id.towards(&to.name);
        let side = to.connector.capabilities().side_by_side.then(|| own.side());
        let follow = follow.as_ref().map(|follow| Follow { lane: own, side, ..follow.clone() });
        let lane = PreparedLane { read: ReadSpec { follow, ..lane.read }, ..lane };
        if let Some(other) = lanes.iter().find(|other| other.plan.identity == lane.plan.identity) {
            return Err(same_database(&other.to.name, &to.name));
        }
        lanes.push(lane);
    }
    match away.pop() {
        Some(away) if lanes.is_empty() => return Err(away.error),
        last => away.extend(last),
    }
    Ok(Prepared { mappings, lanes, away, rows_estimates, notices, install })
}

/// Two lanes would take turns in fencing each other.
pub(super) fn same_database(one: &str, other: &str) -> Error {
    Error::new(ErrorKind::Config, "two sinks are the same database")
        .at("sink", one)
        .at("sink", other)
        .hint("name each sink once")
}

/// The tables as they are read and written, parents first, with the rule that each follows.
fn map_tables(job: &Job, tables: Vec<TableSchema>) -> Result<(Vec<Mapping>, Vec<Rule>)> {
    let (mut mappings, mut rules, mut keyless) = (Vec::new(), Vec::new(), Vec::new());
    for schema in snapshot::parents_first(tables) {
        let mut rule = rule_for(&job.rules, &schema.name)?;
        rule.values = rule.values.or(job.values);
        match Mapping::new(&schema, &rule) {
            Ok(mapping) => {
                mappings.push(mapping);
                rules.push(rule);
            }
            Err(e) if e.kind() == ErrorKind::Schema && rule.key.is_empty() => {
                keyless.push((schema.name.to_string(), e));
            }
            Err(e) => return Err(e),
        }
    }
    refuse_keyless(keyless)?;
    if mappings.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "there is no table to read").at("source", &*job.from.name));
    }
    mapping::check_targets(&mappings)?;
    mapping::retarget_foreign_keys(&mut mappings);
    Ok((mappings, rules))
}

async fn prepare_lane(
    job: &Job,
    to: &Endpoint,
    lane_id: &LaneId,
    from: &str,
    mappings: &[Arc<Mapping>],
) -> Result<PreparedLane> {
    if !to.connector.capabilities().sink {
        return Err(Error::new(ErrorKind::Unsupported, "this connector cannot be a sink").at("sink", &*to.name));
    }
    let parked = job.parks.then(parked::schema);
    let mut spec = WriteSpec {
        lane: lane_id.clone(),
        owner: owner(),
        tables: mappings.iter().map(|m| m.write.clone()).chain(parked).collect(),
        once: job.once,
        restart: job.restart,
        add_columns: job.adds_columns,
    };
    let plan = to.connector.plan(&spec).await?;
    // Asked for once, before the lane is opened: see [`super::widen`].
    spec.add_columns = false;
    if plan.identity == from {
        return Err(Error::new(ErrorKind::Config, "source and sink are the same database")
            .at("source", &*job.from.name)
            .at("sink", &*to.name)
            .hint("name another sink"));
    }
    let tables = mappings.iter().map(|m| m.read.clone()).collect();
    let read = ReadSpec { tables, order: ReadOrder::Fastest, native: native(job, to, &plan, mappings), follow: None };
    Ok(PreparedLane { to: to.clone(), read, spec, plan })
}

/// The tables whose rows nobody looks at between two databases of one brand.
fn native(job: &Job, to: &Endpoint, plan: &WritePlan, mappings: &[Arc<Mapping>]) -> BTreeSet<TableName> {
    let form = job.from.connector.capabilities().native;
    if form.is_none() || form != to.connector.capabilities().native {
        return BTreeSet::new();
    }
    let undecoded = mappings.iter().filter(|m| m.is_verbatim() && plan.native.contains(&m.write.name));
    undecoded.map(|m| m.read.name.clone()).collect()
}

/// What an owner's name begins with where `resync` has taken a lane: whoever ran it takes it again and goes on.
pub const RESYNCS: &str = "resync by ";

/// Host and process, for whoever is fenced.
#[must_use]
pub fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} process {}", host.trim(), std::process::id()).trim_start().to_owned()
}

/// What a job that follows needs captured, and what must be installed for that.
async fn capture(job: &Job, mappings: &[Arc<Mapping>]) -> Result<(Vec<CaptureTable>, InstallPlan)> {
    if job.follow.is_none() {
        return Ok((Vec::new(), InstallPlan::default()));
    }
    let wanted = |m: &Arc<Mapping>| CaptureTable { schema: m.read.clone(), whole: m.is_filtered() };
    let wanted: Vec<_> = mappings.iter().map(wanted).collect();
    let capture = job.from.connector.capture().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "this connector finds no changes yet, it only gives snapshots")
            .at("source", &*job.from.name)
    })?;
    let install = capture.install_plan(&wanted).await?;
    if let Some(obstacle) = install.obstacles.first() {
        return Err(Error::new(ErrorKind::Unsupported, format!("changes cannot be captured: {obstacle}"))
            .at("source", &*job.from.name)
            .hint(match install.obstacles.len() {
                1 => "leave the table out, or take it by `capture: snapshot`".to_owned(),
                n => format!("{} more tables have such a reason; `syncline plan` lists them", n - 1),
            }));
    }
    Ok((wanted, install))
}

/// A job's identity towards its sinks: source, job, and what exactly it writes, so that a copy of other tables or
/// other rows never continues this one. The sink is not part of it: it is where the lane is kept.
fn lane_id(job: &Job, from: &str, mappings: &[Arc<Mapping>], rules: &[Rule]) -> LaneId {
    let mut text = format!("{from}\0{}\0{:?}", job.name, job.mode);
    mappings.iter().zip(rules).for_each(|(mapping, rule)| text.push_str(&written_down(mapping, rule)));
    LaneId(format!("{}-{:016x}", job.name, fnv(&text)))
}

/// The identity of a job that follows: source node and job. Which tables it carries, and by which rules, may change; the
/// position knows what is loaded how.
///
/// # Errors
/// Those of reaching the source.
pub async fn followed_lane_id(job: &Job) -> Result<LaneId> {
    let node = match job.from.connector.capture() {
        Some(capture) => capture.node().await?,
        None => None,
    };
    let hash = fnv(&format!("{}\0{}", node.unwrap_or_default(), job.name));
    Ok(LaneId(format!("{}-{hash:016x}", job.name)))
}

/// All that decides what a table's rows are at the sink.
fn written_down(mapping: &Mapping, rule: &Rule) -> String {
    let mut text = format!("\0{}\0{}", mapping.read.name, mapping.write.name);
    for part in rule.filter.iter().chain(&rule.key) {
        let _ = write!(text, "\0{part}");
    }
    if !rule.values.is_none() {
        let _ = write!(text, "\0{:?}", rule.values);
    }
    for column in mapping.write.columns.iter().chain(&mapping.read.columns) {
        let _ = write!(text, "\0{}", column.name);
    }
    text
}

/// FNV-1a: fixed for ever, since it is stored, and nobody attacks it.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The rule of the most specific pattern that matches.
///
/// # Errors
/// [`ErrorKind::Config`] if two patterns are equally specific.
pub fn rule_for(rules: &[(Pattern, Rule)], table: &TableName) -> Result<Rule> {
    let winner = winner(rules.iter().map(|(pattern, _)| pattern), table, None)?;
    Ok(winner.and_then(|i| rules.get(i)).map(|(_, rule)| rule.clone()).unwrap_or_default())
}

/// A name that means no table is a mistake, also where it would leave one out (I10).
fn named_tables_exist(job: &Job, description: &Description) -> Result<()> {
    let there: Vec<TableName> = description.tables.iter().map(|t| t.name.clone()).collect();
    let others = job.selection.exclude.iter().chain(job.rules.iter().map(|(pattern, _)| pattern));
    // First by all names, so that the one that was meant can be told.
    let mut mistakes = job.selection.unmatched(&description.names, None);
    mistakes.extend(job.selection.unmatched(&there, None));
    mistakes.extend(unmatched(others, &description.names, None));
    // One mistake at a time: the first is named.
    let Some(unmatched) = mistakes.into_iter().next() else { return Ok(()) };
    let named = job.selection.include.iter().find(|p| p.to_string() == unmatched.pattern);
    let left_out = description.skipped.iter().find(|(t, _)| named.is_some_and(|p| p.matches(t, None)));
    Err(match left_out {
        Some((table, reason)) => Error::new(ErrorKind::Schema, format!("{table} cannot be copied: {reason}"))
            .at("source", &*job.from.name)
            .hint("name tables, not views; the sink can have the view over them"),
        None => Error::new(ErrorKind::NotFound, unmatched.to_string())
            .at("source", &*job.from.name)
            .hint(format!("`syncline check {}` lists the tables", job.from.name)),
    })
}

fn refuse_keyless(mut keyless: Vec<(String, Error)>) -> Result<()> {
    match keyless.len() {
        0 => Ok(()),
        1 => Err(keyless.remove(0).1),
        n => {
            let names: Vec<_> = keyless.into_iter().map(|(name, _)| name).collect();
            Err(Error::new(ErrorKind::Schema, format!("{n} tables have no key: {}", names.join(", ")))
                .hint("name a key for each with `--key TABLE=COLUMN,...` or `key:` in the file, or leave them out with `--exclude`"))
        }
    }
}

impl Prepared {
    /// Refuses with every misfit at once.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] naming each table and reason.
    pub fn refuse_misfits(&self) -> Result<()> {
        for lane in &self.lanes {
            let misfits: Vec<_> = lane.plan.misfits.iter().map(|m| format!("{}: {}", m.table, m.reason)).collect();
            if !misfits.is_empty() {
                let list = misfits.join("\n  ");
                let what = format!("the tables of {} do not fit; nothing was written\n  {list}", lane.to.name);
                return Err(Error::new(ErrorKind::Schema, what));
            }
        }
        Ok(())
    }
}
