//! The one integration-test binary: each further one would link every driver again.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what went wrong by failing"
)]

mod bad_input;
mod beside;
mod brands;
mod cli;
mod compare;
mod compare_brands;
mod compare_keys;
mod crash;
mod decorators;
mod each_brand;
mod faults;
mod follow;
mod follow_ddl;
mod follow_mariadb;
mod follow_postgres;
mod found;
mod guide;
mod hostile;
mod lanes;
mod mariadb;
mod native;
mod native_postgres;
mod net;
mod order;
mod parked;
mod postgres;
mod real;
mod replace;
mod rig;
mod secrets;
mod server_faults;
mod status;
mod suite;
mod support;
mod sync;
