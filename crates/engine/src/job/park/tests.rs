#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use syncline_model::change::{ChangeBuf, Op, TableBuilder};
use syncline_model::{ChangeBatch, Column, Position};

use super::*;
use crate::connect::memory::Memory;
use crate::connector::{Sink, WriteSpec};

fn table() -> Arc<TableSchema> {
    let columns =
        vec![Column::new("id", syncline_model::LogicalType::Any), Column::new("v", syncline_model::LogicalType::Any)];
    Arc::new(TableSchema { key: vec![0], ..TableSchema::new(TableName::bare("t"), columns) })
}

fn spec() -> WriteSpec {
    let tables = vec![table(), parked::schema()];
    WriteSpec {
        lane: LaneId("lane".into()),
        owner: "test".into(),
        tables,
        once: false,
        restart: false,
        add_columns: false,
    }
}

/// Changes of the table as one unit: number, operation, key, value.
fn unit(changes: &[(u64, Op, i64, i64)]) -> ChangeBatch {
    let mut builder = TableBuilder::new(table());
    for (ord, op, id, v) in changes {
        let (id, v) = (Some(CellBuf::from(*id)), Some(CellBuf::from(*v)));
        let (after, before) = match op {
            Op::Insert => (vec![id, v], Vec::new()),
            Op::Truncate => (Vec::new(), Vec::new()),
            _ => (vec![None, v], vec![id, None]),
        };
        builder.push(ChangeBuf { ord: *ord, ..ChangeBuf::new(*op, after, before) }).unwrap();
    }
    let ends = Some(Position::new("test/1", ""));
    ChangeBatch { begins: true, ends, tables: vec![builder.finish().unwrap()], native: None }
}

/// A lane into a database in memory, with the loop's order of effects.
struct Lane {
    memory: Memory,
    sink: Box<dyn Sink>,
    parking: Parking,
}

impl Lane {
    async fn into(memory: &Memory) -> Self {
        let sink = memory.open_sink(&spec()).await.unwrap();
        let mut parking = Parking::new(spec().lane, true, &spec().tables);
        parking.look(memory).await.unwrap();
        Self { memory: memory.clone(), sink, parking }
    }

    async fn write(&mut self, changes: &[(u64, Op, i64, i64)]) -> Result<()> {
        let batch = self.parking.divert(unit(changes), false)?;
        self.sink.begin(self.sink.lease().epoch).await?;
        self.sink.write(&batch).await?;
        self.sink.commit(batch.ends.as_ref().unwrap()).await?;
        self.parking.committed();
        Ok(())
    }

    /// As the lane does it: again and again while it learns.
    async fn carry(&mut self, changes: &[(u64, Op, i64, i64)]) -> u32 {
        for attempt in 1.. {
            let Err(error) = self.write(changes).await else { return attempt };
            assert!(self.parking.learns(&error), "{error}");
            self.parking.look(&self.memory).await.unwrap();
        }
        unreachable!()
    }

    async fn parked(&self) -> Vec<u64> {
        self.memory.parked(&ParkedQuery::default()).await.unwrap().iter().map(|p| p.ord).collect()
    }

    fn rows(&self) -> Vec<Vec<CellBuf>> {
        self.memory.table(&table().name).map(|t| t.rows.values().cloned().collect()).unwrap_or_default()
    }
}

fn row(id: i64, v: i64) -> Vec<CellBuf> {
    vec![id.into(), v.into()]
}

/// An update of a row that is not there is refused; each such change costs the unit one more reading.
#[tokio::test]
async fn a_unit_is_read_once_more_for_each_change_that_is_refused() {
    let mut lane = Lane::into(&Memory::new("")).await;
    let changes = [(1, Op::Update, 1, 1), (2, Op::Insert, 2, 2), (3, Op::Update, 3, 3), (4, Op::Update, 1, 4)];
    assert_eq!(lane.carry(&changes).await, 3);
    assert_eq!((lane.parked().await, lane.rows()), (vec![1, 3, 4], vec![row(2, 2)]));
    assert!(lane.parking.refused.is_empty());
}

