//! Writing down what a transaction has worked out, in the same transaction (I2); and forgetting what nobody can need.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syncline_model::merge::{Cells, Fate, Lost, RowKey, RowLoss, RowState, State, Vector};
use syncline_model::{CellBuf, Result};

use super::coded::{self, Ranks};
use super::control::{self, CLAIM, CONFLICT, HIDDEN, RANK, SEEN, UNIT, at, blob, cell};
use super::draft::{After, Draft};
use super::member::{Row, Writes};
use super::node::{Node, origin_cell};
use super::step::{Step, reached};
use super::store::{self, places};

/// Most tombstones that one transaction looks at.
const RELEASED_MAX: usize = 2000;

/// Keeps what the draft says.
pub async fn keep(
    node: &mut Node,
    draft: &mut Draft<'_>,
    after: &BTreeMap<RowKey, After>,
    ranks: &HashMap<RowKey, Ranks>,
    now_ms: u64,
) -> Result<()> {
    keep_ranks(node, draft, after, ranks).await?;
    keep_hidden(node, after).await?;
    keep_conflicts(node, draft, now_ms).await?;
    let mut rows = Vec::new();
    for unit in &draft.learned {
        draft.memory.seq += 1;
        let newest = cell(unit.newest().to_bits());
        let body = blob(coded::unit(unit));
        rows.push(vec![cell(draft.memory.seq), origin_cell(unit.origin), cell(unit.last()), newest, body]);
    }
    if !rows.is_empty() {
        node.member.insert(UNIT, &rows).await?;
    }
    let before = node.memory.vector.clone();
    keep_seen(node, &[(node.origin, before, draft.memory.vector.clone())]).await?;
    draft.memory.version += 1;
    count(node, draft).await
}

async fn count(node: &mut Node, draft: &Draft<'_>) -> Result<()> {
    let table = node.member.own(control::name(control::GROUP));
    let (clock, memory) = (draft.memory.clock.last().to_bits(), &draft.memory);
    let sql =
        format!("UPDATE {table} SET clock = {clock}, seq = {}, version = {} WHERE id = 1", memory.seq, memory.version);
    node.member.run(&sql).await.map(drop)
}

async fn keep_ranks(
    node: &mut Node,
    draft: &Draft<'_>,
    after: &BTreeMap<RowKey, After>,
    ranks: &HashMap<RowKey, Ranks>,
) -> Result<()> {
    let (mut gone, mut rows) = (BTreeSet::new(), Vec::new());
    for key in draft.before.keys() {
        let row = after.get(key).and_then(|after| after.row.as_ref());
        let (old, new) = (ranks.get(key), row.map(Ranks::of));
        if old == new.as_ref() {
            continue;
        }
        gone.extend(old.map(|_| key.clone()));
        let untouched = new.as_ref().is_some_and(|new| *new == Ranks::untouched(new.registers.len()));
        if let (Some(new), Some(row), false) = (new, row, untouched) {
            rows.push(rank_row(key, &new, row));
        }
    }
    if !gone.is_empty() {
        node.member.remove(RANK, &[0, 1], &places(gone.iter())).await?;
    }
    if rows.is_empty() { Ok(()) } else { node.member.insert(RANK, &rows).await }
}

fn rank_row(key: &RowKey, ranks: &Ranks, row: &RowState) -> Row {
    let stamp = row.newest().max(row.deleted).map(|rank| rank.stamp.to_bits()).unwrap_or_default();
    let deleted = row.deleted.map(|rank| rank.stamp.to_bits()).unwrap_or_default();
    let (table, hash) = (at(key.0), coded::hash(&key.1));
    vec![table, hash, blob(coded::cells(&key.1)), blob(coded::ranks(ranks)), cell(stamp), cell(deleted)]
}

