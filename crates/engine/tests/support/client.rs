//! A session of the mariadb program that stays open, so that several of them can be led step by step.

use syncline_rig::Session;

use super::mariadb::program;

/// An open session.
#[derive(Debug)]
pub struct Client(Session);

impl Client {
    /// Opens one; what goes wrong in it is printed and told on.
    pub fn open(url: &str) -> Self {
        let mut command = program(url);
        command.args(["--unbuffered", "--force"]);
        Self(Session::open(command, "SELECT 'that is all';").unwrap())
    }

    /// Runs SQL and gives what it prints, as [`super::mariadb::mariadb`] does.
    #[track_caller]
    pub fn says(&mut self, sql: &str) -> String {
        self.begins(sql);
        self.ended()
    }

    /// Lets it begin with SQL that may have to wait.
    #[track_caller]
    pub fn begins(&mut self, sql: &str) {
        self.0.begins(&format!("{sql};")).unwrap();
    }

    /// Waits until what was begun has ended, and gives what it prints.
    #[track_caller]
    pub fn ended(&mut self) -> String {
        self.0.ended().unwrap().replace('\t', "|")
    }
}
