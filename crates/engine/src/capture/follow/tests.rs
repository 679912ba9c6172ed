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
    Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables, whole: false }
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
    let whole = Place { whole: true, ..place() };
    let position = whole.position().unwrap();
    assert!(position.at.ends_with(r#""rules":5}},"whole":true}"#), "{}", position.at);
    assert_eq!(Place::parse(&position).unwrap(), whole);
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

    async fn release(&mut self, _lane: &LaneId) -> Result<()> {
        Ok(())
    }

    async fn ticks_beside_a_snapshot(&mut self) -> Result<bool> {
        Ok(true)
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
        let follow = Follow { tables: Vec::new(), rules: vec![5, 5], lane, ends, side: None };
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

fn at(tick: u64, tables: &[(&str, u64)]) -> Place {
    let tables = tables.iter().map(|(name, at)| ((*name).to_owned(), Loaded { log: 3, at: *at, rules: 5 })).collect();
    Place { capture: "c".into(), tick: Tick { number: tick, token: format!("of {tick}") }, tables, whole: false }
}

/// Of every table exactly what its lane had is at the sink: nothing of it is read twice, and nothing is left out.
#[test]
fn what_is_adopted_goes_on_where_it_is() {
    let mut behind = at(20, &[("u", 17)]);
    behind.adopt(&at(30, &[("t", 25)]));
    assert_eq!(behind, at(20, &[("u", 20), ("t", 30)]));
    let mut ahead = Place { whole: true, ..at(40, &[("u", 17), ("v", 44)]) };
    ahead.adopt(&at(30, &[("t", 35)]));
    assert_eq!(ahead, Place { whole: true, ..at(30, &[("u", 40), ("v", 44), ("t", 35)]) });
}

#[test]
fn what_is_not_loaded_is_not_adopted() {
    let mut place = at(20, &[("u", 17)]);
    let mut side = at(10, &[("t", 10)]);
    side.forget(&TableName::bare("again"));
    place.forget(&TableName::bare("again"));
    place.adopt(&Place { capture: "another".into(), ..side.clone() });
    assert_eq!(place.tick.number, 20, "ticks of another capture say nothing");
    assert!(!place.has(&TableName::bare("t")) && place.tables.contains_key("t"), "its rows are there, and unknown");
    place.adopt(&side);
    assert!(place.has(&TableName::bare("t")) && !place.has(&TableName::bare("again")));
    assert_eq!(place.tick.number, 10);
}
