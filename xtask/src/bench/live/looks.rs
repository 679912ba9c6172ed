//! A reader of the sink, and what it tells of how long rows were on their way.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_rig::Session;

use crate::failure::Result;

/// What was seen when; only looks that saw something new.
#[derive(Default)]
pub struct Looks(Vec<Look>);

struct Look {
    /// Our own clock when the answer was read.
    at_us: i64,
    highest: u64,
}

/// Times of many of a kind, in microseconds, shortest first: from a row's statement to the first look that saw it, or what
/// a log tells.
pub struct Latencies(Vec<i64>);

impl Looks {
    /// One look; the newest row that it saw.
    pub fn look(&mut self, session: &mut Session, question: &str) -> Result<u64> {
        let highest = number(session, question)?;
        if self.0.last().is_none_or(|last| last.highest < highest) {
            self.0.push(Look { at_us: now_us(), highest });
        }
        Ok(highest)
    }

    /// Of rows with their times, in the order of their ids, which is the order in which they were committed. Of whatever
    /// is in the sink, everything before it is there too.
    pub fn latencies(&self, rows: &[(u64, i64)]) -> Result<Latencies> {
        let mut looks = self.0.iter().peekable();
        let mut latencies = Vec::with_capacity(rows.len());
        for (id, at_us) in rows {
            while looks.next_if(|look| look.highest < *id).is_some() {}
            let seen = looks.peek().ok_or_else(|| format!("row {id} is in the sink, and no look has seen it"))?;
            latencies.push(seen.at_us - at_us);
        }
        latencies.sort_unstable();
        Ok(Latencies(latencies))
    }
}

impl Latencies {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds: so many of a hundred rows took no longer.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).map_or(f64::NAN, |us| *us as f64 / 1000.0)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, nearly_all, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(f, "p50 {half:.1} ms, p99 {nearly_all:.1} ms, longest {all:.1} ms")
    }
}

/// The answer to `End::highest` or `End::known`.
pub fn number(session: &mut Session, question: &str) -> Result<u64> {
    let answer = session.says(question)?;
    Ok(answer.trim().parse().map_err(|_| format!("`{question}` was answered by `{answer}`"))?)
}

/// Id and time of each row that `End::rows` printed.
pub fn times(rows: &str) -> Result<Vec<(u64, i64)>> {
    let time = |row: &str| {
        let mut fields = row.split('|');
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let times = rows.lines().map(|row| time(row).ok_or_else(|| format!("this is no row with its time: {row}").into()));
    times.collect()
}

/// What the lines of a log that hold these words say of how long something took: `us=…`.
pub fn spent(log: &str, words: &str) -> Result<Latencies> {
    let lines = log.lines().filter(|line| line.contains(words));
    let spent = lines.map(|line| {
        let us = line.split("us=").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        us.ok_or_else(|| format!("this line says no time: {line}").into())
    });
    let mut spent = spent.collect::<Result<Vec<i64>>>()?;
    spent.sort_unstable();
    match spent.is_empty() {
        true => Err(format!("syncline's log holds nothing of `{words}`").into()),
        false => Ok(Latencies(spent)),
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
