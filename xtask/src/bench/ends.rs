//! Databases of all three brands that hold the same rows, and sinks for them.

use std::fs;
use std::path::PathBuf;

use syncline_rig::Brand;

use super::orders::{self, OWN, Shape, TABLE};
use super::servers::Place;
use super::{Setting, data};
use crate::failure::Result;
use crate::process;

pub const SOURCE: &str = "source";
pub const SINK: &str = "sink";

pub struct Ends {
    pub postgres: Place,
    pub mariadb: Place,
    /// A database file with the rows.
    pub source: PathBuf,
    pub sink: PathBuf,
    /// The rows as PostgreSQL and MariaDB load them.
    pub loaded: PathBuf,
    /// The rows as the sqlite3 shell imports them.
    pub imported: PathBuf,
    script: PathBuf,
}

impl Ends {
    pub fn start(setting: &Setting) -> Result<Ends> {
        let file = |name| setting.folder.file(name);
        Ok(Ends {
            postgres: Place::start(Brand::Postgres)?,
            mariadb: Place::start(Brand::Mariadb)?,
            source: file("source.db"),
            sink: file("sink.db"),
            loaded: file("loaded.tsv"),
            imported: file("imported.tsv"),
            script: file("import.sql"),
        })
    }

    pub fn places(&self) -> [&Place; 2] {
        [&self.postgres, &self.mariadb]
    }

    /// The same rows in all three brands, with this column as key. Returns what each says of them.
    pub fn fill(&self, key: &'static str, rows: u64) -> Result<String> {
        let shape = Shape { key: Some(key), ..OWN };
        orders::generate(&self.postgres, SOURCE, shape, rows)?;
        orders::export(&self.postgres, SOURCE, &self.loaded)?;
        orders::export_for_sqlite(&self.postgres, SOURCE, &self.imported)?;
        self.mariadb.anew(SOURCE)?;
        self.mariadb.execute(SOURCE, &orders::create_mariadb(shape))?;
        self.mariadb.execute(SOURCE, &orders::load_data(&self.loaded))?;
        self.mariadb.execute(SOURCE, &format!("ANALYZE TABLE {TABLE}"))?;
        self.fill_file(shape)?;
        let truth = orders::fingerprint(&self.postgres, SOURCE)?;
        for found in [orders::fingerprint(&self.mariadb, SOURCE)?, orders::fingerprint_of_file(&self.source)?] {
            if found.trim() != truth.trim() {
                return Err(format!("the brands do not begin with the same rows:\n{truth}{found}").into());
            }
        }
        Ok(truth)
    }

    /// The shell's import knows no null, so they are set afterwards. The file is made once and thrown away; a crash
    /// while it is made costs nothing.
    fn fill_file(&self, shape: Shape) -> Result<()> {
        data::remove(&self.source)?;
        let text = format!(
            "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF;\n{};\n{}\
             UPDATE {TABLE} SET note = nullif(note, ''), paid_at = nullif(paid_at, '') WHERE note = '' OR paid_at = '';\n\
             PRAGMA journal_mode=DELETE;\n",
            orders::create_sqlite(shape),
            orders::import(&self.imported)
        );
        fs::write(&self.script, text).map_err(|err| format!("cannot write {}: {err}", self.script.display()))?;
        process::output(data::sqlite3(&self.source).arg(format!(".read '{}'", self.script.display()))).map(drop)
    }

    /// An empty table with its key, in a database of its own.
    pub fn postgres_sink(&self, shape: Shape) -> Result<()> {
        self.postgres.anew(SINK)?;
        self.postgres.execute(SINK, &orders::create_postgres(shape)).map(drop)
    }

    pub fn mariadb_sink(&self, shape: Shape) -> Result<()> {
        self.mariadb.anew(SINK)?;
        self.mariadb.execute(SINK, &orders::create_mariadb(shape)).map(drop)
    }

    pub fn sqlite_sink(&self) -> Result<()> {
        data::remove(&self.sink)?;
        process::output(data::sqlite3(&self.sink).arg(orders::create_sqlite(OWN))).map(drop)
    }

    pub fn check_postgres(&self) -> Result<String> {
        orders::fingerprint(&self.postgres, SINK)
    }

    pub fn check_mariadb(&self) -> Result<String> {
        orders::fingerprint(&self.mariadb, SINK)
    }

    pub fn check_sqlite(&self) -> Result<String> {
        orders::fingerprint_of_file(&self.sink)
    }
}
