//! The systems that Syncline talks to, one folder each, with the same file names in each. The only list of them is
//! [`crate::registry`].

pub mod mariadb;
pub mod memory;
pub mod postgres;
pub mod sqlite;
