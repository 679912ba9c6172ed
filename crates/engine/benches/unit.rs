//! What a unit of one row costs in CPU: the whole loop with all decorators into a sink that does nothing, then into
//! SQLite beside the same statements run by hand. Run by `cargo xtask bench unit`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use syncline::capture::control::Trouble;
use syncline::connect::sqlite::Sqlite;
use syncline::connector::{
    Budget, Capabilities, Capture, CheckReport, Connector, Description, FinishReport, LaneId, Lease, Parked,
    ParkedQuery, Read, ReadSpec, Sink, Source, WritePlan, WriteReport, WriteSpec,
};
use syncline::job::{Endpoint, Job, Progress, WriteMode, prepare, run_lanes};
use syncline::wrap::retry::{Patience, Retry};
use syncline::wrap::trace::Trace;
use syncline_model::change::TableBuilder;
use syncline_model::mapping::ValueRules;
use syncline_model::pattern::Selection;
use syncline_model::{
    Cell, ChangeBatch, Column, Epoch, Error, ErrorKind, LogicalType, Position, Result, TableName, TableSchema,
};

/// How many units: the first number on the command line.
static UNITS: LazyLock<u64> = LazyLock::new(|| std::env::args().find_map(|word| word.parse().ok()).unwrap_or(50_000));

fn schema() -> TableSchema {
    let columns = vec![
        Column {
            nullable: false,
            native: "INTEGER".into(),
            ..Column::new("id", LogicalType::Int { bits: 64, signed: true })
        },
        Column { native: "TEXT".into(), ..Column::new("note", LogicalType::Text { chars_max: None }) },
    ];
    let mut schema = TableSchema::new(TableName::bare("t"), columns);
    schema.brand = "sqlite".into();
    schema.key = vec![0];
    schema
}

/// Gives units of one row each, and takes them without looking.
#[derive(Debug, Default)]
struct Ends {
    units_taken: Arc<AtomicU64>,
}

struct Units {
    schema: Arc<TableSchema>,
    given: u64,
}

struct Nothing {
    lease: Lease,
    units_taken: Arc<AtomicU64>,
}

#[async_trait]
impl Connector for Ends {
    fn capabilities(&self) -> Capabilities {
        Capabilities { snapshot: true, sink: true, ..Capabilities::default() }
    }
    async fn check(&self) -> Result<CheckReport> {
        Ok(CheckReport::default())
    }
    async fn describe(&self, _wanted: &Selection) -> Result<Description> {
        Ok(Description { identity: "units".into(), tables: vec![schema()], ..Description::default() })
    }
    async fn plan(&self, _spec: &WriteSpec) -> Result<WritePlan> {
        Ok(WritePlan { identity: "nothing".into(), ..WritePlan::default() })
    }
    async fn open_source(&self, _at: Option<Position>, spec: &ReadSpec) -> Result<Box<dyn Source>> {
        let schema = spec.tables.first().cloned().ok_or_else(|| Error::new(ErrorKind::Bug, "no table"))?;
        Ok(Box::new(Units { schema, given: 0 }))
    }
    async fn open_sink(&self, _spec: &WriteSpec) -> Result<Box<dyn Sink>> {
        let lease = Lease { epoch: Epoch(1), position: None, trouble: None };
        Ok(Box::new(Nothing { lease, units_taken: self.units_taken.clone() }))
    }

    async fn parked(&self, _: &ParkedQuery) -> Result<Vec<Parked>> {
        Ok(Vec::new())
    }

    fn capture(&self) -> Option<&dyn Capture> {
        None
    }
}

