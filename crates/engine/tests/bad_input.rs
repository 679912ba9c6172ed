//! Files, arguments and databases that are wrong: what Syncline says, its exit code, and that nothing changed.
//!
//! Every text here is what a person reads in that moment; whoever changes one reads it as that person.

mod arguments;
mod configuration;
mod databases;
mod schemas;
mod secrets;
mod values;
