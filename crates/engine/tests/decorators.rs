//! What each decorator adds, and what it leaves alone.

use std::sync::Arc;
use std::time::Duration;

use syncline::connector::{Budget, Connector, Read, ReadOrder, Source};
use syncline::wrap::fault::{Fault, Faults, Faulty, When};
use syncline::wrap::limit::Limit;
use syncline::wrap::retry::{Patience, Retry};
use syncline_model::ErrorKind;
use tokio::time::Instant;

use crate::support::batches::{at, crowd, people, snapshot, unit};
use crate::support::jobs::{budget, described, drained, read_spec, rows_of, write_spec};
use crate::support::place::{Decorated, HASTY, InMemory, Place};
use crate::support::recorder::{Effects, Recorded, Refusal};

fn place() -> InMemory {
    let place = InMemory::new(Decorated::BARE);
    place.create(&people("t"));
    place.seed("t", &crowd(10));
    place
}

async fn source(connector: &Arc<dyn Connector>) -> Box<dyn Source> {
    connector.open_source(None, &read_spec(&[people("t")], ReadOrder::Key)).await.unwrap()
}

/// Retry around faults around a list of what really happened.
fn flaky(place: &InMemory, fault: Fault, when: When, patience: Patience) -> (Arc<dyn Connector>, Arc<Faults>, Effects) {
    let (faults, effects) = (Faults::new(fault, when), Effects::default());
    let recorded = Recorded::wrap(place.connector(), &effects, &Refusal::none());
    let faulty = Arc::new(Faulty::new(recorded, faults.clone()));
    (Arc::new(Retry::new(faulty, patience)), faults, effects)
}

const ALWAYS: When = When::Chance { per_mille: 1000, seed: 1 };

#[tokio::test(start_paused = true)]
async fn retry_gives_up_after_so_many_calls_and_waits_longer_each_time() {
    let patience = Patience { calls_max: 4, wait_first: Duration::from_millis(100) };
    let (connector, faults, _) = flaky(&place(), Fault::Refused, ALWAYS, patience);
    let began = Instant::now();
    let error = connector.check().await.unwrap_err();
    assert_eq!((error.kind(), faults.struck()), (ErrorKind::Unreachable, 4));
    assert_eq!(began.elapsed().as_millis(), 100 + 200 + 400);
}

#[tokio::test(start_paused = true)]
async fn retry_tries_again_what_left_nothing_behind() {
    let place = place();
    for call in ["check", "describe", "plan", "open_source", "open_sink", "read", "confirm", "begin"] {
        let spec = write_spec("lane", &[&people("t")]);
        let (connector, faults, _) = flaky(&place, Fault::Refused, When::Nth(1), HASTY);
        // The first call of that name is the one that fails: before it, none is made through the faults.
        let reaches = |needs: &[&str]| needs.contains(&call);
        if reaches(&["check"]) {
            connector.check().await.unwrap();
        } else if reaches(&["describe"]) {
            described(&connector).await;
        } else if reaches(&["plan"]) {
            connector.plan(&spec).await.unwrap();
        } else {
            let (connector, faults) = sparing_all_but(&place, call);
            let mut read = source(&connector).await;
            let mut sink = connector.open_sink(&spec).await.unwrap();
            assert!(matches!(read.read(budget(10)).await.unwrap(), Read::Batch(_)));
            read.confirm(&at("t")).await.unwrap();
            sink.begin(sink.lease().epoch).await.unwrap();
            assert_eq!(faults.struck(), 1, "{call}");
            continue;
        }
        assert_eq!(faults.struck(), 1, "{call}");
    }
}

/// Retry around a fault that strikes the first call of that name only.
fn sparing_all_but(place: &InMemory, call: &str) -> (Arc<dyn Connector>, Arc<Faults>) {
    const CALLS: [&str; 7] = ["open_source", "open_sink", "read", "confirm", "begin", "write", "commit"];
    let spared: Vec<&'static str> = CALLS.into_iter().filter(|c| *c != call).collect();
    let faults = Faults::sparing(Fault::Refused, When::Nth(1), spared.leak());
    let faulty = Arc::new(Faulty::new(place.connector(), faults.clone()));
    (Arc::new(Retry::new(faulty, HASTY)), faults)
}

