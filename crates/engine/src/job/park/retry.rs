//! Applying what is parked, or forgetting it, while the lane that parked it may be running.
//!
//! It runs under a lane of its own, which lasts only so long: the running lane is not fenced, and two who retry at once
//! fence each other. The parked rows go in the same unit as their changes are applied in, so each is applied once. What
//! the running lane parks meanwhile is found by looking again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use syncline_model::change::{ChangeBuf, TableBuilder};
use syncline_model::{ChangeBatch, Error, ErrorKind, Position, Result, TableSchema};

use super::held::Reach;
use super::removal;
use super::written::Contents;
use crate::capture::parked;
use crate::connector::{Connector, LaneId, Parked, ParkedQuery, Sink, WriteSpec};
use crate::job::step::{Step, reached};

/// Most changes that are read or written at a time.
const PIECE_ROWS: usize = 64;

/// How often it is looked again for what came meanwhile.
const ROUNDS_MAX: u32 = 1000;

/// What a retry came to.
#[derive(Debug, Default)]
pub struct Retried {
    /// Changes that were applied, and are no longer parked.
    pub applied: u64,
    /// The changes that were refused again, with the reason; whatever waits behind them stays too.
    pub refused: Vec<(Parked, String)>,
    /// All that is still parked of what was asked for.
    pub left: u64,
}

/// A parked change with what it is about.
#[derive(Debug, Clone)]
struct Waiting {
    parked: Parked,
    reach: Reach,
}

/// A retry under way.
struct Retry<'a> {
    connector: &'a dyn Connector,
    lane: LaneId,
    tables: HashMap<String, Arc<TableSchema>>,
    sink: Box<dyn Sink>,
    refused: BTreeMap<u64, (Parked, String)>,
    /// What stays parked: what was refused, and all that hangs on it.
    stays: BTreeSet<u64>,
}

/// Opens a sink so that the lane itself goes on.
async fn beside(connector: &dyn Connector, spec: &WriteSpec) -> Result<Box<dyn Sink>> {
    let mut spec = WriteSpec { once: true, restart: true, ..spec.clone() };
    spec.lane.0.push_str("-parked");
    if !spec.tables.iter().any(|t| parked::is_own(t)) {
        spec.tables.push(parked::schema());
    }
    connector.open_sink(&spec).await
}

/// Where a unit that belongs to no source ends.
fn nowhere() -> Position {
    Position::new("parked/1", "")
}

/// Applies what is parked of a lane, in its order, as far as the sink takes it: all of the tables that `wanted` names,
/// and what hangs together with it.
///
/// # Errors
/// Those of reading and writing; a change that is refused is none.
pub async fn retry(connector: &dyn Connector, spec: &WriteSpec, wanted: &dyn Fn(&str) -> bool) -> Result<Retried> {
    let sink = beside(connector, spec).await?;
    let tables = spec.tables.iter().map(|t| (t.name.to_string(), t.clone())).collect();
    let (refused, stays) = (BTreeMap::new(), BTreeSet::new());
    let mut retry = Retry { connector, lane: spec.lane.clone(), tables, sink, refused, stays };
    let mut retried = Retried::default();
    for _ in 0..ROUNDS_MAX {
        let mut applied = 0;
        // Read after the lease: what another one who retried has done is seen.
        let all: Vec<Waiting> = retry.parked().await?;
        let groups = groups(all);
        let asked = || groups.iter().filter(|group| group.iter().any(|w| wanted(&w.parked.table)));
        for group in asked() {
            let stays = |w: &&Waiting| retry.stays.contains(&w.parked.ord);
            let stuck: Vec<&Waiting> = group.iter().filter(stays).collect();
            let free = |w: &&Waiting| !stuck.iter().any(|s| s.parked.ord == w.parked.ord || hangs_on(w, s));
            let rest: Vec<Waiting> = group.iter().filter(free).cloned().collect();
            applied += retry.group(rest).await?;
        }
        retried.applied += applied;
        retried.left = asked().map(|group| group.len() as u64).sum::<u64>() - applied;
        if applied == 0 {
            break;
        }
    }
    retry.sink.finish().await?;
    retried.refused = retry.refused.into_values().collect();
    Ok(retried)
}

