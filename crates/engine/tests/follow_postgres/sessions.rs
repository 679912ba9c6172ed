//! Sessions of the application, each a psql program that stays connected.

use std::process::Stdio;

use crate::support::psql;

/// One session; dropped, it hangs up.
pub struct Session(syncline_rig::Session);

impl Session {
    #[track_caller]
    pub fn new(url: &str) -> Self {
        let mut command = psql::program(url);
        command.stderr(Stdio::null());
        Self(syncline_rig::Session::open(command, "\\echo that is all").unwrap())
    }

    /// Runs SQL to its end, and gives what is printed.
    #[track_caller]
    pub fn run(&mut self, sql: &str) -> String {
        self.0.says(sql).unwrap()
    }
}
