//! Setting changes aside that the sink refuses, so that the others go on (`on_error: park`).
//!
//! A change that was refused by its value or by a constraint becomes known when its unit fails; the lane opens anew, reads
//! the unit again, and this time the change goes into `syncline_parked`, a table of the sink, in the same unit and so in
//! the same transaction as data and position (I2). Later changes of the same row wait behind it there, in their order
//! (I4). A unit with N such changes is read N + 1 times.
//!
//! Somebody else may apply what is parked, or drop it, while the lane runs. So a change that comes to wait also writes to
//! the parked change that it waits for, in the same unit: if that one is gone, the unit fails and the lane looks again; if
//! it is there, whoever would remove it waits for the unit's end and finds both. So nothing overtakes (see [`retry`]).

mod held;
pub mod retry;
pub mod shown;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_model::change::{ChangeBuf, Op, TableBuilder};
use syncline_model::{Cell, CellBuf, ChangeBatch, Error, ErrorKind, Result, TableChanges, TableName, TableSchema};

use self::held::{Held, Reach, Shape};
use self::written::{Contents, json};
use crate::capture::control::now;
use crate::capture::parked;
use crate::connector::{Connector, LaneId, ParkedQuery};

/// Most changes that are refused between two commits. More are no poisoned rows but a sink that fits no longer.
const REFUSED_MAX: usize = 1000;

/// How often in a row a lane looks again because what it waited behind was gone.
const LOOKS_MAX: u32 = 50;

/// What one lane sets aside.
#[derive(Debug)]
pub struct Parking {
    lane: LaneId,
    parks: bool,
    shape: Shape,
    /// The changes that the sink has refused, by `_ord`, with the reason; forgotten when their unit is committed.
    refused: BTreeMap<u64, String>,
    looks: u32,
    held: Held,
    /// The parked changes that this unit has written to.
    touched: BTreeSet<u64>,
    diverted: BTreeSet<u64>,
}

impl Parking {
    /// For a lane that writes these tables.
    #[must_use]
    pub fn new(lane: LaneId, parks: bool, tables: &[Arc<TableSchema>]) -> Self {
        Self {
            lane,
            parks,
            shape: Shape::new(tables),
            refused: BTreeMap::new(),
            looks: 0,
            held: Held::default(),
            touched: BTreeSet::new(),
            diverted: BTreeSet::new(),
        }
    }

    /// Looks at what is parked in the sink; the lane must be taken before.
    ///
    /// # Errors
    /// Those of reading; [`ErrorKind::Constraint`] if something is parked and the lane does not park any more: its later
    /// changes would overtake what is parked (I4).
    pub async fn look(&mut self, sink: &dyn Connector) -> Result<()> {
        let query = ParkedQuery { lane: Some(self.lane.clone()), ..ParkedQuery::default() };
        (self.held, self.touched, self.diverted) = (Held::default(), BTreeSet::new(), BTreeSet::new());
        let there = sink.parked(&query).await?;
        if !self.parks && !there.is_empty() {
            return Err(Error::new(ErrorKind::Constraint, "changes are parked, and this job no longer parks")
                .at("parked", there.len().to_string())
                .hint("`syncline parked retry JOB` applies them, `syncline parked drop JOB` forgets them; or say `on_error: park`"));
        }
        for change in there {
            self.held.add(&change.table, change.ord, &Reach::parse(&change.holds)?);
        }
        Ok(())
    }

    /// How many changes are parked.
    #[must_use]
    pub fn in_all(&self) -> usize {
        self.held.count()
    }

    /// Whether the unit can be read again with what is known now: a change was refused and will be set aside, or what it
    /// waited behind is gone.
    pub fn learns(&mut self, error: &Error) -> bool {
        let by_its_own = matches!(error.kind(), ErrorKind::Value | ErrorKind::Constraint);
        let Some(ord) = error.change().filter(|_| self.parks && by_its_own) else { return false };
        if error.places().iter().any(|(key, value)| *key == "table" && value == parked::NAME) {
            self.looks += 1;
            return self.looks <= LOOKS_MAX;
        }
        let reason = error.without(&["table", "row", "connection"]);
        self.refused.insert(ord, reason).is_none() && self.refused.len() <= REFUSED_MAX
    }

    /// The unit is durable.
    pub fn committed(&mut self) {
        self.looks = 0;
        self.touched.clear();
        for ord in std::mem::take(&mut self.diverted) {
            self.refused.remove(&ord);
        }
    }

    /// The batch as the sink gets it: what was refused or has to wait goes into `syncline_parked`. While tables are
    /// loaded nothing is set aside, and what was parked of a loaded table is forgotten: its rows are newer.
    ///
    /// # Errors
    /// [`ErrorKind::Value`] if a change has a number that no table holds.
    pub fn divert(&mut self, mut batch: ChangeBatch, loading: bool) -> Result<ChangeBatch> {
        if self.refused.is_empty() && self.held.is_empty() {
            return Ok(batch);
        }
        let mut aside = TableBuilder::new(parked::schema());
        if loading {
            let native = batch.native.iter().map(|rows| rows.schema.name.clone());
            let names: Vec<TableName> = batch.tables.iter().map(|t| t.schema().name.clone()).chain(native).collect();
            for name in names {
                self.forget(&name, 0, &mut aside)?;
            }
        } else {
            self.set_aside(&mut batch, &mut aside)?;
        }
        if aside.rows() > 0 {
            // First: whoever applies what is parked holds these rows, and must be done before their tables are touched.
            batch.tables.insert(0, aside.finish()?);
        }
        Ok(batch)
    }

