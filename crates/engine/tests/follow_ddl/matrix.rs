//! Many ways to alter a table, each while a job follows it and the application writes before and after (F36). Whatever becomes
//! of it, the sink holds what the source holds, or the job has stopped and the sink holds what the source once held; and
//! then `install` and a run make both equal again. One process follows all tables, each by a job of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Stdio};

use super::cases::{Case, Ends, cases};
use super::{FILE, MARIADB, Of, POSTGRES, Pair};
use crate::support::binary::until;

#[test]
fn whatever_is_altered_in_postgres_is_followed_or_said() {
    every_case(POSTGRES);
}

#[test]
fn whatever_is_altered_in_mariadb_is_followed_or_said() {
    every_case(MARIADB);
}

#[test]
fn whatever_is_altered_in_a_file_is_followed_or_said() {
    every_case(FILE);
}

fn every_case(brand: Of) {
    for adds in [false, true] {
        let matrix = Matrix::new(brand, adds);
        let mut running = matrix.started();
        let states: Vec<_> = matrix.cases.iter().enumerate().map(|(i, case)| matrix.alters(i, case)).collect();
        matrix.settles(&mut running, "the changes after it");
        // Whoever goes on, goes on.
        for (i, _) in matrix.cases.iter().enumerate().filter(|(i, case)| !case.renames && !matrix.is_broken(*i)) {
            matrix.pair.source(&matrix.of(i, "UPDATE {t} SET v = 'last' WHERE id = 5;"));
        }
        matrix.settles(&mut running, "the last change");
        drop(running);
        matrix.judge(&states);
    }
}

struct Matrix {
    pair: Pair,
    brand: Of,
    adds: bool,
    cases: Vec<Case>,
}

/// Dropped, it is killed.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a table held at the source, in the columns that it had first.
const FIRST: &str = "SELECT id, v, w, n FROM {t} ORDER BY id;";
const BEFORE: &str = "UPDATE {t} SET v = 'before' WHERE id = 1; DELETE FROM {t} WHERE id = 2;";
const AFTER: &str = "UPDATE {t} SET id = id + 100 WHERE id = 3; INSERT INTO {t} (id, v) VALUES (50, 'new'); DELETE FROM {t} WHERE id = 4;";

impl Matrix {
    /// All tables, each at the sink.
    fn new(brand: Of, adds: bool) -> Self {
        let pair = Pair::new((brand, brand), "CREATE TABLE p (id int NOT NULL PRIMARY KEY);");
        let matrix = Self { pair, brand, adds, cases: cases(brand) };
        let (mut tables, mut jobs) = (String::new(), Vec::new());
        let options = if adds { "install: auto, schema: add_columns" } else { "schema: pause" };
        for i in 0..matrix.cases.len() {
            tables += &matrix.of(
                i,
                "CREATE TABLE {t} (id int NOT NULL PRIMARY KEY, v varchar(40), w int, n int NOT NULL DEFAULT 0);
                 INSERT INTO {t} VALUES (1, 'r1', 1, 1), (2, 'r2', 2, 2), (3, 'r3', 3, 3), (4, 'r4', 4, 4), (5, 'r5', 5, 5);",
            );
            jobs.push(format!("j{i}: {{from: a, to: b, capture: trigger, {options}, tables: {{t{i}: {{}}}}}}"));
        }
        matrix.pair.source(&format!("INSERT INTO p VALUES (1), (2), (3), (4), (5); {tables}"));
        matrix.pair.jobs(&format!("{{{}}}", jobs.join(", ")));
        matrix.pair.folder.syncline(&["install"]).well();
        matrix.pair.folder.syncline(&["run", "--quiet"]).well();
        matrix
    }

    fn of(&self, i: usize, sql: &str) -> String {
        sql.replace("{t}", &format!("t{i}"))
    }

    fn started(&self) -> Following {
        let mut command = self.pair.folder.command(&["run", "--follow", "-v"]);
        let said = File::create(self.pair.folder.path("said")).unwrap();
        let running = Following(command.stdout(Stdio::null()).stderr(said).spawn().unwrap());
        for i in 0..self.cases.len() {
            self.pair.source(&self.of(i, "UPDATE {t} SET v = 'seen' WHERE id = 5;"));
        }
        for i in 0..self.cases.len() {
            until("the first change", || self.is_same(i));
        }
        running
    }

