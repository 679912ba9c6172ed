//! The named steps of a lane: what traces show, and where tests stop the process to kill it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A moment between two effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The sink has given the lane's lease and its own position.
    LaneTaken,
    /// The source is open at that position.
    SourceOpened,
    /// A batch is in memory.
    BatchRead,
    /// The sink has opened a unit.
    UnitBegun,
    /// The sink has applied a batch; nothing is durable yet.
    BatchWritten,
    /// Data and position are durable together.
    UnitCommitted,
    /// The source knows it.
    Confirmed,
    /// Every table is loaded and the sink has built what waited for that; changes follow.
    Loaded,
    /// The side lane has loaded its tables and nearly caught up.
    CaughtUp,
    /// The side lane's tables are the lane's own, durably; its row at the sink is gone.
    Adopted,
    /// The sink's tables have the columns that they lacked; they are not loaded again yet.
    Widened,
    /// The source has ended and the sink has put away the lane's trace.
    Finished,
}

impl Step {
    /// Every step, in the order of a lane's first unit.
    pub const ALL: [Self; 12] = [
        Self::LaneTaken,
        Self::SourceOpened,
        Self::BatchRead,
        Self::UnitBegun,
        Self::BatchWritten,
        Self::UnitCommitted,
        Self::Confirmed,
        Self::Loaded,
        Self::CaughtUp,
        Self::Adopted,
        Self::Widened,
        Self::Finished,
    ];

    /// Its name in traces and in `SYNCLINE_PAUSE_AT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LaneTaken => "lane_taken",
            Self::SourceOpened => "source_opened",
            Self::BatchRead => "batch_read",
            Self::UnitBegun => "unit_begun",
            Self::BatchWritten => "batch_written",
            Self::UnitCommitted => "unit_committed",
            Self::Confirmed => "confirmed",
            Self::Loaded => "loaded",
            Self::CaughtUp => "caught_up",
            Self::Adopted => "adopted",
            Self::Widened => "widened",
            Self::Finished => "finished",
        }
    }
}

/// `SYNCLINE_PAUSE_AT=step:n` stops the lane for ever that comes to that step the n-th time, so that a test can kill the
/// process (F01) or let another one overtake it (F09). It says so on standard error first. Other lanes go on.
static PAUSE_AT: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
    let wanted = std::env::var("SYNCLINE_PAUSE_AT").ok()?;
    let (name, times) = wanted.split_once(':')?;
    Some((name.to_owned(), times.parse().ok()?))
});

static REACHED: AtomicU64 = AtomicU64::new(0);

/// Says that a step was reached.
pub fn reached(step: Step) {
    reached_name(step.name());
}

/// The same for what is no lane's step.
pub fn reached_name(step: &str) {
    tracing::trace!(step, "reached");
    if let Some((name, times)) = &*PAUSE_AT
        && name == step
        && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *times
    {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("paused at {name}:{times}");
        }
        tokio::task::block_in_place(|| {
            loop {
                std::thread::park();
            }
        })
    }
}