#[async_trait]
impl Source for Units {
    async fn read(&mut self, _budget: Budget) -> Result<Read> {
        if self.given == *UNITS {
            return Ok(Read::End);
        }
        self.given += 1;
        let mut builder = TableBuilder::new(self.schema.clone());
        let id = i64::try_from(self.given).unwrap_or(0);
        builder
            .snapshot_row::<Error>(|c| Ok(if c == 0 { Cell::Int(id) } else { Cell::Text("a note of some length") }))?;
        let ends = Some(Position::new("units/1", self.given.to_string()));
        Ok(Read::Batch(ChangeBatch { begins: true, ends, tables: vec![builder.finish_snapshot(0)?], native: None }))
    }
    async fn confirm(&mut self, _upto: &Position) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Sink for Nothing {
    fn lease(&self) -> &Lease {
        &self.lease
    }
    async fn begin(&mut self, _epoch: Epoch) -> Result<()> {
        Ok(())
    }
    async fn write(&mut self, batch: &ChangeBatch) -> Result<WriteReport> {
        Ok(WriteReport { rows: batch.rows() as u64, ..WriteReport::default() })
    }
    async fn retire(&mut self, _lane: &LaneId, _epoch: Epoch) -> Result<()> {
        Ok(())
    }
    async fn commit(&mut self, _upto: &Position) -> Result<()> {
        self.units_taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    async fn note(&mut self, _trouble: Option<&Trouble>) -> Result<()> {
        Ok(())
    }
    async fn finish(&mut self) -> Result<FinishReport> {
        Ok(FinishReport::default())
    }
}

/// CPU time of this process so far, µs (user and system; the kernel counts in 1/100 s).
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<f64>().unwrap()).sum();
    ticks * 10_000.0
}

fn wrapped(bare: Arc<dyn Connector>, name: &str) -> Endpoint {
    let patient = Arc::new(Retry::new(bare, Patience::default()));
    Endpoint { name: name.into(), connector: Arc::new(Trace::new(patient, name)) }
}

fn run(sink: Arc<dyn Connector>) -> f64 {
    let job = Job {
        name: "unit".into(),
        from: wrapped(Arc::new(Ends::default()), "units"),
        to: vec![wrapped(sink, "sink")],
        selection: Selection::default(),
        rules: Vec::new(),
        values: ValueRules::default(),
        mode: WriteMode::Upsert,
        budget: Budget::default(),
        once: true,
        follow: None,
        restart: false,
        parks: false,
        adds_columns: false,
        installs: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let before = cpu_us();
    runtime.block_on(async {
        let prepared = prepare(&job).await.unwrap();
        let progress = Progress::new(&prepared);
        let report = run_lanes(&job, prepared, &progress, std::future::pending()).await;
        report.lanes.into_iter().for_each(|lane| drop(lane.outcome.unwrap()));
    });
    (cpu_us() - before) / *UNITS as f64
}

fn by_hand(path: &std::path::Path) -> f64 {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT);
         CREATE TABLE p (job TEXT PRIMARY KEY, epoch INTEGER, at TEXT); INSERT INTO p VALUES ('j', 1, '')",
    )
    .unwrap();
    let before = cpu_us();
    for id in 1..=*UNITS {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        let _: u64 =
            conn.prepare_cached("SELECT epoch FROM p WHERE job = 'j'").unwrap().query_row([], |r| r.get(0)).unwrap();
        conn.prepare_cached("INSERT INTO t VALUES (?1, 'a note of some length')").unwrap().execute([id]).unwrap();
        conn.prepare_cached("UPDATE p SET at = ?1 WHERE job = 'j'").unwrap().execute([id.to_string()]).unwrap();
        conn.execute_batch("COMMIT").unwrap();
    }
    (cpu_us() - before) / *UNITS as f64
}

fn main() {
    let nothing = Ends::default();
    let taken = nothing.units_taken.clone();
    let own = run(Arc::new(nothing));
    assert_eq!(taken.load(Ordering::Relaxed), *UNITS, "every unit arrived");
    // In memory, so that the kernel's disk work, the same for both, does not drown the difference.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sqlite = run(Arc::new(Sqlite::new(folder.path().join("a.db"))));
    let hand = by_hand(&folder.path().join("b.db"));
    println!("loop and decorators, empty sink: {own:.1} us");
    println!("into SQLite: {sqlite:.1} us");
    println!("the same statements by hand: {hand:.1} us");
    println!("our own share into SQLite: {:.1} us", sqlite - hand);
}
