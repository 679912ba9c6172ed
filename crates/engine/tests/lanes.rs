//! One job, several sinks: one that fails or hangs never holds the others (F68).

use std::sync::Arc;
use std::time::Duration;

use syncline::connector::{Capabilities, Connector};
use syncline::job::report::TableState;
use syncline::wrap::fault::{Fault, Faults, Faulty, When};
use syncline_model::ErrorKind;

use crate::support::batches::{crowd, people};
use crate::support::binary::PATIENCE;
use crate::support::jobs::{copy_job, failure, run};
use crate::support::lesser::Lesser;
use crate::support::place::{Decorated, InFile, InMemory, Place};
use crate::support::recorder::{Effects, Recorded, Refusal};

fn source() -> InFile {
    let from = InFile::new(Decorated::BARE);
    for name in ["a", "b"] {
        from.create(&people(name));
        from.seed(name, &crowd(20));
    }
    from
}

/// Two good sinks around a broken one.
async fn with_broken(broken: impl FnOnce(Arc<dyn Connector>) -> Arc<dyn Connector>, kind: ErrorKind, done: usize) {
    let from = source();
    let (first, last) = (InMemory::new(Decorated::BARE), InFile::new(Decorated::BARE));
    let middle = InMemory::new(Decorated::BARE);
    let job = copy_job(&from.connector(), &[&first.connector(), &broken(middle.connector()), &last.connector()]);
    let report = run(&job).await.unwrap();
    let outcomes: Vec<_> =
        report.lanes.iter().map(|l| (&*l.name, l.outcome.as_ref().err().map(|e| e.kind()))).collect();
    assert_eq!(outcomes, [("sink 1", None), ("sink 2", Some(kind)), ("sink 3", None)]);
    for sink in [&first as &dyn Place, &last] {
        assert_eq!((sink.rows("a"), sink.rows("b")), (from.rows("a"), from.rows("b")));
    }
    let states = |lane: usize| report.lanes[lane].tables.iter().filter(|t| t.state == TableState::Done).count();
    assert_eq!((states(0), states(1), states(2)), (2, done, 2));
    let committed: Vec<_> = report.lanes.iter().map(|l| l.committed).collect();
    assert_eq!(committed, [true, done > 0, true]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_refuses_a_row_holds_nobody() {
    with_broken(|c| Recorded::wrap(c, &Effects::default(), &Refusal::of("write", 1)), ErrorKind::Value, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_refuses_the_second_table_keeps_the_first() {
    with_broken(|c| Recorded::wrap(c, &Effects::default(), &Refusal::of("commit", 2)), ErrorKind::Value, 1).await;
}

/// Unreachable from its first unit on: the lane tries again and again while the others have long finished.
#[tokio::test(start_paused = true)]
async fn a_sink_that_stays_away_holds_nobody() {
    let never = |c| -> Arc<dyn Connector> {
        let always = When::Chance { per_mille: 1000, seed: 0 };
        Arc::new(Faulty::new(c, Faults::sparing(Fault::Refused, always, &["plan", "open_sink"])))
    };
    with_broken(never, ErrorKind::Unreachable, 0).await;
}

/// A lane that hangs for ever: the others are done long before anybody gives up on it.
#[tokio::test]
async fn a_sink_that_hangs_holds_nobody() {
    let from = InMemory::new(Decorated::BARE);
    from.create(&people("a"));
    from.seed("a", &crowd(20));
    let (hanging, quick) = (InMemory::new(Decorated::BARE), InMemory::new(Decorated::BARE));
    // Another program has a unit open in the first sink.
    let schema = people("other");
    let spec = crate::support::jobs::write_spec("another lane", &[&schema]);
    let mut other = hanging.connector().open_sink(&spec).await.unwrap();
    other.begin(other.lease().epoch).await.unwrap();
    let job = copy_job(&from.connector(), &[&hanging.connector(), &quick.connector()]);
    let running = tokio::spawn(async move { run(&job).await });
    let began = std::time::Instant::now();
    while quick.rows("a").is_none() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((quick.rows("a"), hanging.rows("a")), (Some(crowd(20)), None));
    drop(other);
    let report = running.await.unwrap().unwrap();
    assert!(report.lanes.iter().all(|l| l.outcome.is_ok()));
    assert_eq!(hanging.rows("a"), Some(crowd(20)));
}

/// What a connector does not declare is refused before anybody asks it.
#[tokio::test]
async fn an_undeclared_end_is_refused() {
    let from = InMemory::new(Decorated::BARE);
    from.create(&people("a"));
    let to = InMemory::new(Decorated::BARE);
    let lesser = |place: &InMemory, lacks: fn(&mut Capabilities)| -> Arc<dyn Connector> {
        let inner = place.connector();
        let mut declared = inner.capabilities();
        lacks(&mut declared);
        Arc::new(Lesser { inner, declared })
    };
    let no_source = lesser(&from, |c| c.snapshot = false);
    let error = failure(&copy_job(&no_source, &[&to.connector()])).await;
    assert_eq!((error.kind(), error.places()), (ErrorKind::Unsupported, &[("source", "source".to_owned())][..]));
    let no_sink = lesser(&to, |c| c.sink = false);
    let error = failure(&copy_job(&from.connector(), &[&no_sink])).await;
    assert_eq!((error.kind(), error.places()), (ErrorKind::Unsupported, &[("sink", "sink 1".to_owned())][..]));
}
