//! A session of a database's own client program that stays open, so that several of them can be led step by step.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

/// The line by which a client says that it has done what it was told.
const END: &str = "that is all";

/// An open session. Dropped, the client is killed, and its server takes back what it had open.
#[derive(Debug)]
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asks: &'static str,
}

impl Session {
    /// Starts a client. `asks` is the line that lets it print `that is all`, and nothing else, on a line of its own.
    ///
    /// # Errors
    /// If it does not start. Whether it reaches its server shows when it is first asked.
    pub fn open(mut client: Command, asks: &'static str) -> Result<Session> {
        let started = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|err| format!("cannot start {:?}: {err}", client.get_program()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a client was started without pipes".to_string());
        };
        Ok(Session { child, input, output: BufReader::new(output), asks })
    }

    /// Gives it lines and does not ask what becomes of them.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn tells(&mut self, lines: &str) -> Result<()> {
        writeln!(self.input, "{lines}").map_err(|err| format!("the session has ended: {err}"))
    }

    /// Lets it begin with lines that may have to wait; [`Session::ended`] gives what comes of them.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn begins(&mut self, lines: &str) -> Result<()> {
        let asks = self.asks;
        self.tells(&format!("{lines}\n{asks}"))
    }

    /// Waits until what was begun has ended, and gives what the client printed, without the ends of its last lines.
    ///
    /// # Errors
    /// If the client ends first; with what it printed until then.
    pub fn ended(&mut self) -> Result<String> {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).map_err(|err| format!("the session cannot be read: {err}"))?;
            if read == 0 {
                return Err(format!("the session has ended: {said}"));
            }
            if line.trim_end() == END {
                said.truncate(said.trim_end().len());
                return Ok(said);
            }
            said.push_str(&line);
        }
    }

    /// Runs lines to their end.
    ///
    /// # Errors
    /// As [`Session::begins`] and [`Session::ended`].
    pub fn says(&mut self, lines: &str) -> Result<String> {
        self.begins(lines)?;
        self.ended()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
