//! Real database servers for the tests, from the machine's own packages.
//!
//! Every server has a folder, a port on 127.0.0.1 and a socket of its own, so it neither meets nor disturbs a database
//! that the machine's owner runs. `cargo xtask up` starts one of each brand for all tests ([`shared`]); a test that
//! stops, kills or freezes its server starts a private one ([`Server::start`]), in less than a second.
//!
//! The settings are unlike what the product expects, on purpose: times are in India's zone, dates come day first, text
//! sorts by the rules of English, without regard to case on MariaDB. A program that relies on a server's defaults is
//! found out here.
//!
//! Beside the servers: a network that can be broken ([`proxy`]), sessions of the servers' own clients, and chance that can
//! be repeated.
//!
//! Not part of the product, and the standard library only. Errors are sentences: whoever reads one sits at a terminal.

mod account;
mod address;
mod brand;
mod folder;
mod mariadb;
mod port;
mod postgres;
mod program;
pub mod proxy;
mod random;
mod register;
mod server;
mod session;
mod template;
mod tls;
mod watchdog;

pub use address::{Address, Login, PASSWORD};
pub use brand::Brand;
pub use random::Random;
pub use register::{Shared, Up, down, shared, up};
pub use server::{Options, Server};
pub use session::Session;

/// What went wrong and what to do about it.
pub type Result<T> = std::result::Result<T, String>;
