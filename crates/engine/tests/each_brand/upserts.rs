//! Statements that decide by themselves whether they insert, update or delete (F25), at random, while the lane follows and
//! dies. `follow/random.rs` does the same to SQLite.

use syncline_rig::Brand;

use super::Source;
use crate::follow_postgres::sessions::Session;
use crate::support::client::Client;
use crate::support::random::{Random, seed};
use crate::support::servers::Database;

const SCHEMA: &str = "CREATE TABLE t (id int PRIMARY KEY, u varchar(10) UNIQUE, v varchar(20), n int NOT NULL DEFAULT 0); \
    CREATE TABLE s (id int PRIMARY KEY, u varchar(10), v varchar(20)); \
    INSERT INTO t (id, u, v) VALUES (1, 'u1', 'a'), (2, 'u2', 'b'), (3, NULL, 'c'); \
    INSERT INTO s VALUES (2, 'u2', 'of s'), (5, 'u5', 'of s'), (6, NULL, 'of s'), (9, 'u1', 'of s')";

const QUERIES: [&str; 2] = [
    "SELECT id, COALESCE(u, '~'), COALESCE(v, '~'), n FROM t ORDER BY id",
    "SELECT id, COALESCE(u, '~'), COALESCE(v, '~') FROM s ORDER BY id",
];

/// A session of the source's own program, which goes on after an error.
enum Writer {
    Postgres(Session),
    Mariadb(Client),
}

impl Writer {
    fn new(source: &Source) -> Self {
        let url = source.server.as_ref().unwrap().url();
        match source.brand {
            Some(Brand::Postgres) => {
                let mut session = Session::new(&url);
                session.run("\\set ON_ERROR_STOP 0\n\\set ON_ERROR_ROLLBACK on\n");
                Self::Postgres(session)
            }
            _ => Self::Mariadb(Client::open(&url)),
        }
    }

    fn run(&mut self, sql: &str) {
        match self {
            Self::Postgres(session) => session.run(&format!("{sql};")),
            Self::Mariadb(session) => session.says(sql),
        };
    }
}

/// What both brands say in the same words.
fn plain(random: &mut Random) -> String {
    let (id, other) = (random.below(12), random.below(12));
    let u = random.of(&["'u1'", "'u2'", "'u3'", "'u4'", "NULL"]);
    match random.below(7) {
        0 => format!("INSERT INTO t (id, u, v) VALUES ({id}, {u}, 'plain {other}')"),
        1 => format!("UPDATE t SET id = {other}, n = n + 1 WHERE id = {id}"),
        2 => format!("UPDATE t SET u = {u} WHERE id = {id}"),
        3 => format!("DELETE FROM t WHERE id = {id}"),
        4 => format!("UPDATE s SET id = {other}, u = {u} WHERE id = {id}"),
        5 => format!("INSERT INTO t (id, u) SELECT id + {other}, NULL FROM s WHERE id > {id}"),
        _ => format!("UPDATE t SET v = 'all {other}'"),
    }
}

fn of_postgres(random: &mut Random) -> String {
    let (id, other) = (random.below(12), random.below(12));
    let u = random.of(&["'u1'", "'u2'", "'u3'", "'u4'", "NULL"]);
    match random.below(10) {
        0 => format!("INSERT INTO t (id, u, v) VALUES ({id}, {u}, 'x'), ({other} + 20, NULL, 'y') ON CONFLICT (id) DO UPDATE SET v = excluded.v || 'u', n = t.n + 1"),
        1 => format!("INSERT INTO t (id, u) VALUES ({id}, {u}) ON CONFLICT DO NOTHING"),
        2 => format!("INSERT INTO t (id, u) VALUES ({id}, {u}) ON CONFLICT (u) DO UPDATE SET id = {other} WHERE t.n < 50"),
        3 => "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.u IS NULL THEN DELETE \
             WHEN MATCHED AND t.n % 2 = 0 THEN UPDATE SET v = s.v, n = t.n + 1 WHEN NOT MATCHED AND s.id < 8 THEN INSERT (id, v) VALUES (s.id, s.v)".into(),
        4 => format!("MERGE INTO s USING (SELECT * FROM t WHERE id > {id}) m ON s.id = m.id WHEN MATCHED THEN UPDATE SET v = 'merged {other}' \
             WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.u, m.v)"),
        5 => format!("UPDATE t SET v = s.v, n = t.n + {other} FROM s WHERE s.id = t.id OR s.u = t.u"),
        6 => format!("DELETE FROM t USING s WHERE s.u = t.u AND t.id > {id}"),
        7 => format!("WITH d AS (DELETE FROM t WHERE id > {id} RETURNING *) INSERT INTO t SELECT id + 1, u, v, n FROM d"),
        8 => format!("WITH d AS (DELETE FROM s WHERE id = {id} RETURNING *) INSERT INTO t (id, v) SELECT id, v FROM d ON CONFLICT (id) DO UPDATE SET v = 'moved'"),
        _ => random.of(&["TRUNCATE s", "TRUNCATE t, s", "DELETE FROM t"]).to_owned(),
    }
}

