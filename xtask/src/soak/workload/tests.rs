use syncline_rig::Random;

use super::super::stage::Kind;
use super::{Ledger, Said};

fn drawn(seed: u64, kind: Kind) -> Vec<String> {
    let (mut ledger, mut random, mut texts) = (Ledger::default(), Random(seed), Vec::new());
    for _ in 0..200 {
        let transaction = ledger.draw(&mut random, 3, kind);
        texts.push(match transaction.said(kind) {
            Said::Whole(text) => text,
            Said::Parts(first, last) => format!("{first} {last}"),
        });
        if !transaction.back {
            ledger.committed(transaction);
        }
    }
    texts
}

/// The same seed says the same, and each transaction names itself once.
#[test]
fn a_seed_repeats_what_is_written() {
    for kind in Kind::ALL {
        assert_eq!(drawn(7, kind), drawn(7, kind));
        assert_ne!(drawn(7, kind), drawn(8, kind));
        assert!(drawn(7, kind).iter().all(|text| text.contains("SELECT 'done ") != text.contains("SELECT 'back'")));
    }
}

/// A transaction that is taken back leaves no trace in the log.
#[test]
fn only_what_is_committed_is_in_the_log() {
    let (mut ledger, mut random) = (Ledger::default(), Random(1));
    let first = ledger.draw(&mut random, 1, Kind::Postgres);
    let second = ledger.draw(&mut random, 1, Kind::Postgres);
    assert_eq!((first.seq, second.seq, ledger.transfers.len()), (1, 1, 0));
    ledger.committed(second);
    assert_eq!(ledger.draw(&mut random, 1, Kind::Postgres).seq, 2);
}
