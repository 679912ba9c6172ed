#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syncline_model::change::TableBuilder;
use syncline_model::{ChangeBatch, Column, Error, ErrorKind, LogicalType, Position, Result, TableName, TableSchema};

use super::{Captured, Follower, Loaded, Piece, Place, QUIET_COMMIT_EVERY, Tick};
use crate::connector::{Budget, Follow, LaneId, Read, ReadOrder, ReadSpec, Source};

/// A database in which something is committed between any two looks: every tick is a new one. It notes the ranges that are
/// opened.
#[derive(Default)]
struct Busy {
    ticks: u64,
    opened: Opened,
    /// How long a unit takes to read, in pieces of a second.
    long: u32,
    /// How many more ticks come, in none of which there is anything for the lane; absent if all have something.
    quiet: Option<u32>,
    /// The calls of `tick` that are answered before one fails, once.
    ticks_well: Option<u32>,
    /// The same of `next`, which has taken its piece by then.
    reads_well: Option<u32>,
}

/// Counts a call; an error that may pass if it is the one that fails.
fn fails(well: &mut Option<u32>) -> Result<()> {
    match well.as_mut() {
        Some(0) => *well = None,
        Some(left) => {
            *left -= 1;
            return Ok(());
        }
        None => return Ok(()),
    }
    Err(Error::new(ErrorKind::Unreachable, "the connection was lost"))
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
        fails(&mut self.ticks_well)?;
        self.ticks += 10;
        Ok(Tick { number: self.ticks, token: "x".into() })
    }

    async fn border(&mut self, after: u64, newest: &Tick, _changes_max: u64) -> Result<Tick> {
        Ok(Tick { number: (after + 1).next_multiple_of(10).min(newest.number), token: "x".into() })
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
        let last = self.long == 0;
        if !last {
            self.long -= 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        fails(&mut self.reads_well)?;
        let tables =
            if self.quiet.is_some() { Vec::new() } else { vec![TableBuilder::new(table("t")).finish_snapshot(0)?] };
        Ok(Piece { tables, last })
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
        match &mut self.quiet {
            None => Ok(true),
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
        }
    }
}

/// A lane that has `t` up to tick 18, and not `u`.
async fn follower(busy: Busy, tables: &[&str], ends: bool) -> Follower<Busy> {
    let loaded = [("t".to_owned(), Loaded { log: 3, at: 17, rules: 5 })].into();
    let place =
        Place { capture: "c".into(), tick: Tick { number: 18, token: "x".into() }, tables: loaded, whole: false };
    let tables: Vec<_> = tables.iter().map(|name| table(name)).collect();
    let follow =
        Follow { tables: Vec::new(), rules: vec![5; tables.len()], lane: LaneId("lane".into()), ends, side: None };
    let spec = ReadSpec { tables, order: ReadOrder::Fastest, native: Default::default(), follow: None };
    Follower::open(busy, Some(place.position().unwrap()), spec, &follow).await.unwrap()
}

/// The ticks at which its units end.
async fn units(mut follower: Follower<Busy>) -> Vec<u64> {
    let mut ticks = Vec::new();
    loop {
        match follower.read(Budget::default()).await.unwrap() {
            Read::Batch(batch) => ticks.extend(batch.ends.map(|at| Place::parse(&at).unwrap().tick.number)),
            Read::End => return ticks,
            _ => {}
        }
    }
}

/// Each is kept once it is there: whoever is stopped again and again gets on nevertheless.
#[tokio::test]
async fn who_was_away_goes_on_from_tick_to_tick() {
    let busy = Busy { ticks: 40, ..Busy::default() };
    let opened = busy.opened.clone();
    assert_eq!(units(follower(busy, &["t"], true).await).await, [20, 30, 40, 50]);
    let after = |range: &(Vec<u64>, u64)| (range.0.clone(), range.1);
    let opened: Vec<_> = opened.lock().unwrap().iter().map(after).collect();
    assert_eq!(opened, [(vec![18], 20), (vec![20], 30), (vec![30], 40), (vec![40], 50)]);
}

/// Else the next unit would be as long as this one, and all that comes meanwhile.
#[tokio::test(start_paused = true)]
async fn ticks_are_made_while_a_long_unit_is_read() {
    // The tick at the opening is 20; it takes two seconds to come to it.
    let mut follower = follower(Busy { ticks: 10, long: 2, ..Busy::default() }, &["t"], false).await;
    let mut unit = async || loop {
        if let Read::Batch(batch) = follower.read(Budget::default()).await.unwrap()
            && let Some(at) = batch.ends
        {
            return Place::parse(&at).unwrap().tick.number;
        }
    };
    assert_eq!((unit().await, unit().await, follower.newest.number), (20, 30, 40));
}

/// Who repeats a call that failed gets each piece once, or none any more: a unit without one of its pieces would be committed
/// like any other (I3).
#[tokio::test(start_paused = true)]
async fn an_error_within_a_unit_loses_no_piece() {
    for ticks in [true, false] {
        for well in 0..6 {
            let fails = |of: bool| of.then_some(well);
            let busy =
                Busy { long: 4, ticks_well: fails(ticks).map(|n| n + 1), reads_well: fails(!ticks), ..Busy::default() };
            let mut follower = follower(Busy { ticks: 10, ..busy }, &["t"], false).await;
            let (mut batches, mut ended, mut errors) = (Vec::new(), false, 0);
            while !ended && errors < 10 {
                match follower.read(Budget::default()).await {
                    Ok(Read::Batch(batch)) => {
                        ended = batch.ends.is_some();
                        batches.push(batch.begins);
                    }
                    Ok(_) => {}
                    Err(_) => errors += 1,
                }
            }
            let whole = batches == [true, false, false, false, false];
            assert!(whole || !ended, "ticks {ticks}, the {well}th: {batches:?} after {errors} errors");
            assert!(!ticks || whole, "a tick takes nothing away: {batches:?}");
        }
    }
}

/// A load that died between two tables and is gone on with later: the first unit brings the table that is there as far as
/// the one that comes, and nothing ends before that (I3).
#[tokio::test]
async fn tables_that_are_loaded_at_two_moments_meet() {
    for ends in [true, false] {
        let busy = Busy { ticks: 20, ..Busy::default() };
        let opened = busy.opened.clone();
        let mut follower = follower(busy, &["t", "u"], ends).await;
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

/// What others write costs a lane whose tables rest no more than a unit now and then, and the last of these comes also when
/// nobody writes any more: then nothing is kept for it.
#[tokio::test]
async fn a_lane_whose_tables_rest_says_now_and_then_how_far_it_is() {
    let mut follower = follower(Busy { ticks: 10, quiet: Some(3), ..Busy::default() }, &["t"], false).await;
    let mut said = async |others: u32, for_long: bool| {
        if for_long {
            follower.last_unit = tokio::time::Instant::now().checked_sub(QUIET_COMMIT_EVERY).unwrap();
        }
        follower.captured.quiet = Some(others);
        loop {
            match follower.read(Budget::default()).await.unwrap() {
                Read::Loaded => {}
                Read::Batch(batch) => break Some(Place::parse(&batch.ends.unwrap()).unwrap().tick.number),
                Read::Idle => break None,
                other => unreachable!("{other:?}"),
            }
        }
    };
    assert_eq!((said(3, false).await, said(0, false).await, said(2, false).await), (None, None, None));
    assert_eq!((said(0, true).await, said(0, true).await), (Some(70), None), "said once");
    assert_eq!((said(1, true).await, said(1, false).await, said(0, false).await), (Some(80), None, None));
}
