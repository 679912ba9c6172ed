//! Tables that are loaded beside the lane that follows the others, with the real program on every brand.

mod alone;
mod killed;
mod meanwhile;
mod rivals;

use syncline_rig::Brand;

use crate::support::binary::Folder;
use crate::support::servers::Database;

/// Rows of a table that takes several batches to load.
const ROWS: u32 = 2000;

/// A job `live` from a database of any brand to a server.
struct Pair {
    folder: Folder,
    /// Absent: the file `a.db`.
    from: Option<Database>,
    to: Database,
}

/// Every brand as the source, both servers as the sink.
const PAIRS: [(Option<Brand>, Brand); 4] = [
    (None, Brand::Postgres),
    (Some(Brand::Postgres), Brand::Postgres),
    (Some(Brand::Postgres), Brand::Mariadb),
    (Some(Brand::Mariadb), Brand::Mariadb),
];

impl Pair {
    /// With a table `u` that is followed, and a table `t` that is not part of the job yet.
    #[track_caller]
    fn new((from, to): (Option<Brand>, Brand)) -> Self {
        let pair = Self { folder: Folder::new(), from: from.map(Database::shared), to: Database::shared(to) };
        let i = match from {
            None => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) INSERT INTO t SELECT i, 'old' FROM n"
            ),
            Some(Brand::Postgres) => format!("INSERT INTO t SELECT i, 'old' FROM generate_series(1, {ROWS}) i"),
            Some(Brand::Mariadb) => format!("INSERT INTO t SELECT seq, 'old' FROM seq_1_to_{ROWS}"),
        };
        if from.is_none() {
            pair.folder.sql("a.db", "PRAGMA journal_mode = WAL;");
        }
        pair.sql(&format!(
            "CREATE TABLE u (id INTEGER PRIMARY KEY, v VARCHAR(40)); INSERT INTO u VALUES (1, 'a'); \
             CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(40)); {i};"
        ));
        pair.job("{u: {}}", "");
        pair.folder.syncline(&["run", "live", "--quiet"]).well();
        pair
    }

    /// Writes the job anew.
    fn job(&self, tables: &str, options: &str) {
        let from = self.from.as_ref().map_or("sqlite:a.db".to_owned(), Database::url);
        let to = self.to.url();
        self.folder.write(
            "syncline.yaml",
            &format!(
                "version: 1\nconnections: {{a: '{from}', b: '{to}'}}\njobs: {{live: {{from: a, to: b, capture: trigger, \
                 install: auto, batch_bytes_max: 4 KiB, tables: {tables}{options}}}}}\n"
            ),
        );
    }

    /// `t` joins the job.
    fn joins(&self) {
        self.job("{u: {}, t: {}}", "");
    }

    /// Runs SQL at the source.
    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        match &self.from {
            None => self.folder.sql("a.db", &format!(".timeout 20000\n{sql}")),
            Some(from) => from.sql(sql),
        }
    }

    /// Changes of every kind to `t`, the n-th time.
    fn changes(&self, n: u32) {
        self.sql(&format!(
            "UPDATE t SET v = 'during {n}' WHERE id % 7 = {n}; DELETE FROM t WHERE id % 90 = {n}; UPDATE t SET id = -id WHERE id % 50 = {n}; \
             INSERT INTO t VALUES (100000 + {n}, 'new'); INSERT INTO u VALUES (1000 + {n}, 'beside');"
        ));
    }

    /// Runs the job until it is caught up, and asserts that both ends hold the same and nothing is left of a side lane.
    #[track_caller]
    fn arrives(&self, when: &str) {
        self.folder.syncline(&["run", "live", "--quiet"]).well();
        let compared = self.folder.syncline(&["compare", "a", "b", "--table", "t", "--table", "u"]);
        assert_eq!(compared.code, Some(0), "{when}: {}{}", compared.out, compared.err);
        let count = "SELECT count(*) FROM t;";
        assert_eq!(self.to.sql(count), self.sql(count), "{when}");
        self.is_alone(when);
    }

    /// Neither end knows of a side lane.
    #[track_caller]
    fn is_alone(&self, when: &str) {
        assert_eq!(self.to.sql("SELECT count(*) FROM syncline_position;"), "1", "{when}: at the sink");
        assert_eq!(self.sql("SELECT count(*) FROM syncline_lane;"), "1", "{when}: at the source");
    }
}
