//! Following a PostgreSQL database by triggers, with the real program: what was changed arrives once, in order, exactly.
//!
//! The servers' own programs are the judges.

mod bank;
mod captured;
mod killed;
mod lanes;
mod late;
mod rights;
pub mod sessions;
mod structure;

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// A job `live` from one database to another, installed when it first runs.
struct Followed {
    folder: Folder,
    from: Database,
    to: Database,
}

impl Followed {
    /// With this schema and these rows at the source.
    #[track_caller]
    fn new(sql: &str) -> Self {
        let (from, to) = (Database::postgres(), Database::postgres());
        Self::between(from, to, sql)
    }

    #[track_caller]
    fn between(from: Database, to: Database, sql: &str) -> Self {
        from.sql(sql);
        let followed = Self { folder: Folder::new(), from, to };
        followed.job("install: auto, batch_bytes_max: 4 KiB");
        followed
    }

    /// Writes the job anew, without the SQLite file as a second sink.
    fn one_sink(self) -> Self {
        let path = self.folder.path("syncline.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        self.folder.write("syncline.yaml", &text.replace("to: [b, c]", "to: b").replace(", c: 'sqlite:c.db'", ""));
        self
    }

    /// Writes the job anew.
    fn job(&self, options: &str) {
        self.folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections: {{a: '{}', b: '{}', c: 'sqlite:c.db'}}\n\
                 jobs: {{live: {{from: a, to: [b, c], capture: trigger, {options}}}}}\n",
                self.from.url(),
                self.to.url()
            ),
        );
    }

    /// Runs the job until it is caught up.
    #[track_caller]
    fn caught_up(&self) -> String {
        self.folder.syncline(&["run", "live"]).well().out
    }

    /// Asserts that the tables hold the same at both ends, as the server writes their values.
    #[track_caller]
    fn same(&self, tables: &[&str]) {
        for table in tables {
            let rows = |database: &Database| database.sql(&format!("SELECT t::text FROM {table} t ORDER BY 1;"));
            assert_eq!(rows(&self.from), rows(&self.to), "{table}");
        }
    }

    /// Runs it and asserts the same.
    #[track_caller]
    fn arrives(&self, tables: &[&str]) {
        self.caught_up();
        self.same(tables);
    }
}
