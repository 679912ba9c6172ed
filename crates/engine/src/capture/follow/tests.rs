#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::change::TableBuilder;
use syncline_model::{ChangeBatch, Column, ErrorKind, LogicalType, Position, Result, TableName, TableSchema};

use super::{Captured, Follower, LAYOUT, Loaded, Piece, Place, Tick};
use crate::connector::{Budget, Follow, LaneId, Read, ReadOrder, ReadSpec, Source};

fn place() -> Place {
    let tables = [("t".to_owned(), Loaded { log: 3, at: 17, rules: 5 })].into();
    Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables }
}

/// Stored at sinks: what is written today must be read for ever.
#[test]
fn a_position_is_written_like_this() {
    let position = place().position().unwrap();
    assert_eq!(
        (&*position.layout, &*position.at),
        ("follow/1", r#"{"capture":"c","tick":{"number":18,"token":"x"},"tables":{"t":{"log":3,"at":17,"rules":5}}}"#)
    );
    assert_eq!(Place::parse(&position).unwrap(), place());
}

#[test]
fn a_position_of_another_kind_is_refused() {
    for (layout, at) in [("snapshot/1", "t"), ("follow/2", "{}"), (LAYOUT, "t"), (LAYOUT, "{}")] {
        assert_eq!(
            Place::parse(&Position::new(layout, at)).unwrap_err().kind(),
            ErrorKind::PositionLost,
            "{layout} {at}"
        );
    }
}

#[test]
fn what_is_forgotten_is_known_and_not_loaded() {
    let mut place = place();
    place.forget(&TableName::bare("t"));
    assert_eq!(place.tables.get("t"), Some(&Loaded::AGAIN));
    let all = Place::forgotten([TableName::bare("t"), TableName::bare("u")]);
    assert!(all.capture.is_empty() && all.tables.values().all(|l| *l == Loaded::AGAIN) && all.tables.len() == 2);
}

/// A database in which something is committed between any two looks: every tick is a new one. It notes the ranges that are
/// opened.
#[derive(Default)]
struct Busy {
    ticks: u64,
    opened: Opened,
}

/// Of each range after what it begins, by table, and where it ends.
type Opened = Arc<std::sync::Mutex<Vec<(Vec<u64>, u64)>>>;

/// A snapshot of tables without rows.
struct Empty(Vec<Arc<TableSchema>>);

fn table(name: &str) -> Arc<TableSchema> {
    let id = Column::new("id", LogicalType::Int { bits: 64, signed: true });
    Arc::new(TableSchema::new(TableName::bare(name), vec![id]))
}

#[async_trait]
impl Source for Empty {
    async fn read(&mut self, _budget: Budget) -> Result<Read> {
        let Some(table) = self.0.pop() else { return Ok(Read::End) };
        let tables = vec![TableBuilder::new(table).finish_snapshot(0)?];
        Ok(Read::Batch(ChangeBatch { begins: true, ends: Some(Position::new("any", "")), tables, native: None }))
    }

    async fn confirm(&mut self, _upto: &Position) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Captured for Busy {
    fn incarnation(&self) -> &str {
        "c"
    }

    fn logs(&self) -> &[u64] {
        &[3, 4]
    }

    async fn tick(&mut self) -> Result<Tick> {
        self.ticks += 10;
        Ok(Tick { number: self.ticks, token: "x".into() })
    }

    async fn holds(&mut self, _tick: &Tick) -> Result<bool> {
        Ok(true)
    }

    async fn keep(&mut self, _tick: u64) -> Result<()> {
        Ok(())
    }

    async fn snapshot(&mut self, spec: &ReadSpec) -> Result<(Tick, Box<dyn Source>)> {
        Ok((self.tick().await?, Box::new(Empty(spec.tables.clone()))))
    }

    async fn open(&mut self, after: &[u64], upto: &Tick) -> Result<()> {
        self.opened.lock().unwrap().push((after.to_vec(), upto.number));
        Ok(())
    }

    async fn next(&mut self, _bytes_max: usize) -> Result<Piece> {
        Ok(Piece { tables: vec![TableBuilder::new(table("t")).finish_snapshot(0)?], last: true })
    }

    async fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    async fn wait(&mut self, _wait_max: Duration) -> Result<bool> {
        Ok(true)
    }
}

/// A load that died between two tables and is gone on with later: the first unit brings the table that is there as far as
/// the one that comes, and nothing ends before that (I3).
#[tokio::test]
async fn tables_that_are_loaded_at_two_moments_meet() {
    for ends in [true, false] {
        let place = Place { tick: Tick { number: 18, token: "x".into() }, ..place() };
        let busy = Busy { ticks: 20, ..Busy::default() };
        let opened = busy.opened.clone();
        let tables = vec![table("t"), table("u")];
        let spec = ReadSpec { tables, order: ReadOrder::Fastest, native: Default::default(), follow: None };
        let lane = LaneId("lane".into());
        let follow = Follow { tables: Vec::new(), rules: vec![5, 5], lane, ends };
        let mut follower = Follower::open(busy, Some(place.position().unwrap()), spec, &follow).await.unwrap();
        let mut loaded = false;
        // Loaded, and then a unit.
        let last = loop {
            match follower.read(Budget::default()).await.unwrap() {
                Read::Loaded => loaded = true,
                Read::Batch(batch) if !loaded => drop(batch),
                Read::Batch(batch) => break batch,
                other => unreachable!("{other:?}"),
            }
        };
        // `t` after the tick it was loaded at, `u` after that of its snapshot; the tick at the opening was 30.
        assert_eq!(opened.lock().unwrap().first(), Some(&(vec![18, 40], 40)));
        assert_eq!(Place::parse(&last.ends.unwrap()).unwrap().tick.number, 40);
        if ends {
            assert!(matches!(follower.read(Budget::default()).await, Ok(Read::End)));
        }
    }
}
