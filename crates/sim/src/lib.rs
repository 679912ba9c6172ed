//! The simulator of sync groups.
//!
//! A *history* is a seed: it decides how many nodes there are and how they are linked, what users write, which messages
//! are lost, doubled or overtaken, whose clock jumps, who crashes, joins late or is expelled. The nodes keep their rows
//! in memory and merge them by [`syncline_model::merge`], in the order of effects that a database connector has to keep.
//! At each step and at the end the promises of the model are checked against what really happened, which only the
//! simulator knows.
//!
//! One thread, no clock, no outside randomness: the same seed is the same history, to the last bit of its trace.
//! A checker that has never complained proves nothing. So each rule of the model also exists [broken](Wrong), one at a
//! time, and each of these must be caught.

mod chance;
mod database;
mod exchange;
mod history;
mod judge;
mod node;
mod setup;
mod truth;
mod users;
mod wrong;

pub use history::{Counts, History, Outcome, run};
pub use judge::Broken;
pub use wrong::Wrong;

#[cfg(test)]
mod tests;
