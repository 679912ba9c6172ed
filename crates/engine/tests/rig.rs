//! The rig itself: real servers, their client programs, and what a test can do to them.

mod judges;
mod proxy;
mod servers;