    fn set_aside(&mut self, batch: &mut ChangeBatch, aside: &mut TableBuilder) -> Result<()> {
        let mut kept: Vec<Vec<usize>> = batch.tables.iter().map(|_| Vec::new()).collect();
        for (t, row) in batch.in_order() {
            let (Some(changes), Some(kept)) = (batch.tables.get(t), kept.get_mut(t)) else { continue };
            if !self.take(changes, row, aside)? {
                kept.push(row);
            }
        }
        let mut tables = Vec::with_capacity(batch.tables.len());
        for (changes, kept) in batch.tables.iter().zip(kept) {
            if kept.len() == changes.rows() {
                tables.push(changes.clone());
            } else if !kept.is_empty() {
                tables.push(changes.picked(&kept)?);
            }
        }
        batch.tables = tables;
        Ok(())
    }

    /// Takes one change out of its batch, if it has to be set aside.
    fn take(&mut self, changes: &TableChanges, row: usize, aside: &mut TableBuilder) -> Result<bool> {
        let (schema, ord) = (changes.schema(), changes.marks().ord(row));
        let reason = self.refused.get(&ord).cloned();
        let change = ChangeBuf::of(changes, row);
        if change.op == Op::Truncate && reason.is_none() && self.held.whole(&schema.name).is_none() {
            // It leaves no row for which anything could wait.
            self.forget(&schema.name, ord, aside)?;
            return Ok(false);
        }
        let reach = self.shape.reach(schema, &change);
        let ahead = self.held.ahead_of(&schema.name, &reach);
        if reason.is_none() && ahead.is_none() {
            return Ok(false);
        }
        if let Some(ahead) = ahead.filter(|ahead| self.touched.insert(*ahead)) {
            aside.push(self.touch(ahead, ord)?)?;
        }
        // What this unit itself has parked nobody else can have removed.
        self.touched.insert(ord);
        self.diverted.insert(ord);
        aside.push(self.row(schema, &change, &reach, reason)?)?;
        self.held.add(&schema.name.to_string(), ord, &reach);
        Ok(true)
    }

    /// Forgets what is parked of a table.
    fn forget(&mut self, table: &TableName, ord: u64, aside: &mut TableBuilder) -> Result<()> {
        for gone in self.held.free(table) {
            aside.push(removal(&self.lane, gone, ord)?)?;
        }
        Ok(())
    }

    /// Says at a parked change that another one waits behind it.
    fn touch(&self, ahead: u64, ord: u64) -> Result<ChangeBuf> {
        let mut after = vec![None; parked::schema().columns.len()];
        if let Some(behind) = parked::schema().position(parked::BEHIND).and_then(|c| after.get_mut(c)) {
            *behind = Some(number(ord)?);
        }
        Ok(ChangeBuf { ord, ..ChangeBuf::new(Op::Update, after, key(&self.lane, ahead)?) })
    }

    fn row(
        &self,
        schema: &TableSchema,
        change: &ChangeBuf,
        reach: &Reach,
        reason: Option<String>,
    ) -> Result<ChangeBuf> {
        let text = |text: &str| Some(CellBuf::Text(text.into()));
        let [lane, ord] = [text(&self.lane.0), Some(number(change.ord)?)];
        let after = vec![
            lane,
            ord,
            text(&schema.name.to_string()),
            text(&reach.key()?),
            text(change.op.as_str()),
            text(&reach.written()?),
            text(&json(&Contents::of(schema, change))?),
            Some(reason.map_or(CellBuf::NULL, |reason| CellBuf::Text(reason.into()))),
            Some(CellBuf::NULL),
            text(&now()),
        ];
        Ok(ChangeBuf { ord: change.ord, ..ChangeBuf::new(Op::Insert, after, Vec::new()) })
    }
}

/// Removes a row of `syncline_parked`.
fn removal(lane: &LaneId, parked: u64, ord: u64) -> Result<ChangeBuf> {
    Ok(ChangeBuf { ord, ..ChangeBuf::new(Op::Delete, Vec::new(), key(lane, parked)?) })
}

fn key(lane: &LaneId, ord: u64) -> Result<Vec<Option<CellBuf>>> {
    Ok(vec![Some(CellBuf::Text(lane.0.as_str().into())), Some(number(ord)?)])
}

fn number(ord: u64) -> Result<CellBuf> {
    match Cell::uint(ord) {
        cell @ Cell::Int(_) => Ok(cell.to_owned()),
        _ => Err(Error::new(ErrorKind::Value, "a change has a number beyond 2^63 and cannot be parked")),
    }
}

#[cfg(test)]
mod tests;
