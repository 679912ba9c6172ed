//! Following a MariaDB database by triggers, with the real program: what was changed arrives once, in order, exactly.
//!
//! The mariadb program is the judge.

mod captured;
mod installed;
mod late;
mod live;
mod sessions;

use crate::support::binary::Folder;
use crate::support::client::Client;
use crate::support::mariadb::mariadb;
use crate::support::servers::Database;

/// Two databases and a job `live` from one to the other, which may install what it needs.
struct Pair {
    folder: Folder,
    from: Database,
    to: Database,
}

impl Pair {
    /// With this schema and these rows at the source, on the shared server.
    fn new(sql: &str) -> Self {
        Self::of(Database::mariadb(), sql)
    }

    fn of(from: Database, sql: &str) -> Self {
        let pair = Self { folder: Folder::new(), from, to: Database::mariadb() };
        if !sql.is_empty() {
            pair.from.sql(&format!("{sql};"));
        }
        pair.job("capture: trigger, install: auto, batch_bytes_max: 4 KiB");
        pair
    }

    /// Sets the job's options.
    fn job(&self, options: &str) {
        self.file(&self.from.url(), &format!("{{live: {{from: a, to: b, {options}}}}}"));
    }

    fn file(&self, from: &str, jobs: &str) {
        let to = self.to.url();
        self.folder.write(
            "syncline.yaml",
            &format!("version: 1\nconnections: {{a: '{from}', b: '{to}', lite: 'sqlite:lite.db'}}\njobs: {jobs}\n"),
        );
    }

    /// Runs the job until it is caught up.
    #[track_caller]
    fn caught_up(&self) -> String {
        self.folder.syncline(&["run", "live"]).well().out
    }

    /// Changes something, and asserts that it arrives.
    #[track_caller]
    fn arrives(&self, sql: &str, tables: &[&str]) {
        self.from.sql(&format!("{sql};"));
        self.caught_up();
        self.same(tables, sql);
    }

    /// Asserts that the tables hold the same bytes at both ends.
    #[track_caller]
    fn same(&self, tables: &[&str], after: &str) {
        for table in tables {
            assert_eq!(rows(&self.to.url(), table), rows(&self.from.url(), table), "{table} after {after}");
        }
    }

    /// A session at the source.
    fn session(&self) -> Client {
        Client::open(&self.from.url())
    }
}

/// Every byte of every row. As text a number keeps its sign and its digits; an enum's number tells its error value.
#[track_caller]
fn rows(url: &str, table: &str) -> String {
    let columns = format!(
        "SELECT GROUP_CONCAT(IF(DATA_TYPE = 'enum', CONCAT('`', COLUMN_NAME, '` + 0'), CONCAT('HEX(CONCAT(`', COLUMN_NAME, \
         '`))')) ORDER BY ORDINAL_POSITION) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}';"
    );
    let columns = mariadb(url, &columns);
    let mut rows: Vec<String> =
        mariadb(url, &format!("SELECT {columns} FROM `{table}`;")).lines().map(str::to_owned).collect();
    rows.sort();
    rows.join("\n")
}
