//! I15: no cell value and no secret in a log line or an error, whatever goes wrong.

use std::io;
use std::sync::{Arc, Mutex};

use syncline::config::name_or_url;
use syncline::connector::Connector;
use syncline::job::Job;
use syncline_model::mapping::Rule;
use syncline_model::{Error, LogicalType, Position};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::batches::{TEXT, changes, delete, image, insert, row, snapshot, table, unit, update};
use crate::support::jobs::{applied, copy_job, failure, run_well, with_rule, write_spec};
use crate::support::place::{Decorated, InFile, InMemory, Place};

/// What must never be seen.
const PLANTED: &str = "hunter2-4111111111111111";

/// Everything that any thread of this process logs, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Runs `scene` and returns what it logged.
fn logged(scene: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tracing::subscriber::with_default(subscriber, || runtime.block_on(scene));
    String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap()
}

fn silent(text: &str, what: &str) {
    assert!(!text.contains("hunter2") && !text.contains("4111111111111111"), "{what} shows the planted value:\n{text}");
}

/// Everything that an error can say.
fn said(e: &Error) -> String {
    format!("{e} {e:?} {} {} {:?}", e.what(), e.advice(), e.places())
}

/// A job that must fail, with the planted value in the row that is refused.
async fn fails(job: Job) {
    let error = failure(&job).await;
    silent(&said(&error), "the error");
}

/// As the product wraps its connectors.
fn wrapped(place: &dyn Place) -> Arc<dyn Connector> {
    Decorated::TRACE.0(Decorated::RETRY.0(place.connector()))
}

/// An SQLite source with the planted value as key and as value.
fn source() -> InFile {
    let from = InFile::new(Decorated::BARE);
    from.create(&table("t", &[("k", TEXT), ("v", LogicalType::Any)], &["k"]));
    from.seed("t", &[row![PLANTED, PLANTED], row!["other", 1]]);
    from
}

#[test]
fn a_copy_that_succeeds_logs_no_value() {
    let log = logged(async {
        let (from, to) = (source(), InFile::new(Decorated::BARE));
        run_well(&copy_job(&wrapped(&from), &[&wrapped(&to)])).await;
    });
    // The log must be there, or its silence proves nothing.
    for step in ["open_sink", "write", "commit", "batch_written"] {
        assert!(log.contains(step), "the log says nothing of {step}:\n{log}");
    }
    silent(&log, "the log");
}

#[test]
fn a_row_that_the_sink_refuses_is_not_shown() {
    let log = logged(async {
        let refusing = [
            // A check, a unique index, a type, a length, a null key.
            "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, v CHECK (v IS NULL))",
            "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, v); CREATE UNIQUE INDEX one ON t (typeof(k))",
            "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, v, w AS (json(v)) STORED)",
            "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, v ANY, CHECK (json_extract(k, '$') IS NULL)) STRICT",
        ];
        for create in refusing {
            let (from, to) = (source(), InFile::new(Decorated::BARE));
            to.execute(create);
            fails(copy_job(&wrapped(&from), &[&wrapped(&to)])).await;
        }
    });
    assert!(log.contains("failed"));
    silent(&log, "the log");
}

#[test]
fn a_cell_that_the_sink_cannot_hold_is_not_shown() {
    let log = logged(async {
        // Text in a number's column.
        let schema = Arc::new(table("t", &[("k", TEXT), ("v", LogicalType::Float64)], &["k"]));
        let digits = "4111111111111111";
        let from = InMemory::new(Decorated::BARE);
        from.create(&schema);
        from.seed("t", &[row![PLANTED, digits]]);
        fails(copy_job(&wrapped(&from), &[&wrapped(&InFile::new(Decorated::BARE))])).await;
        // A filter that cannot tell.
        let rule = Rule { filter: Some(format!("v = '{PLANTED}'")), ..Rule::default() };
        let from = source();
        let to = InMemory::new(Decorated::BARE);
        run_well(&with_rule(copy_job(&wrapped(&from), &[&wrapped(&to)]), "t", rule)).await;
    });
    silent(&log, "the log");
}

#[test]
fn a_change_that_the_sink_refuses_is_not_shown() {
    let log = logged(async {
        let schema = Arc::new(table("t", &[("k", TEXT), ("v", TEXT)], &["k"]));
        for place in
            [Box::new(InFile::new(Decorated::BARE)) as Box<dyn Place>, Box::new(InMemory::new(Decorated::BARE))]
        {
            let mut sink = wrapped(&*place).open_sink(&write_spec("lane", &[&schema])).await.unwrap();
            applied(&mut *sink, &unit(vec![snapshot(&schema, &[row![PLANTED, PLANTED]])], "t")).await.unwrap();
            let refused = [
                vec![insert(row![PLANTED, "again"])],
                vec![update(image!["missing", _], image![_, PLANTED])],
                vec![insert(row!["a", PLANTED]), insert(row!["a", PLANTED])],
                vec![delete(image![_, PLANTED])],
            ];
            for all in refused {
                let error = applied(&mut *sink, &unit(vec![changes(&schema, all)], "no")).await.unwrap_err();
                silent(&said(&error), "the error");
            }
        }
    });
    silent(&log, "the log");
}

#[test]
fn a_position_is_not_made_of_values() {
    let log = logged(async {
        let from = source();
        let tables = crate::support::jobs::described(&from.connector()).await;
        let order = syncline::connector::ReadOrder::Fastest;
        let batches = crate::support::jobs::read_all(&wrapped(&from), &tables, order, 10).await.unwrap();
        let ends: Vec<Position> = batches.into_iter().filter_map(|b| b.ends).collect();
        assert!(!ends.is_empty());
        silent(&format!("{ends:?}"), "the position");
    });
    silent(&log, "the log");
}

#[test]
fn a_password_is_not_shown() {
    let log = logged(async {
        for url in [
            format!("postgres://app:{PLANTED}@localhost:1/shop"),
            format!("mysql://app:{PLANTED}@localhost:1/shop"),
            format!("nosuch://app:{PLANTED}@localhost/shop"),
            format!("postgres://app:{PLANTED}@local host/shop"),
        ] {
            let said = match name_or_url(None, &url) {
                Ok(spec) => {
                    let refused = syncline::registry::open(&spec).map(|_| ()).map_err(|e| said(&e));
                    format!("{spec:?} {refused:?}")
                }
                Err(e) => said(&e),
            };
            silent(&said, "the answer");
        }
    });
    silent(&log, "the log");
}

#[test]
fn the_watch_itself_sees_values() {
    let log = logged(async { tracing::trace!(cell = PLANTED, "a log line that must not be") });
    assert!(log.contains(PLANTED));
}
