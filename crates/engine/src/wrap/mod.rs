//! Decorators: what is the same for every connector, written once around the traits.
//!
//! Each wraps a connector and everything it opens. They compose in any order; the product uses
//! `trace(retry(limit(connector)))`, tests put `fault` innermost.

pub mod fault;
pub mod limit;
pub mod retry;
pub mod trace;
