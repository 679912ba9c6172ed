//! Readers of the sinks: every state that anybody sees is one that the source had.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stage::{Base, Job, Kind};
use super::state::State;
use super::workload::{ACCOUNTS, BALANCE};
use crate::failure::Result;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(40);
/// Longest that a sink may stay away.
const AWAY_MAX: Duration = Duration::from_secs(300);

/// What one statement, and so one moment, shows of a sink.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    balance: i64,
    /// Accounts whose number is not that of their last move: id, number, that of the move.
    torn: String,
    /// The number of each account, in the order of ids.
    accounts: Vec<u32>,
    /// The number of each writer.
    writers: Vec<u32>,
}

/// Looks at a sink until it is told to stop; how often it did.
pub fn watch(state: &State, job: &Job, sink: &Base, states: &AtomicU64) -> Result<u64> {
    let (mut session, mut looks, mut before) = (None, 0, None);
    let mut away = Instant::now();
    while state.watching() {
        if !job.loaded.load(Ordering::SeqCst) {
            std::thread::sleep(EVERY);
            away = Instant::now();
            continue;
        }
        let mut open = match session.take() {
            Some(open) => open,
            None => sink.session()?,
        };
        match open.says(&question(sink.kind)) {
            Ok(answer) => {
                // After the look: what it shows was sent before.
                let sent: Vec<u32> = job.sent.iter().map(|sent| sent.load(Ordering::SeqCst)).collect();
                let look = Look::parse(&answer)?;
                let holds = look.holds(before.as_ref(), &sent);
                holds.map_err(|text| format!("{}, look {looks}: {text}\nseen: {answer}", sink.name))?;
                if before.as_ref() != Some(&look) {
                    states.fetch_add(1, Ordering::SeqCst);
                }
                before = Some(look);
                looks += 1;
                away = Instant::now();
                session = Some(open);
            }
            Err(failure) if away.elapsed() > AWAY_MAX => return Err(failure.into()),
            // Its server has died and comes back.
            Err(_) => {}
        }
        std::thread::sleep(EVERY);
    }
    Ok(looks)
}

fn question(kind: Kind) -> String {
    let list = |column: &str, table: &str| match kind {
        Kind::Postgres => format!("(SELECT string_agg({column}::text, ',' ORDER BY id) FROM {table})"),
        Kind::Mariadb => format!("(SELECT GROUP_CONCAT({column} ORDER BY id) FROM {table})"),
        Kind::Sqlite => format!("(SELECT group_concat({column}) FROM (SELECT {column} FROM {table} ORDER BY id))"),
    };
    let moves =
        "(SELECT id, n, (SELECT coalesce(max(h.n), 0) FROM history h WHERE h.account = a.id) AS last FROM account a) m";
    let torn = match kind {
        Kind::Postgres => {
            format!("(SELECT string_agg(id || ':' || n || ':' || last, ' ') FROM {moves} WHERE n <> last)")
        }
        Kind::Mariadb => format!("(SELECT GROUP_CONCAT(CONCAT(id, ':', n, ':', last)) FROM {moves} WHERE n <> last)"),
        Kind::Sqlite => format!("(SELECT group_concat(id || ':' || n || ':' || last) FROM {moves} WHERE n <> last)"),
    };
    let end = if kind == Kind::Mariadb { " //" } else { ";" };
    format!(
        "SELECT (SELECT sum(balance) FROM account), coalesce({torn}, ''), {}, {}{end}",
        list("n", "account"),
        list("seq", "writer")
    )
}

impl Look {
    pub fn parse(answer: &str) -> Result<Look> {
        let wrong = || format!("this is no look at a sink: {answer}");
        let line = answer.lines().next().unwrap_or_default().replace('\t', "|");
        let fields: Vec<&str> = line.split('|').collect();
        let [balance, torn, accounts, writers] = fields.as_slice() else { return Err(wrong().into()) };
        let numbers = |list: &str| list.split(',').map(|n| n.parse().ok()).collect::<Option<Vec<u32>>>();
        Ok(Look {
            balance: balance.parse().map_err(|_| wrong())?,
            torn: (*torn).to_string(),
            accounts: numbers(accounts).ok_or_else(wrong)?,
            writers: numbers(writers).ok_or_else(wrong)?,
        })
    }

    /// Compares it with what must hold in every state, with the look before it, and with what was ever sent.
    pub fn holds(&self, before: Option<&Look>, sent: &[u32]) -> std::result::Result<(), String> {
        let wanted = i64::from(ACCOUNTS) * BALANCE;
        if self.balance != wanted {
            return Err(format!("all accounts together hold {} and not {wanted}", self.balance));
        }
        if !self.torn.is_empty() {
            return Err(format!("accounts whose number is not that of their last move: {}", self.torn));
        }
        let sum = |numbers: &[u32]| numbers.iter().map(|n| u64::from(*n)).sum::<u64>();
        if sum(&self.accounts) != 2 * sum(&self.writers) {
            let (moves, transactions) = (sum(&self.accounts), sum(&self.writers));
            return Err(format!("{moves} moves of {transactions} transactions: one is there in part"));
        }
        let went_back = |now: &[u32], then: &[u32]| now.iter().zip(then).position(|(now, then)| now < then);
        if let Some(before) = before {
            for (table, now, then) in
                [("account", &self.accounts, &before.accounts), ("writer", &self.writers, &before.writers)]
            {
                if let Some(place) = went_back(now, then) {
                    let (now, then) = (now.get(place), then.get(place));
                    return Err(format!("{table} {} went back from {then:?} to {now:?}", place + 1));
                }
            }
        }
        match went_back(sent, &self.writers) {
            None => Ok(()),
            Some(place) => {
                let (found, sent) = (self.writers.get(place), sent.get(place));
                Err(format!("writer {} is at {found:?} and never came further than {sent:?}", place + 1))
            }
        }
    }
}

#[cfg(test)]
mod tests;
