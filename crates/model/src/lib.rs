//! What must be right by logic alone.
//!
//! Absent on purpose: no runtime, no driver, no clock, no randomness, no file. Time and randomness are
//! arguments here; `Cargo.toml` lists every dependency and is the proof. What needs more lives in the
//! `syncline` crate.

pub mod cell;
pub mod change;
pub mod column;
pub mod decimal;
pub mod error;
pub mod filter;
pub mod mapping;
pub mod merge;
pub mod nearest;
pub mod origin;
pub mod pattern;
pub mod position;
pub mod schema;
pub mod stamp;
pub mod temporal;
mod wildcard;

pub use cell::{Cell, CellBuf};
pub use change::{ChangeBatch, Op, TableChanges};
pub use error::{Error, ErrorKind, Result};
pub use position::{Epoch, Position};
pub use schema::{Column, LogicalType, TableName, TableSchema};