    /// The application writes, alters the table, and writes; gives the states that the sink may have been left in.
    fn alters(&self, i: usize, case: &Case) -> Vec<String> {
        let first = self.of(i, FIRST);
        let mut states = vec![self.pair.source(&first)];
        self.pair.source(&self.of(i, BEFORE));
        states.push(self.pair.source(&first));
        self.pair.source(&self.of(i, case.ddl));
        if self.is_broken(i) {
            // The server refuses what is written until the triggers fit again.
            if self.adds {
                until(case.name, || self.may_write(i));
            } else {
                return states;
            }
        }
        self.pair.source(&self.of(i, if case.after.is_empty() { AFTER } else { case.after }));
        if case.keeps_columns {
            states.push(self.pair.source(&first));
        }
        states
    }

    /// Whether the application cannot write to the table now (MariaDB).
    fn is_broken(&self, i: usize) -> bool {
        self.brand == MARIADB && self.cases[i].takes_away && !self.may_write(i)
    }

    fn may_write(&self, i: usize) -> bool {
        let super::End::Server(from) = &self.pair.from else { return true };
        let written = crate::support::mariadb::ran(&from.url(), &self.of(i, "UPDATE {t} SET v = 'r5' WHERE id = 5;"));
        written.code == Some(0)
    }

    /// Both ends hold the same rows in all columns of the source.
    fn is_same(&self, i: usize) -> bool {
        let (table, folder) = (format!("t{i}"), &self.pair.folder);
        let (from, to) = (self.pair.from.columns(folder, &table), self.pair.to.columns(folder, &table));
        let to: Vec<&str> = to.split(", ").collect();
        if from.is_empty() || from.split(", ").any(|column| !to.contains(&column)) {
            return false;
        }
        let (from, to) = self.pair.rows(&table);
        from == to
    }

    /// Whether its job has said why it ended.
    fn has_stopped(&self, i: usize) -> bool {
        self.reason(i).is_some()
    }

    fn reason(&self, i: usize) -> Option<String> {
        let said = std::fs::read_to_string(self.pair.folder.path("said")).unwrap();
        let names = |line: &&str| {
            [",", "]", ":", ";", "\n"].iter().any(|end| format!("{line}\n").contains(&format!(" t{i}{end}")))
        };
        said.lines()
            .find(|line| line.contains("rror") && names(line) || line.starts_with("  ") && names(line))
            .map(str::to_owned)
    }

    /// Waits until each table is the same at both ends, or its job has stopped.
    fn settles(&self, running: &mut Following, what: &str) {
        for (i, case) in self.cases.iter().enumerate() {
            until(&format!("{what}: {} ({:?}, adds {})", case.name, self.brand, self.adds), || {
                let done = self.has_stopped(i) || self.is_same(i);
                // All jobs may have stopped.
                done || running.0.try_wait().unwrap().is_some() && self.has_stopped(i)
            });
        }
    }

    fn judge(&self, states: &[Vec<String>]) {
        let mut wrong = BTreeMap::new();
        for (i, case) in self.cases.iter().enumerate() {
            let expected = if self.adds { case.adds } else { case.pauses };
            let stopped = self.reason(i);
            let fits = match expected {
                Ends::GoesOn => stopped.is_none(),
                Ends::Stops => stopped.is_some(),
                Ends::Either => true,
            };
            if !fits {
                wrong.insert(case.name, format!("expected {expected:?}, and it said {stopped:?}"));
                continue;
            }
            if stopped.is_some() {
                let there = self.pair.sink(&self.of(i, FIRST));
                if !states[i].contains(&there) {
                    wrong.insert(
                        case.name,
                        format!("the sink holds what the source never held:\n{there}\nof {:?}", states[i]),
                    );
                    continue;
                }
            }
            self.is_mended(i, case);
        }
        assert!(wrong.is_empty(), "{:?}, adds {}: {wrong:#?}", self.brand, self.adds);
    }

    /// The user does what the guide says, and both ends are equal.
    fn is_mended(&self, i: usize, case: &Case) {
        if !case.back.is_empty() {
            self.pair.source(&self.of(i, case.back));
        }
        if self.has_stopped(i) && !case.mend.is_empty() {
            self.pair.sink(&self.of(i, case.mend));
        }
        let job = format!("j{i}");
        self.pair.folder.syncline(&["install", &job]).exits(0);
        self.pair.source(&self.of(i, "DELETE FROM {t} WHERE id = 5;"));
        self.pair.folder.syncline(&["run", &job, "--quiet"]).exits(0);
        assert!(
            self.is_same(i),
            "{} ({:?}, adds {}): {:?}",
            case.name,
            self.brand,
            self.adds,
            self.pair.rows(&format!("t{i}"))
        );
    }
}
