//! The command line of the soak.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::state::State;
use crate::failure::{Failure, Result};

/// Minutes, unless the command line says what else is wanted.
const MINUTES: u64 = 60;
/// Transactions a second, unless they are the aim: so many that five minutes hold some hundred thousand, and so few
/// that an hour does not fill the drive.
const RATE: u64 = 350;

/// When it is enough. All of what is named must be reached.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    pub minutes: u64,
    pub kills: u64,
    pub transactions: u64,
    /// Transactions a second, of all writers together; 0: as many as they can.
    pub rate: u64,
    pub seed: u64,
    /// The product as the tests build it, with all of its own checks.
    pub debug: bool,
}

impl Wanted {
    pub fn parse(arguments: &[String]) -> Result<Wanted> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let seed = u64::try_from(now).unwrap_or(0);
        let mut wanted = Wanted { minutes: 0, kills: 0, transactions: 0, rate: RATE, seed, debug: false };
        let mut rate = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut number = || -> Result<u64> {
                let number = rest.next().and_then(|number| number.replace('_', "").parse().ok());
                number.ok_or_else(usage)
            };
            match argument.as_str() {
                "--minutes" => wanted.minutes = number()?,
                "--kills" => wanted.kills = number()?,
                "--transactions" => wanted.transactions = number()?,
                "--rate" => rate = Some(number()?),
                "--seed" => wanted.seed = number()?,
                "--debug" => wanted.debug = true,
                _ => return Err(usage()),
            }
        }
        if (wanted.minutes, wanted.kills, wanted.transactions) == (0, 0, 0) {
            wanted.minutes = MINUTES;
        }
        let only_transactions = wanted.minutes == 0 && wanted.kills == 0;
        wanted.rate = rate.unwrap_or(if only_transactions { 0 } else { RATE });
        Ok(wanted)
    }

    pub fn is_reached(&self, state: &State) -> bool {
        state.elapsed() >= Duration::from_secs(60 * self.minutes)
            && state.kills() >= self.kills
            && state.transactions() >= self.transactions
    }

    /// The command that repeats it.
    pub fn again(&self) -> String {
        let Wanted { minutes, kills, transactions, rate, seed, debug } = self;
        let debug = if *debug { " --debug" } else { "" };
        format!(
            "cargo xtask soak --minutes {minutes} --kills {kills} --transactions {transactions} --rate {rate} --seed {seed}{debug}"
        )
    }
}

fn usage() -> Failure {
    Failure::Usage(
        "usage: cargo xtask soak [--minutes N] [--kills N] [--transactions N] [--rate N] [--seed N] [--debug]".into(),
    )
}

#[cfg(test)]
mod tests;