/// Forgets these parked changes. What waits behind them goes on waiting.
///
/// # Errors
/// [`ErrorKind::NotFound`] if one of them is not parked.
pub async fn forget(connector: &dyn Connector, spec: &WriteSpec, ords: &[u64]) -> Result<()> {
    let mut sink = beside(connector, spec).await?;
    let mut gone = TableBuilder::new(parked::schema());
    for ord in ords {
        gone.push(removal(&spec.lane, *ord, 0)?)?;
    }
    let batch = ChangeBatch { begins: true, ends: Some(nowhere()), tables: vec![gone.finish()?], native: None };
    sink.begin(sink.lease().epoch).await?;
    let report = sink.write(&batch).await?;
    if report.deletes_missing > 0 {
        return Err(Error::new(ErrorKind::NotFound, "no change of that number is parked")
            .hint("`syncline parked ls` shows what is; somebody may have applied it meanwhile"));
    }
    sink.commit(&nowhere()).await?;
    sink.finish().await?;
    Ok(())
}

impl Retry<'_> {
    async fn parked(&self) -> Result<Vec<Waiting>> {
        let query = ParkedQuery { lane: Some(self.lane.clone()), ..ParkedQuery::default() };
        let there = self.connector.parked(&query).await?;
        there.into_iter().map(|parked| Ok(Waiting { reach: Reach::parse(&parked.holds)?, parked })).collect()
    }

    /// Applies changes that hang together, without those that the sink refuses and what hangs on them; gives how many.
    async fn group(&mut self, mut rest: Vec<Waiting>) -> Result<u64> {
        let contents = self.contents(&rest).await?;
        while !rest.is_empty() {
            let epoch = self.sink.lease().epoch;
            self.sink.begin(epoch).await?;
            reached(Step::UnitBegun);
            let error = match self.apply(&rest, &contents).await {
                Ok(()) => {
                    self.sink.commit(&nowhere()).await?;
                    reached(Step::UnitCommitted);
                    return Ok(rest.len() as u64);
                }
                Err(e) => e,
            };
            let bad = error.change().and_then(|ord| rest.iter().find(|w| w.parked.ord == ord)).cloned();
            let Some(bad) = bad else { return Err(error) };
            let reason = error.without(&["table", "row", "connection"]);
            let stuck = all_that_hang_on(&bad, &rest);
            rest.retain(|w| !stuck.contains(&w.parked.ord));
            self.stays.extend(stuck);
            self.refused.insert(bad.parked.ord, (bad.parked, reason));
        }
        Ok(0)
    }

    /// Takes the parked rows out, in the open unit. From then on nobody else has a hand on them: a lane that parks behind
    /// them or forgets them has done so before, or waits.
    async fn take_out(&mut self, piece: &[Waiting], begins: bool) -> Result<()> {
        let mut gone = TableBuilder::new(parked::schema());
        for waiting in piece {
            gone.push(removal(&self.lane, waiting.parked.ord, waiting.parked.ord)?)?;
        }
        let batch = ChangeBatch { begins, ends: None, tables: vec![gone.finish()?], native: None };
        match self.sink.write(&batch).await?.deletes_missing {
            0 => Ok(()),
            _ => Err(moves()),
        }
    }

    /// Writes changes into the open unit, each after its parked row is taken out.
    async fn apply(&mut self, rest: &[Waiting], contents: &HashMap<u64, String>) -> Result<()> {
        for (i, piece) in rest.chunks(PIECE_ROWS).enumerate() {
            let mut builders: BTreeMap<&str, TableBuilder> = BTreeMap::new();
            for Waiting { parked, .. } in piece {
                let contents = contents.get(&parked.ord).ok_or_else(moves)?;
                let schema = self.tables.get(&parked.table);
                let (schema, change) = change(schema, parked, contents).map_err(|e| e.of_change(parked.ord))?;
                let builder = builders.entry(&parked.table).or_insert_with(|| TableBuilder::new(schema.clone()));
                builder.push(change)?;
            }
            self.take_out(piece, i == 0).await?;
            let tables = builders.values_mut().map(TableBuilder::finish).collect::<Result<Vec<_>>>()?;
            self.sink.write(&ChangeBatch { begins: false, ends: None, tables, native: None }).await?;
            reached(Step::BatchWritten);
        }
        Ok(())
    }

    /// The changes themselves, read before the unit begins: a file that is being written may not be read beside it.
    async fn contents(&self, rest: &[Waiting]) -> Result<HashMap<u64, String>> {
        let mut contents = HashMap::new();
        for piece in rest.chunks(PIECE_ROWS) {
            let wanted: BTreeSet<u64> = piece.iter().map(|w| w.parked.ord).collect();
            let mut next = wanted.first().copied();
            while let Some(from) = next {
                let rows_max = Some(u32::try_from(wanted.len()).unwrap_or(u32::MAX));
                let query = ParkedQuery { lane: Some(self.lane.clone()), from, rows_max, contents: true };
                let page = self.connector.parked(&query).await?;
                let last = page.last().map_or(from, |p| p.ord);
                let ours = page.into_iter().filter(|p| wanted.contains(&p.ord));
                contents.extend(ours.filter_map(|p| Some((p.ord, p.contents?))));
                next = wanted.range((Bound::Excluded(last), Bound::Unbounded)).next().copied();
            }
        }
        Ok(contents)
    }
}