/// After these only the sink's own position tells what happened (F03).
#[tokio::test(start_paused = true)]
async fn retry_never_repeats_a_write_a_commit_or_a_finish() {
    for (n, call) in [(3, "write"), (4, "commit"), (5, "finish")] {
        let (connector, faults, effects) = flaky(&place(), Fault::AnswerLost, When::Nth(n), HASTY);
        let schema = people("t");
        let mut sink = connector.open_sink(&write_spec("lane", &[&schema])).await.unwrap();
        sink.begin(sink.lease().epoch).await.unwrap();
        let written = sink.write(&unit(vec![snapshot(&schema, &crowd(1))], "t")).await.map(drop);
        let committed = if written.is_ok() { sink.commit(&at("t")).await } else { Ok(()) };
        let finished = if committed.is_ok() && written.is_ok() { sink.finish().await.map(drop) } else { Ok(()) };
        let failed = written.and(committed).and(finished).unwrap_err();
        assert!(failed.places().contains(&("call", call.to_owned())), "{failed}");
        assert_eq!(faults.struck(), 1);
        // It happened, and happened once.
        let effects = effects.taken();
        assert_eq!(effects.lines().filter(|e| e.starts_with(call)).count(), 1, "{effects}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_leaves_errors_alone_that_only_a_person_can_change() {
    let (effects, place) = (Effects::default(), place());
    let refusing = Recorded::wrap(place.connector(), &effects, &Refusal::of("open_source", 1));
    let connector = Retry::new(refusing, Patience::default());
    let began = Instant::now();
    let error = connector.open_source(None, &read_spec(&[people("t")], ReadOrder::Key)).await.err().unwrap();
    assert_eq!((error.kind(), began.elapsed()), (ErrorKind::Value, Duration::ZERO));
    assert_eq!(effects.taken().lines().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn limit_spreads_bytes_over_time() {
    let place = place();
    let connector: Arc<dyn Connector> = place.connector();
    let whole = drained(&mut *source(&connector).await, budget(20)).await.unwrap();
    let bytes: usize = whole.iter().map(syncline_model::ChangeBatch::bytes).sum();
    let last = whole.last().unwrap().bytes();
    let limited: Arc<dyn Connector> = Arc::new(Limit::new(connector, bytes as u64 / 10));
    let mut source = source(&limited).await;
    let began = Instant::now();
    let batches = drained(&mut *source, budget(20)).await.unwrap();
    assert_eq!(rows_of(&batches, "t"), crowd(10));
    // Ten seconds for everything. What comes last is paid for before the end is told.
    let took = began.elapsed().as_secs_f64();
    let least = 10.0 * (bytes - last) as f64 / bytes as f64;
    assert!((least..11.0).contains(&took), "{took} seconds instead of 10");
}

#[tokio::test(start_paused = true)]
async fn limit_keeps_the_budgets_own_wait() {
    let limited: Arc<dyn Connector> = Arc::new(Limit::new(place().connector(), 1));
    let mut source = source(&limited).await;
    let patient = Budget { bytes_max: 10, wait_max: Duration::from_millis(300) };
    assert!(matches!(source.read(patient).await.unwrap(), Read::Batch(_)));
    for _ in 0..3 {
        let began = Instant::now();
        assert!(matches!(source.read(patient).await.unwrap(), Read::Idle));
        assert_eq!(began.elapsed(), patient.wait_max);
    }
}

#[tokio::test(start_paused = true)]
async fn limit_of_zero_is_not_for_ever() {
    let limited: Arc<dyn Connector> = Arc::new(Limit::new(place().connector(), 0));
    let batches = drained(&mut *source(&limited).await, budget(1000)).await.unwrap();
    assert_eq!(rows_of(&batches, "t").len(), 10);
}

#[tokio::test]
async fn trace_says_at_which_connection_it_failed() {
    let refusing = Recorded::wrap(place().connector(), &Effects::default(), &Refusal::of("open_sink", 1));
    let traced = Decorated::TRACE.0(refusing);
    let error = traced.open_sink(&write_spec("lane", &[&people("t")])).await.err().unwrap();
    assert!(error.places().contains(&("connection", "place".to_owned())), "{error}");
}

#[tokio::test]
async fn a_fault_strikes_once_and_where_it_was_told() {
    for n in 1..4 {
        let faults = Faults::new(Fault::Refused, When::Nth(n));
        let faulty = Faulty::new(place().connector(), faults.clone());
        for call in 1..6 {
            assert_eq!(faulty.check().await.is_err(), call == n, "call {call} of {n}");
        }
        assert_eq!(faults.struck(), 1);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let drawn = |seed, per_mille| async move {
        let faulty = Faulty::new(place().connector(), Faults::new(Fault::Refused, When::Chance { per_mille, seed }));
        let mut failed = Vec::new();
        for _ in 0..400 {
            failed.push(faulty.check().await.is_err());
        }
        failed
    };
    assert_eq!(drawn(7, 250).await, drawn(7, 250).await);
    assert_ne!(drawn(7, 250).await, drawn(8, 250).await);
    let struck = drawn(7, 250).await.into_iter().filter(|f| *f).count();
    assert!((60..140).contains(&struck), "{struck} of 400 at a quarter");
    assert!(drawn(7, 0).await.into_iter().all(|failed| !failed));
}

/// By the contract a failed `read` has read nothing: what was withheld comes with the next.
#[tokio::test]
async fn a_lost_answer_to_a_read_loses_no_batch() {
    for n in 2..8 {
        let faults = Faults::new(Fault::AnswerLost, When::Nth(n));
        let faulty: Arc<dyn Connector> = Arc::new(Faulty::new(place().connector(), faults.clone()));
        let mut source = source(&faulty).await;
        let mut batches = Vec::new();
        loop {
            match source.read(budget(30)).await {
                Ok(Read::Batch(batch)) => batches.push(batch),
                Ok(Read::Idle | Read::Apart(_) | Read::Loaded) => {}
                Ok(Read::End) => break,
                Err(e) => assert_eq!(e.kind(), ErrorKind::Unreachable),
            }
        }
        assert_eq!((rows_of(&batches, "t"), faults.struck()), (crowd(10), 1), "call {n}");
    }
}
