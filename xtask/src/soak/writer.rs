//! A writer: a session of the application, which writes down for itself what it was told is committed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use syncline_rig::{Random, Session};

use super::stage::{Base, Job};
use super::state::State;
use super::workload::{Ledger, Said, Transaction};
use crate::failure::Result;

/// Longest that a server may stay away.
const AWAY_MAX: Duration = Duration::from_secs(300);

/// Writes until it is told to stop; its log.
pub fn write(state: &State, job: &Job, writer: u32, mut random: Random) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut session = None;
    while state.writing() && state.may_begin() {
        let transaction = ledger.draw(&mut random, writer, job.from.kind);
        if !transaction.back {
            // Before it is said: from now on it may be committed.
            if let Some(sent) = job.sent.get(writer as usize - 1) {
                sent.store(transaction.seq, Ordering::SeqCst);
            }
        }
        match said(&job.from, &mut session, &transaction) {
            Ok(answer) if answer.lines().any(|line| line == format!("done {}", transaction.seq)) => {
                ledger.committed(transaction);
                state.committed();
            }
            Ok(answer) if transaction.back && answer.lines().any(|line| line == "back") => state.count("taken back"),
            Ok(answer) => {
                return Err(format!("{}: writer {writer} was told `{answer}`", job.name).into());
            }
            // A deadlock, or the server has died; perhaps after it had committed.
            Err(_) => {
                session = None;
                state.count("transactions cut off");
                if is_committed(&job.from, writer, &transaction)? {
                    state.count("of these committed all the same");
                    ledger.committed(transaction);
                    state.committed();
                }
            }
        }
    }
    Ok(ledger)
}

fn said(from: &Base, session: &mut Option<Session>, transaction: &Transaction) -> Result<String> {
    let mut open = match session.take() {
        Some(open) => open,
        None => from.session()?,
    };
    let answer = match transaction.said(from.kind) {
        Said::Whole(text) => open.says(&text)?,
        Said::Parts(first, last) => {
            open.tells(&first)?;
            std::thread::sleep(Duration::from_millis(transaction.sleep_ms));
            open.says(&last)?
        }
    };
    *session = Some(open);
    Ok(answer)
}

/// Asks the source, once it is there again, what became of a transaction whose answer was lost.
fn is_committed(from: &Base, writer: u32, transaction: &Transaction) -> Result<bool> {
    let began = Instant::now();
    loop {
        match from.asked(&format!("SELECT seq FROM writer WHERE id = {writer}")) {
            Ok(answer) => {
                let found: u32 = answer.trim().parse().map_err(|_| format!("writer {writer} has seq `{answer}`"))?;
                let (seq, back) = (transaction.seq, transaction.back);
                return match found {
                    found if found == seq && !back => Ok(true),
                    found if found + 1 == seq => Ok(false),
                    _ => Err(format!("{}: the source itself lost writer {writer}'s {seq}: {found}", from.name).into()),
                };
            }
            Err(failure) if began.elapsed() > AWAY_MAX => return Err(failure),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
