//! What tests share.

pub mod batches;
pub mod binary;
pub mod jobs;
pub mod judge;
pub mod lesser;
pub mod place;
pub mod recorder;
pub mod script;
pub mod steady;
pub mod watched;