async fn keep_hidden(node: &mut Node, after: &BTreeMap<RowKey, After>) -> Result<()> {
    let gone = || after.iter().filter(|(_, after)| after.was_hidden).map(|(key, _)| key);
    let gone: Vec<Cells> = places(gone());
    if !gone.is_empty() {
        node.member.remove(HIDDEN, &[0, 1], &gone).await?;
        node.member.remove(CLAIM, &[0, 1], &gone).await?;
    }
    let (mut rows, mut claims) = (Vec::new(), Vec::new());
    for (key, after) in after {
        let Some(row) = after.row.as_ref().filter(|_| after.fate != Some(Fate::Visible)) else { continue };
        let (table, hash) = (at(key.0), coded::hash(&key.1));
        let fate = CellBuf::from(coded::fate(after.fate));
        rows.push(vec![table.clone(), hash.clone(), blob(coded::cells(&key.1)), fate, blob(coded::image(row))]);
        let cells = node.group.table(key.0).filter(|_| after.fate.is_some()).and_then(|rules| rules.cells(&key.1, row));
        let Some(cells) = cells else { continue };
        for columns in node.group.asked(key.0) {
            let values = columns.iter().map(|&column| cells.get(column).filter(|cell| !cell.as_cell().is_null()));
            if let Some(values) = values.map(Option::<&CellBuf>::cloned).collect::<Option<Vec<_>>>() {
                claims.push(vec![table.clone(), hash.clone(), store::claim(key.0, &columns, &values)]);
            }
        }
    }
    if !rows.is_empty() {
        node.member.insert(HIDDEN, &rows).await?;
    }
    claims.sort_unstable();
    claims.dedup();
    if claims.is_empty() { Ok(()) } else { node.member.insert(CLAIM, &claims).await }
}

