//! Tables that are altered while they are followed (F36), with the real program on every brand: the job stops with the
//! difference, or gives its sink what it lacks and goes on. The databases' own programs are the judges.

mod added;
mod cases;
mod matrix;
mod refused;

use syncline_rig::Brand;

use crate::support::binary::{Folder, Ran};
use crate::support::servers::Database;

/// A database of any brand; absent: a file.
type Of = Option<Brand>;

/// The brand of a file.
const FILE: Of = None;
const POSTGRES: Of = Some(Brand::Postgres);
const MARIADB: Of = Some(Brand::Mariadb);

/// A job `live` between two databases of any brand.
struct Pair {
    folder: Folder,
    from: End,
    to: End,
}

/// One end of it.
enum End {
    File(&'static str),
    Server(Database),
}

impl End {
    #[track_caller]
    fn of(brand: Of, file: &'static str) -> Self {
        brand.map_or(Self::File(file), |brand| Self::Server(Database::shared(brand)))
    }

    fn url(&self) -> String {
        match self {
            Self::File(file) => format!("sqlite:{file}"),
            Self::Server(database) => database.url(),
        }
    }

    /// Runs SQL by the database's own program.
    #[track_caller]
    fn sql(&self, folder: &Folder, sql: &str) -> String {
        match self {
            Self::File(file) => folder.sql(file, &format!(".timeout 20000\n.nullvalue NULL\n{sql}")),
            Self::Server(database) => database.sql(sql),
        }
    }

    /// The columns of a table, separated by commas.
    fn columns(&self, folder: &Folder, table: &str) -> String {
        let columns = match self {
            Self::File(_) => format!("SELECT name FROM pragma_table_xinfo('{table}');"),
            Self::Server(database) => {
                let of = if database.server().brand() == Brand::Postgres { "'public'" } else { "DATABASE()" };
                format!(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = {of} AND table_name = '{table}' ORDER BY ordinal_position;"
                )
            }
        };
        self.sql(folder, &columns).lines().collect::<Vec<_>>().join(", ")
    }
}

impl Pair {
    /// With this at the source; the job may install and gives the sink what it lacks.
    #[track_caller]
    fn new((from, to): (Of, Of), sql: &str) -> Self {
        let pair = Self { folder: Folder::new(), from: End::of(from, "a.db"), to: End::of(to, "b.db") };
        if from == FILE {
            pair.source("PRAGMA journal_mode = WAL;");
        }
        pair.source(sql);
        pair.job("install: auto, schema: add_columns");
        pair
    }

    /// Writes the job anew.
    fn job(&self, options: &str) {
        self.jobs(&format!("{{live: {{from: a, to: b, capture: trigger, {options}}}}}"));
    }

    fn jobs(&self, jobs: &str) {
        let (from, to) = (self.from.url(), self.to.url());
        let connections = format!("{{a: '{from}', b: '{to}', c: 'sqlite:c.db'}}");
        self.folder.write("syncline.yaml", &format!("version: 1\nconnections: {connections}\njobs: {jobs}\n"));
    }

    #[track_caller]
    fn source(&self, sql: &str) -> String {
        self.from.sql(&self.folder, sql)
    }

    #[track_caller]
    fn sink(&self, sql: &str) -> String {
        self.to.sql(&self.folder, sql)
    }

    fn run(&self) -> Ran {
        self.folder.syncline(&["run", "live", "--quiet"])
    }

    /// The rows of a table at both ends, in the columns of the source.
    #[track_caller]
    fn rows(&self, table: &str) -> (String, String) {
        let columns = self.from.columns(&self.folder, table);
        let rows = format!("SELECT {columns} FROM {table} ORDER BY id;");
        (self.source(&rows), self.sink(&rows))
    }

    /// Runs the job until it is caught up, and asserts that the sink holds what the source holds.
    #[track_caller]
    fn arrives(&self, table: &str, when: &str) {
        self.run().well();
        let (from, to) = self.rows(table);
        assert_eq!(to, from, "{when}");
    }
}