fn moves() -> Error {
    Error::new(ErrorKind::Busy, "what is parked changes at this moment").hint("run the same command again")
}

fn change<'s>(
    schema: Option<&'s Arc<TableSchema>>,
    parked: &Parked,
    contents: &str,
) -> Result<(&'s Arc<TableSchema>, ChangeBuf)> {
    let schema = schema.ok_or_else(|| {
        Error::new(ErrorKind::Schema, "the job no longer carries the table of this change")
            .at("table", parked.table.clone())
    })?;
    let change = Contents::parse(contents)?.change(schema)?;
    Ok((schema, ChangeBuf { ord: parked.ord, ..change }))
}

/// Whether a change stays because another one of its group does: it is of the same row, or waits for it.
fn hangs_on(waiting: &Waiting, on: &Waiting) -> bool {
    waiting.reach.rows.iter().any(|row| on.reach.rows.contains(row))
        || waiting.parked.ord > on.parked.ord && waiting.reach.waits_for(&on.reach)
}

/// The change, all of its row, all that waits for these, and so on.
fn all_that_hang_on(bad: &Waiting, rest: &[Waiting]) -> BTreeSet<u64> {
    let mut stuck = vec![bad];
    let mut seen = BTreeSet::from([bad.parked.ord]);
    while let Some(on) = stuck.pop() {
        for waiting in rest.iter().filter(|w| hangs_on(w, on)) {
            if seen.insert(waiting.parked.ord) {
                stuck.push(waiting);
            }
        }
    }
    seen
}

/// The changes in groups that hang together, each in its order, first ones first.
fn groups(all: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut joined = Joined { of: (0..all.len()).collect() };
    let (mut rows, mut makes, mut needs) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut whole: HashMap<&str, usize> = HashMap::new();
    for (i, waiting) in all.iter().enumerate() {
        let reach = &waiting.reach;
        let own = reach.rows.iter().map(|spot| *rows.entry(spot).or_insert(i));
        let of_makes = reach.makes.iter().map(|spot| *makes.entry(spot).or_insert(i));
        // Two that refer to one row have nothing to do with each other, unless that row is parked too.
        let mut with: Vec<usize> = own.chain(of_makes).collect();
        with.extend(reach.needs.iter().filter_map(|spot| makes.get(spot).copied()));
        with.extend(reach.takes.iter().flat_map(|spot| needs.get(spot).cloned().unwrap_or_default()));
        reach.needs.iter().for_each(|spot| needs.entry(spot).or_insert_with(Vec::new).push(i));
        // A change of all rows of a table hangs together with whatever is parked of it.
        if let Some(first) = whole.get(&*waiting.parked.table) {
            with.push(*first);
        }
        if reach.is_of_all_rows() {
            with.extend(
                all.iter().take(i).enumerate().filter(|(_, w)| w.parked.table == waiting.parked.table).map(|(j, _)| j),
            );
            whole.entry(&waiting.parked.table).or_insert(i);
        }
        with.into_iter().for_each(|other| joined.join(i, other));
    }
    let mut groups: BTreeMap<usize, Vec<Waiting>> = BTreeMap::new();
    let roots: Vec<usize> = (0..all.len()).map(|i| joined.root(i)).collect();
    for (waiting, root) in all.into_iter().zip(roots) {
        groups.entry(root).or_default().push(waiting);
    }
    groups.into_values().collect()
}

/// Which of several things belong together.
struct Joined {
    of: Vec<usize>,
}

impl Joined {
    fn root(&mut self, mut of: usize) -> usize {
        while let Some(&up) = self.of.get(of).filter(|up| **up != of) {
            of = up;
        }
        of
    }

    /// The smaller number stands for both, so groups stay in order.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        if let Some(of) = self.of.get_mut(high) {
            *of = low;
        }
    }
}

#[cfg(test)]
mod tests;