/// What a lane remembers as parked somebody else has applied: the unit that would wait for it fails, the lane looks again,
/// and the change is applied after the others.
#[tokio::test]
async fn a_change_never_waits_behind_one_that_is_gone() {
    let memory = Memory::new("");
    let mut lane = Lane::into(&memory).await;
    lane.carry(&[(1, Op::Update, 1, 1), (2, Op::Insert, 2, 2)]).await;
    memory.put(&table().name, [row(1, 0)]).unwrap();
    let retried = retry::retry(&memory, &spec(), &|_| true).await.unwrap();
    assert_eq!((retried.applied, retried.left, lane.rows()), (1, 0, vec![row(1, 1), row(2, 2)]));
    // It remembers still.
    assert_eq!(lane.parking.in_all(), 1);
    assert_eq!(lane.carry(&[(3, Op::Update, 1, 3)]).await, 2);
    assert_eq!((lane.parked().await, lane.rows()), (vec![], vec![row(1, 3), row(2, 2)]));
}

/// Changes that came in several units are applied in their order.
#[tokio::test]
async fn all_that_waits_is_applied_in_order() {
    let memory = Memory::new("");
    let mut lane = Lane::into(&memory).await;
    lane.carry(&[(1, Op::Update, 1, 1), (2, Op::Insert, 2, 2)]).await;
    lane.carry(&[(3, Op::Update, 1, 3)]).await;
    lane.carry(&[(4, Op::Update, 2, 4), (5, Op::Update, 1, 5)]).await;
    assert_eq!(lane.parked().await, [1, 3, 5]);
    memory.put(&table().name, [row(1, 0)]).unwrap();
    let retried = retry::retry(&memory, &spec(), &|_| true).await.unwrap();
    assert_eq!((retried.applied, lane.rows()), (3, vec![row(1, 5), row(2, 4)]));
}

/// Another lane of the same sink has its own, even of the same row.
#[tokio::test]
async fn lanes_do_not_see_each_others() {
    let memory = Memory::new("");
    let mut lane = Lane::into(&memory).await;
    lane.carry(&[(1, Op::Update, 1, 1)]).await;
    let mut other = Parking::new(LaneId("other".into()), true, &spec().tables);
    other.look(&memory).await.unwrap();
    assert_eq!(other.in_all(), 0);
    let batch = other.divert(unit(&[(1, Op::Insert, 1, 1)]), false).unwrap();
    assert_eq!(parked::set_aside(&batch), 0);
}

/// A table that is emptied leaves nothing to wait for; rows of a load are newer than what was parked.
#[tokio::test]
async fn an_emptied_table_forgets_what_was_parked() {
    for loading in [false, true] {
        let memory = Memory::new("");
        let mut lane = Lane::into(&memory).await;
        lane.carry(&[(1, Op::Update, 1, 1), (2, Op::Update, 1, 1)]).await;
        let batch = lane.parking.divert(unit(&[(3, Op::Truncate, 0, 0)]), loading).unwrap();
        lane.sink.begin(lane.sink.lease().epoch).await.unwrap();
        lane.sink.write(&batch).await.unwrap();
        lane.sink.commit(batch.ends.as_ref().unwrap()).await.unwrap();
        assert_eq!((lane.parked().await, lane.parking.in_all()), (vec![], 0));
    }
}

/// A sink that refuses everything is no matter of single rows.
#[tokio::test]
async fn there_is_an_end_to_it() {
    let mut lane = Lane::into(&Memory::new("")).await;
    let refused = |ord| Error::new(ErrorKind::Constraint, "refused").of_change(ord);
    for ord in 0..REFUSED_MAX as u64 {
        assert!(lane.parking.learns(&refused(ord)));
    }
    assert!(!lane.parking.learns(&refused(REFUSED_MAX as u64)));
    // What is set aside and refused all the same is a fault of ours, not read for ever.
    let mut lane = Lane::into(&Memory::new("")).await;
    assert!(lane.parking.learns(&refused(7)) && !lane.parking.learns(&refused(7)));
    let own = || refused(8).at("table", parked::NAME);
    assert_eq!((0..200).filter(|_| lane.parking.learns(&own())).count() as u32, LOOKS_MAX);
}

/// Only what a row's own value or a rule of the database refuses is set aside.
#[tokio::test]
async fn other_errors_are_not_set_aside() {
    let mut lane = Lane::into(&Memory::new("")).await;
    for kind in ErrorKind::ALL {
        let own = matches!(kind, ErrorKind::Value | ErrorKind::Constraint);
        assert_eq!(lane.parking.learns(&Error::new(kind, "refused").of_change(1)), own, "{kind:?}");
        assert!(!lane.parking.learns(&Error::new(kind, "refused")), "{kind:?}");
        lane.parking.refused.clear();
    }
    let mut stops = Parking::new(spec().lane, false, &spec().tables);
    assert!(!stops.learns(&Error::new(ErrorKind::Value, "refused").of_change(1)));
}
