//! What is common to all databases about finding changes. For now: snapshots.

pub mod ahead;
pub mod control;
pub mod snapshot;
