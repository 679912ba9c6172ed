//! What tests share.

pub mod batches;
pub mod binary;
pub mod client;
pub mod drive;
pub mod jobs;
pub mod judge;
pub mod lesser;
pub mod mariadb;
pub mod place;
pub mod place_mariadb;
pub mod place_postgres;
pub mod psql;
pub mod random;
pub mod recorder;
pub mod script;
pub mod servers;
pub mod steady;
pub mod watched;

pub use syncline_rig::proxy;
