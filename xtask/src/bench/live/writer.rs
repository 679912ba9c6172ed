//! The application: one session that commits a row at a time, at a steady pace.

use std::thread;
use std::time::{Duration, Instant};

use syncline_rig::Session;

use super::ENOUGH;
use super::end::End;
use crate::failure::Result;

pub struct Pace<'a> {
    /// They get a row each in turns.
    pub tables: &'a [&'static str],
    /// The last id that is there already.
    pub after: u64,
    pub rows: u64,
    pub per_second: u64,
}

/// How long the writer took.
pub struct Written {
    pub wall_s: f64,
}

impl Pace<'_> {
    /// If the writer keeps it.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.rows * 1_000_000 / self.per_second)
    }
}

impl Written {
    /// What a line adds that was measured at another pace than it says.
    pub fn shortfall(&self, pace: &Pace) -> String {
        let reached = pace.rows as f64 / self.wall_s;
        match reached < pace.per_second as f64 * ENOUGH {
            true => format!("; only {reached:.0} transactions/s were reached"),
            false => String::new(),
        }
    }
}

/// Gives the client each statement when it is due, or at once if that is past; returns when all are committed.
pub fn write(source: &End, mut session: Session, pace: &Pace) -> Result<Written> {
    session.says("")?;
    let began = Instant::now();
    for (i, table) in (1..=pace.rows).zip(pace.tables.iter().cycle()) {
        let due = Duration::from_micros(i * 1_000_000 / pace.per_second);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            thread::sleep(early);
        }
        session.tells(&format!("{};", source.insert(table, pace.after + i)))?;
    }
    session.says("")?;
    Ok(Written { wall_s: began.elapsed().as_secs_f64() })
}
