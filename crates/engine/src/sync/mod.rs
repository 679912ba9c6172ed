//! Two-way sync: the members of a group hold the same rows, whoever writes where.
//!
//! What is right is decided in [`syncline_model::merge`]; here databases are its storage.
//!
//! - [`member`] is what a database must do; each brand does it in its `member.rs`.
//! - [`node`] is the one transaction, fold and import, for all brands.
//! - [`exchange`] is what one member tells another.
//! - [`form`] makes a group, and looks at the members of one before any row moves; [`first`] is first contact; [`known`] is
//!   one database by itself.
//! - [`run`] keeps a group in step; [`conflicts`] is what was lost.

pub(crate) mod agreed;
mod coded;
pub mod conflicts;
pub(crate) mod control;
pub(crate) mod draft;
pub(crate) mod exchange;
pub(crate) mod first;
pub mod form;
mod keep;
pub mod known;
pub(crate) mod lists;
pub mod member;
pub(crate) mod node;
pub mod run;
pub mod step;
mod store;