fn of_mariadb(random: &mut Random) -> String {
    let (id, other) = (random.below(12), random.below(12));
    let u = random.of(&["'u1'", "'u2'", "'u3'", "'u4'", "NULL"]);
    match random.below(12) {
        0 | 1 => format!("REPLACE INTO t (id, u, v) VALUES ({id}, {u}, 'replaced'), ({other}, {u}, 'again')"),
        2 => "REPLACE INTO t (id, u, v) SELECT id, u, v FROM s".into(),
        3 => format!(
            "INSERT INTO t (id, u, v) VALUES ({id}, {u}, 'x'), ({other}, NULL, 'y') ON DUPLICATE KEY UPDATE v = CONCAT(VALUES(v), 'u'), n = n + 1"
        ),
        4 => format!("INSERT INTO t (id, u) VALUES ({id}, {u}) ON DUPLICATE KEY UPDATE id = {other}"),
        5 => format!("INSERT IGNORE INTO t (id, u) VALUES ({id}, {u}), ({other}, {u}), ({other} + 20, 'u9')"),
        6 => format!(
            "INSERT INTO s SELECT id, u, v FROM t WHERE id > {id} ON DUPLICATE KEY UPDATE v = 'merged', u = NULL"
        ),
        7 => format!("UPDATE IGNORE t SET u = {u}, n = n + 1 WHERE id > {id}"),
        8 => format!("UPDATE IGNORE t SET id = {other} WHERE id < {id}"),
        9 => format!("UPDATE t JOIN s ON t.id = s.id SET t.v = s.v, t.n = t.n + {other}, s.v = 'joined'"),
        10 => format!("DELETE t, s FROM t JOIN s ON t.u = s.u WHERE t.id > {id}"),
        _ => format!("DELETE FROM t ORDER BY id LIMIT {}", other % 4),
    }
}

fn changed_at_random(brand: Brand, sink: Brand, own: fn(&mut Random) -> String) {
    let seed = seed();
    let mut random = Random(seed);
    let (source, sink) = (Source::new(Some(brand), SCHEMA), Database::shared(sink));
    source.jobs_to(
        "live: {from: a, to: [b, sink], capture: trigger, install: auto, batch_bytes_max: 4 KiB}",
        &format!(", sink: '{}'", sink.url()),
    );
    source.caught_up();
    let mut writer = Writer::new(&source);
    for _ in 0..4 {
        let running = source.folder.started(&["run", "live", "--follow", "--quiet"]);
        for _ in 0..60 {
            let mut statement = || if random.below(3) == 0 { plain(&mut random) } else { own(&mut random) };
            let (one, other) = (statement(), statement());
            match random.below(4) {
                0 => writer.run(&format!("BEGIN; {one}; {other}; COMMIT")),
                1 => writer.run(&format!("BEGIN; SAVEPOINT s; {one}; ROLLBACK TO SAVEPOINT s; {other}; COMMIT")),
                _ => writer.run(&one),
            }
        }
        running.kill();
        source.caught_up();
        for query in QUERIES {
            source.same(query, &format!("seed {seed}"));
            assert_eq!(sink.sql(&format!("{query};")), source.sql(query), "{brand:?}, seed {seed}");
        }
    }
}

/// F25.
#[test]
fn upserts_at_random_in_postgres() {
    changed_at_random(Brand::Postgres, Brand::Mariadb, of_postgres);
}

/// F25.
#[test]
fn upserts_at_random_in_mariadb() {
    changed_at_random(Brand::Mariadb, Brand::Postgres, of_mariadb);
}
