//! Following, one test for a source of each brand: what goes around capture, comes twice, or comes in floods.
//!
//! The databases' own programs are the judges.

mod bypassed;
mod files;
mod floods;
mod keyless;
mod numbers;
mod put_back;
mod retained;
mod upserts;

use syncline_rig::Brand;

use crate::support::binary::{Folder, Ran};
use crate::support::servers::Database;

/// An SQLite file, and a server of each brand.
const BRANDS: [Option<Brand>; 3] = [None, Some(Brand::Postgres), Some(Brand::Mariadb)];

/// A database of some brand, and a job `live` from it to the SQLite file `b.db`.
struct Source {
    brand: Option<Brand>,
    folder: Folder,
    server: Option<Database>,
}

impl Source {
    /// With this schema and these rows.
    #[track_caller]
    fn new(brand: Option<Brand>, sql: &str) -> Self {
        Self::on(brand, brand.map(Database::shared), sql)
    }

    /// The same on a server of one's own.
    #[track_caller]
    fn on(brand: Option<Brand>, server: Option<Database>, sql: &str) -> Self {
        let source = Self { brand, folder: Folder::new(), server };
        if brand.is_none() {
            source.sql("PRAGMA journal_mode = WAL");
        }
        source.sql(sql);
        source.jobs("live: {from: a, to: b, capture: trigger, install: auto}");
        source
    }

    /// Writes the jobs anew. Connections are the source `a`, and the files `b` and `c`.
    fn jobs(&self, jobs: &str) {
        self.jobs_to(jobs, "");
    }

    /// The same with further connections.
    fn jobs_to(&self, jobs: &str, further: &str) {
        let url = self.server.as_ref().map_or("sqlite:a.db".to_owned(), Database::url);
        self.folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections: {{a: '{url}', b: 'sqlite:b.db', c: 'sqlite:c.db'{further}}}\njobs:\n  {}\n",
                jobs.replace('\n', "\n  ")
            ),
        );
    }

    /// Runs SQL by the database's own program.
    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        match &self.server {
            Some(server) => server.sql(&format!("{sql};")),
            None => self.folder.sql("a.db", &format!(".timeout 20000\n{sql};")),
        }
    }

    fn run(&self) -> Ran {
        self.folder.syncline(&["run", "live", "--quiet"])
    }

    #[track_caller]
    fn caught_up(&self) {
        self.run().well();
    }

    /// Asserts that this query has the same answer at the source and in `b.db`.
    #[track_caller]
    fn same(&self, query: &str, after: &str) {
        assert_eq!(self.folder.sql("b.db", query), self.sql(query), "{:?} after {after}", self.brand);
    }
}
