//! Two-way sync between real databases; their own programs are the judges.

mod conflicts;
mod first;
mod groups;
mod killed;
mod pairs;
mod racing;
mod random;
mod refused;

use syncline_rig::Brand;

use crate::support::binary::{Folder, Ran, fed, needs};
use crate::support::servers::Database;
use crate::support::{mariadb, psql};

/// A member: an SQLite file, or a database on a server.
enum At {
    File(String),
    Server(Database),
}

/// Members of some brands, in a folder of their own.
struct Members {
    folder: Folder,
    members: Vec<At>,
}

/// A shop: unique values, references, a composite key, columns that hold null.
const SHOP: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, city VARCHAR(40), email VARCHAR(60) UNIQUE)~;
    CREATE TABLE item (customer INTEGER NOT NULL, line INTEGER NOT NULL, what VARCHAR(40), price DECIMAL(10,2),
        PRIMARY KEY (customer, line), FOREIGN KEY (customer) REFERENCES customer (id))~;";

/// What is shown of it, the same by all programs.
const SHOWN: [&str; 2] = [
    "SELECT id, name, COALESCE(city, '-'), COALESCE(email, '-') FROM customer ORDER BY id",
    "SELECT customer, line, COALESCE(what, '-'), CAST(COALESCE(price, 0) * 100 AS DECIMAL(20, 0)) FROM item ORDER BY customer, line",
];

impl Members {
    /// Of these brands; none is an SQLite file. `~` in the schema stands for what a brand needs after a table.
    #[track_caller]
    fn new(brands: &[Option<Brand>], schema: &str) -> Self {
        let mut members = Self { folder: Folder::new(), members: Vec::new() };
        for (place, brand) in brands.iter().enumerate() {
            members.members.push(match brand {
                None => At::File(format!("{}.db", char::from(b'a' + u8::try_from(place).unwrap()))),
                Some(brand) => At::Server(Database::shared(*brand)),
            });
            let after = if *brand == Some(Brand::Mariadb) { " COLLATE utf8mb4_nopad_bin" } else { "" };
            if brand.is_none() {
                members.sql(place, "PRAGMA journal_mode = WAL;");
            }
            members.sql(place, &schema.replace('~', after));
        }
        members
    }

    #[track_caller]
    fn shop(brands: &[Option<Brand>]) -> Self {
        Self::new(brands, SHOP)
    }

    /// Two of SQLite.
    #[track_caller]
    fn files() -> Self {
        Self::shop(&[None, None])
    }

    /// How the command line calls a member.
    fn word(&self, place: usize) -> String {
        match &self.members[place] {
            At::File(name) => name.clone(),
            At::Server(database) => database.url(),
        }
    }

    fn words(&self) -> Vec<String> {
        (0..self.members.len()).map(|place| self.word(place)).collect()
    }

    /// Runs SQL by the member's own program.
    #[track_caller]
    fn sql(&self, place: usize, sql: &str) -> String {
        match &self.members[place] {
            At::File(name) => {
                // As applications do that want their references kept.
                self.folder.sql(name, &format!(".timeout 20000\nPRAGMA foreign_keys = ON;\n{sql}"))
            }
            At::Server(database) => database.sql(sql),
        }
    }

    /// Runs SQL that the database may refuse.
    fn tried(&self, place: usize, sql: &str) {
        match &self.members[place] {
            At::File(name) => {
                let path = self.folder.path(name);
                let arguments = ["-batch", "-bail", "-init", "/dev/null", path.to_str().unwrap()];
                let sql = format!(".timeout 20000\nPRAGMA foreign_keys = ON;\n{sql}");
                fed(&mut self.folder.program(needs("/usr/bin/sqlite3"), &arguments), &sql);
            }
            At::Server(database) if database.server().brand() == Brand::Postgres => {
                psql::ran(&database.url(), sql);
            }
            At::Server(database) => drop(mariadb::ran(&database.url(), sql)),
        }
    }

    /// Runs SQL at every member.
    #[track_caller]
    fn everywhere(&self, sql: &str) {
        (0..self.members.len()).for_each(|place| drop(self.sql(place, sql)));
    }

    fn run(&self, further: &[&str]) -> Ran {
        let words = self.words();
        let mut arguments = vec!["sync"];
        arguments.extend(words.iter().map(String::as_str));
        arguments.extend(further);
        self.folder.syncline(&arguments)
    }

    /// All members are brought in step.
    #[track_caller]
    fn once(&self) -> Ran {
        self.run(&["--once"]).well()
    }

    /// What a query shows; a whole number has no decimals, whoever shows it.
    #[track_caller]
    fn shown(&self, place: usize, query: &str) -> String {
        let shown = self.sql(place, &format!("{query};"));
        let whole = |field: &str| field.strip_suffix(".00").or(field.strip_suffix(".0")).unwrap_or(field).to_owned();
        let line = |line: &str| line.split('|').map(whole).collect::<Vec<_>>().join("|");
        shown.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// All members hold the same rows of the shop.
    #[track_caller]
    fn same(&self, after: &str) {
        for query in SHOWN {
            let first = self.shown(0, query);
            for place in 1..self.members.len() {
                assert_eq!(self.shown(place, query), first, "member {place}, {after}: {query}");
            }
        }
    }

    /// How many rows each of Syncline's tables has, and how often it has written.
    #[track_caller]
    fn kept(&self, place: usize) -> String {
        let tables = ["member", "seen", "rank", "hidden", "claim", "unit", "conflict"];
        let counts = tables.map(|table| format!("(SELECT COUNT(*) FROM syncline_{table})"));
        self.sql(place, &format!("SELECT version, seq, {} FROM syncline_group;", counts.join(", ")))
    }
}
