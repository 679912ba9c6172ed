//! What is common to all databases about finding changes.

pub mod ahead;
pub mod control;
pub mod follow;
pub mod parked;
pub mod retained;
pub mod snapshot;
