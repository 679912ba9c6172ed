//! A session of the mariadb program that stays open, so that several of them can be led step by step.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::mariadb::program;

/// An open session.
#[derive(Debug)]
pub struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Opens one; what goes wrong in it is printed and told on.
    pub fn open(url: &str) -> Self {
        let mut command = program(url);
        command.args(["--unbuffered", "--force"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
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
        writeln!(self.input, "{sql};\nSELECT 'that is all';").unwrap();
    }

    /// Waits until what was begun has ended, and gives what it prints.
    #[track_caller]
    pub fn ended(&mut self) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the session has ended: {said}");
            if line == "that is all\n" {
                return said.trim_end().replace('\t', "|");
            }
            said.push_str(&line);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
