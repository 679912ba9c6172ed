//! Syncline: keeps databases of any brand in step.
//!
//! Read [`connector`] first, then [`job::run`]: the first says what a database is to Syncline, the second in which
//! order anything happens to its rows. `docs/architecture.md` follows one row through the tree.

pub mod capture;
pub mod cli;
pub mod compare;
pub mod config;
pub mod connect;
pub mod connector;
pub mod job;
pub mod registry;
pub mod sync;
pub mod telemetry;
pub mod wrap;
