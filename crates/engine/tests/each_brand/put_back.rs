//! A sink that was put back to yesterday (F90): its position went back with its rows, so the changes since come again, if
//! the source still has them.

use syncline_rig::Brand;

use super::{BRANDS, Source};
use crate::support::servers::Database;

const TABLES: &str = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v varchar(30)); CREATE TABLE log (n int NOT NULL PRIMARY KEY, v varchar(30)); \
    INSERT INTO t VALUES (1, 'old'), (2, 'old'), (3, 'old')";

/// A sink of some brand: what is asked of it, and how it is kept and put back.
struct Sink {
    server: Option<Database>,
}

impl Sink {
    fn sql(&self, source: &Source, sql: &str) -> String {
        match &self.server {
            Some(server) => server.sql(&format!("{sql};")),
            None => source.folder.sql("b.db", sql),
        }
    }

    /// Keeps all rows and the lane's position as they are.
    fn keep(&self, source: &Source) {
        for table in ["t", "log", "syncline_position"] {
            self.sql(source, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
        }
    }

    fn put_back(&self, source: &Source) {
        for table in ["t", "log", "syncline_position"] {
            self.sql(source, &format!("DELETE FROM {table}"));
            self.sql(source, &format!("INSERT INTO {table} SELECT * FROM kept_{table}"));
        }
    }

    /// Asserts that it holds what the source holds.
    #[track_caller]
    fn same(&self, source: &Source, after: &str) {
        for query in ["SELECT id, v FROM t ORDER BY id", "SELECT n, v FROM log ORDER BY n"] {
            assert_eq!(self.sql(source, query), source.sql(query), "{:?} after {after}", source.brand);
        }
    }
}

/// What happens after the backup. Applied to rows that have it already, some of it would be refused and some be wrong.
fn day(source: &Source, n: u32) {
    source.sql(&format!("INSERT INTO log VALUES ({n}, 'day {n}')"));
    source.sql(&format!("UPDATE t SET id = id + 1 WHERE id = (SELECT m FROM (SELECT max(id) AS m FROM t) AS x); UPDATE t SET v = 'day {n}' WHERE id = 2"));
    source.sql(&format!("INSERT INTO t VALUES ({n}00, 'gone'); DELETE FROM t WHERE id = {n}00"));
}

fn each(test: impl Fn(&Source, &Sink)) {
    // Every brand as the source, and as the sink.
    for (brand, sink) in BRANDS.into_iter().zip([Some(Brand::Postgres), Some(Brand::Mariadb), None]) {
        let sink = Sink { server: sink.map(Database::shared) };
        let source = Source::new(brand, TABLES);
        let url = sink.server.as_ref().map_or("sqlite:b.db".to_owned(), Database::url);
        source.jobs_to(
            "live: {from: a, to: sink, capture: trigger, install: auto, tables: {t: {}, log: {}}}\n\
             slow: {from: a, to: c, capture: trigger, install: auto}",
            &format!(", sink: '{url}'"),
        );
        test(&source, &sink);
    }
}

/// F90: a lane that has not confirmed yet keeps the changes for the one that needs them again.
#[test]
fn a_sink_that_was_put_back_gets_again_what_is_kept() {
    each(|source, sink| {
        source.folder.syncline(&["run", "--quiet"]).well();
        day(source, 4);
        source.caught_up();
        sink.keep(source);
        day(source, 5);
        source.caught_up();
        day(source, 6);
        source.caught_up();
        sink.same(source, "two days");
        sink.put_back(source);
        source.caught_up();
        sink.same(source, "the restore");
        // And while the job follows a change that comes after it.
        sink.put_back(source);
        day(source, 7);
        source.caught_up();
        sink.same(source, "another restore");
    });
}

/// F90: what was removed at the source comes from nowhere, and the lane does not go on as if nothing were missing.
#[test]
fn a_sink_that_was_put_back_too_far_is_refused() {
    each(|source, sink| {
        source.folder.syncline(&["run", "--quiet"]).well();
        day(source, 4);
        source.folder.syncline(&["run", "--quiet"]).well();
        sink.keep(source);
        for n in 5..7 {
            day(source, n);
            source.folder.syncline(&["run", "--quiet"]).well();
        }
        sink.put_back(source);
        let before = sink.sql(source, "SELECT n, v FROM log ORDER BY n");
        let refused = source.run().exits(1);
        let said = refused.err.contains("the source or the sink was put back to an earlier state");
        assert!(said && refused.err.contains("syncline resync"), "{:?}: {}", source.brand, refused.err);
        assert_eq!(sink.sql(source, "SELECT n, v FROM log ORDER BY n"), before);
        source.folder.syncline(&["resync", "live"]).well();
        source.caught_up();
        sink.same(source, "resync");
        day(source, 8);
        source.caught_up();
        sink.same(source, "a change after it");
    });
}