/// Each conflict once, by whatever path its changes came.
async fn keep_conflicts(node: &mut Node, draft: &mut Draft<'_>, now_ms: u64) -> Result<()> {
    let mut rows: BTreeMap<CellBuf, Row> = BTreeMap::new();
    for loss in &draft.losses {
        let (id, row) = conflict(draft, loss, now_ms);
        rows.insert(id, row);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Cells> = rows.keys().map(|id| [id.clone()].into()).collect();
    for row in node.member.find(CONFLICT, &[0], &ids, false).await? {
        row.first().into_iter().for_each(|id| drop(rows.remove(id)));
    }
    draft.done.conflicts += rows.len() as u64;
    let rows: Vec<Row> = rows.into_values().collect();
    if rows.is_empty() { Ok(()) } else { node.member.insert(CONFLICT, &rows).await }
}

fn conflict(draft: &Draft<'_>, loss: &RowLoss, now_ms: u64) -> (CellBuf, Row) {
    let (register, lost, won) = match &loss.loss.lost {
        Lost::Value { register, value } => {
            let won = draft.winner(loss, *register).map(|(_, value)| value);
            (at(*register), coded::cells(value), won.map_or_else(Vec::new, |won| coded::cells(&won)))
        }
        Lost::Delete => (CellBuf::from(-1), Vec::new(), Vec::new()),
    };
    let (rank, by) = (loss.loss.rank, loss.loss.by);
    let mut row = vec![
        cell(now_ms),
        at(loss.table),
        blob(coded::cells(&loss.key)),
        register,
        blob(lost),
        cell(rank.stamp.to_bits()),
        origin_cell(rank.origin),
        blob(won),
        cell(by.stamp.to_bits()),
        origin_cell(by.origin),
        CellBuf::from(0),
    ];
    // When it was noted, and what stands there by then, is not what makes it another one.
    let same: Vec<CellBuf> = [1, 2, 3, 5, 6, 8, 9].iter().filter_map(|&column| row.get(column).cloned()).collect();
    let id = coded::hash(&same);
    row.insert(0, id.clone());
    (id, row)
}

/// Writes down how far members have seen each origin: who, before, now.
async fn keep_seen(node: &mut Node, seen: &[(syncline_model::origin::Origin, Vector, Vector)]) -> Result<()> {
    let (mut gone, mut rows) = (Vec::new(), Vec::new());
    for (who, before, now) in seen {
        for (origin, seen) in now.iter().filter(|(origin, seen)| before.of(*origin) != *seen) {
            let key: Cells = [origin_cell(*who), origin_cell(origin)].into();
            let mut row = key.to_vec();
            if before.of(origin).number > 0 {
                gone.push(key);
            }
            row.extend([cell(seen.number), cell(seen.stamp.to_bits())]);
            rows.push(row);
        }
    }
    if !gone.is_empty() {
        node.member.remove(SEEN, &[0, 1], &gone).await?;
    }
    if rows.is_empty() { Ok(()) } else { node.member.insert(SEEN, &rows).await }
}

impl Node {
    /// Writes down what it was told of the others, and forgets what nobody can need any more: units that all have, and
    /// tombstones that are causally stable (F99). A member that was told nothing new writes nothing.
    ///
    /// # Errors
    /// What writing can lead to; all of it is taken back then.
    pub async fn tidy(&mut self) -> Result<()> {
        if self.memory.known == self.stored {
            return Ok(());
        }
        self.member.begin(Writes::Quiet).await?;
        let tidied = self.tidied().await;
        let done = match tidied {
            Ok(memory) => self.member.commit().await.map(|()| memory),
            Err(e) => Err(e),
        };
        match done {
            Ok(version) => {
                reached(Step::Tidied);
                self.memory.version = version;
                self.stored.clone_from(&self.memory.known);
                Ok(())
            }
            Err(e) => {
                self.member.rollback().await;
                Err(e.at("member", &*self.name))
            }
        }
    }

    async fn tidied(&mut self) -> Result<i64> {
        self.refresh(true).await?;
        let (stored, known) = (self.stored.clone(), self.memory.known.clone());
        let seen = known.into_iter().map(|(who, now)| (who, stored.get(&who).cloned().unwrap_or_default(), now));
        keep_seen(self, &seen.collect::<Vec<_>>()).await?;
        let passed = Vector::meet(self.memory.known.values());
        let units = self.member.own(control::name(UNIT));
        for (origin, seen) in passed.iter() {
            let origin = origin.0.cast_signed();
            let sql = format!("DELETE FROM {units} WHERE origin = {origin} AND last_number <= {}", seen.number);
            self.member.run(&sql).await?;
        }
        let stable = Vector::stable(&self.memory.vector, self.memory.known.values());
        self.release(&stable).await?;
        let version = self.memory.version + 1;
        let group = self.member.own(control::name(control::GROUP));
        self.member.run(&format!("UPDATE {group} SET version = {version} WHERE id = 1")).await?;
        Ok(version)
    }

    async fn release(&mut self, stable: &Vector) -> Result<()> {
        let newest = stable.iter().map(|(_, seen)| seen.stamp.to_bits()).max().unwrap_or(0);
        let rest = format!("WHERE deleted > 0 AND deleted <= {newest} ORDER BY deleted LIMIT {RELEASED_MAX}");
        let found = self.member.select(RANK, &rest).await?;
        let keys = found.iter().map(|row| Ok((control::place(row, 0)?, coded::read_cells(control::bytes(row, 2)?)?)));
        let keys = keys.collect::<Result<BTreeSet<RowKey>>>()?;
        if keys.is_empty() {
            return Ok(());
        }
        let ranks = self.store().ranks(&keys).await?;
        let hidden = self.store().hidden(&keys).await?;
        let shown = self.store().shown(&keys, false).await?;
        let mut state = State::new(&self.group);
        for key in &keys {
            let Some(rules) = self.group.table(key.0) else { continue };
            let row = match (hidden.get(key), shown.get(key)) {
                (Some(hidden), _) => hidden.row.clone(),
                (None, Some(row)) => store::as_state(rules, ranks.get(key), row),
                (None, None) => continue,
            };
            state.put(key.0, key.1.clone(), row)?;
        }
        let before = state.clone();
        state.release(&self.group, stable);
        let (mut gone, mut forgotten, mut rows) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for key in keys {
            match (before.row(key.0, &key.1), state.row(key.0, &key.1)) {
                (old, new) if old == new => continue,
                (_, Some(row)) => rows.push(rank_row(&key, &Ranks::of(row), row)),
                (_, None) => drop(forgotten.insert(key.clone())),
            }
            gone.insert(key);
        }
        if !gone.is_empty() {
            self.member.remove(RANK, &[0, 1], &places(gone.iter())).await?;
        }
        if !forgotten.is_empty() {
            self.member.remove(HIDDEN, &[0, 1], &places(forgotten.iter())).await?;
        }
        if rows.is_empty() { Ok(()) } else { self.member.insert(RANK, &rows).await }
    }
}
